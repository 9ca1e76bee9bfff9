"""The databases of OpenCode and Cursor, real SQLite files: read as they are, and never touched."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from stores import (
    T0,
    by_id,
    compose,
    cursor_database,
    found,
    opencode_database,
    opened,
    put,
    say,
    state,
    texts,
    write,
)

from service.collect.stores import cursor_sessions, opencode_sessions
from service.collect.stores.sqlite_files import Unusable
from service.importers import cursor, opencode
from service.importers.model import Format, FoundSession, LeftOut

Make = Callable[[Path], sqlite3.Connection]
TOOLS = pytest.mark.parametrize(
    ("make", "name", "module", "format"),
    [
        (opencode_database, "opencode.db", opencode_sessions, opencode.FORMAT),
        (cursor_database, "state.vscdb", cursor_sessions, cursor.FORMAT),
    ],
    ids=["opencode", "cursor"],
)


@TOOLS
@pytest.mark.parametrize("writer", ["open", "locking", "gone"])
def test_it_reads_a_database_and_leaves_it_as_it_is(
    tmp_path: Path, make: Make, name: str, module: Any, format: Format, writer: str
) -> None:
    """With a writer beside it, with one that locks all of it, with none: what is stored is read, what is still in the
    log too, and every file of the folder keeps its bytes and its time."""
    conn = make(tmp_path / name)
    if writer == "locking":
        conn.execute("begin exclusive")
    if writer == "gone":
        conn.close()
    else:
        assert (tmp_path / f"{name}-wal").stat().st_size > 0
    before = state(tmp_path)
    read = [texts(format, transcript) for transcript in module.transcripts(tmp_path / name)]
    after = state(tmp_path)
    conn.close()
    assert after == before
    assert read == (
        [["Question 1", "Answer 1\n\nand more"], ["Question 2", "Answer 2\n\nand more"]]
        if format.name == "opencode"
        else [["Question of c1", "Answer of c1"], ["Question of c2", "Answer of c2"]]
    )


@TOOLS
def test_it_tells_a_torn_database_and_reads_the_others(
    tmp_path: Path, make: Make, name: str, module: Any, format: Format
) -> None:
    """A database that is cut off, or none at all, gives one error that names it; another one is read as ever."""
    make(tmp_path / name).close()
    whole = (tmp_path / name).read_bytes()
    for torn in (whole[: len(whole) // 3], b"SQLite format 3\0" + bytes(84), b"no database at all"):
        (tmp_path / name).write_bytes(torn)
        (broken,) = module.transcripts(tmp_path / name)
        assert broken.lines is not None
        with pytest.raises(
            Unusable, match=rf"{name} cannot be read as a SQLite database|is not a database of"
        ):
            list(broken.lines())
    other = tmp_path / "other" / name
    other.parent.mkdir()
    make(other).close()
    assert len([texts(format, transcript) for transcript in module.transcripts(other)]) == 2


@TOOLS
def test_it_marks_what_changed(tmp_path: Path, make: Make, name: str, module: Any, format: Format) -> None:
    """The same again has the same marks; a session that grew has another, and its neighbours keep theirs."""
    path = tmp_path / name
    with closing(make(path)) as conn:
        before = {id: transcript.mark for id, transcript in by_id(module.transcripts(path)).items()}
        assert {id: one.mark for id, one in by_id(module.transcripts(path)).items()} == before
        if format.name == "opencode":
            say(conn, 1, 3, "user", "Thanks")
        else:
            put(conn, "bubbleId:c1:b2", {"type": 2, "text": "Answer of c1, and more"})
        after = {id: transcript.mark for id, transcript in by_id(module.transcripts(path)).items()}
    assert [id for id in before if before[id] != after[id]] == [next(iter(before))]


def test_it_reads_text_that_is_no_utf_8(tmp_path: Path) -> None:
    """Bytes of any kind in a column come out as they can be read, and take no row with them."""
    path = tmp_path / "opencode.db"
    with closing(opencode_database(path)) as conn:
        conn.execute("update part set data = cast(x'7b22ff22' as text) where id = 'prt_msg_1_1_0'")
        conn.execute("update message set data = x'00ff' where id = 'msg_2_1'")
        conn.execute("update session set title = 5.5, version = x'00' where id = 'ses_1'")
    read = by_id(opencode_sessions.transcripts(path))
    assert texts(opencode.FORMAT, read["ses_1"]) == ["Answer 1\n\nand more"]
    assert texts(opencode.FORMAT, read["ses_2"]) == ["Question 2", "Answer 2\n\nand more"]


def test_it_takes_from_the_folders_what_no_database_has(tmp_path: Path) -> None:
    """Sessions of the JSON folders, in both of their layouts, beside those of the database."""
    opencode_database(tmp_path / "opencode.db").close()
    store = tmp_path / "storage"
    for id in ("ses_1", "ses_8"):
        write(store / "session" / "prj" / f"{id}.json", {"id": id, "title": "Old", "time": {"created": T0}})
        write(store / "message" / id / "msg_1.json", {"role": "user", "time": {"created": T0}})
    write(store / "part" / "msg_1" / "prt_1.json", {"type": "text", "text": "From a file"})
    older = tmp_path / "project" / "srv-app" / "storage" / "session"
    write(older / "info" / "ses_9.json", {"id": "ses_9"})
    write(older / "message" / "ses_9" / "msg_9.json", {"role": "user"})
    write(older / "part" / "ses_9" / "msg_9" / "prt_9.json", {"type": "text", "text": "From an older file"})
    before = state(tmp_path)
    read = by_id(opencode_sessions.transcripts(tmp_path))
    assert list(read) == ["ses_1", "ses_2", "ses_8", "ses_9"]
    assert texts(opencode.FORMAT, read["ses_1"])[0] == "Question 1"
    assert texts(opencode.FORMAT, read["ses_8"]) == ["From a file"]
    assert texts(opencode.FORMAT, read["ses_9"]) == ["From an older file"]
    assert state(tmp_path) == before
    write(store / "part" / "msg_1" / "prt_2.json", {"type": "text", "text": "More"})
    assert by_id(opencode_sessions.transcripts(tmp_path))["ses_8"].mark != read["ses_8"].mark


def test_it_reads_the_messages_of_version_two_once(tmp_path: Path) -> None:
    """Rows of the newer table count where the older has nothing as late: what stands in both is read once."""
    path = tmp_path / "opencode.db"
    with closing(opencode_database(path)) as conn:
        conn.execute(
            "create table session_message (id text, session_id text, type text, seq integer, time_created integer,"
            " time_updated integer, data text)"
        )
        for id, at in (("msg_twice", T0 + 1002), ("msg_new", T0 + 9000)):
            data = json.dumps({"text": id, "time": {"created": at}})
            conn.execute(
                "insert into session_message values (?, 'ses_1', 'user', ?, ?, ?, ?)", (id, at, at, at, data)
            )
    read = by_id(opencode_sessions.transcripts(path))
    assert texts(opencode.FORMAT, read["ses_1"]) == ["Question 1", "Answer 1\n\nand more", "msg_new"]


def test_it_takes_bubbles_from_wherever_cursor_keeps_them(tmp_path: Path) -> None:
    """In rows, in a map within the composer, or as the composer's list; in the order of the list, holes told."""
    path = tmp_path / "state.vscdb"
    with closing(cursor_database(path, ())) as conn:
        within = {"b1": {"bubbleId": "b1", "type": 1, "text": "In a map"}}
        headers = [{"bubbleId": id, "type": 1} for id in ("b2", "b1", "b3")]
        put(conn, "composerData:map", compose("map", headers, conversationMap=within))
        put(conn, "bubbleId:map:b2", {"type": 1, "text": "In a row"})
        put(conn, "bubbleId:map:b3", None)
        put(conn, "bubbleId:map:b0", {"type": 1, "text": "Taken back"})
        bubbles = [
            {"bubbleId": "b1", "type": 1, "text": "In a list"},
            {"type": 2, "bubbleId": "b2", "text": "Yes"},
        ]
        put(conn, "composerData:list", compose("list", [], conversation=bubbles))
        put(conn, "composerData:torn", "{torn")
        put(conn, "bubbleId:torn:b1", {"type": 1, "text": "Without its composer"})
        put(conn, "composerData:empty", compose("empty", []))
        put(conn, "composerData:null", None)
    read = by_id(cursor_sessions.transcripts(path))
    assert list(read) == ["list", "map", "torn"]
    assert texts(cursor.FORMAT, read["map"]) == ["In a row", "In a map"]
    assert [item.reason for item in found(cursor.FORMAT, read["map"]) if isinstance(item, LeftOut)] == [
        "a bubble that is missing in the database",
        "a bubble that the conversation no longer has",
    ]
    assert texts(cursor.FORMAT, read["list"]) == ["In a list", "Yes"]
    assert texts(cursor.FORMAT, read["torn"]) == ["Without its composer"]


def test_it_finds_a_composer_s_folder_in_its_workspace(tmp_path: Path) -> None:
    """`workspace.json` names the folder, the database beside it the composers; a torn one names none."""
    cursor_database(tmp_path / "globalStorage" / "state.vscdb").close()
    for name, listed in (
        ("w1", {"allComposers": [{"composerId": "c1"}]}),
        ("w2", {"selectedComposerIds": ["c2"]}),
    ):
        with closing(cursor_database(tmp_path / "workspaceStorage" / name / "state.vscdb", ())) as conn:
            put(conn, "composer.composerData", listed, "ItemTable")
        write(tmp_path / "workspaceStorage" / name / "workspace.json", {"folder": f"file:///srv/{name}"})
    write(tmp_path / "workspaceStorage" / "w3" / "workspace.json", {"folder": "file:///srv/w3"})
    (tmp_path / "workspaceStorage" / "w3" / "state.vscdb").write_bytes(b"torn")
    before = state(tmp_path)
    folders = {}
    for transcript in cursor_sessions.transcripts(tmp_path):
        (session,) = (item for item in found(cursor.FORMAT, transcript) if isinstance(item, FoundSession))
        folders[session.write.external_id] = session.write.project_path
    assert folders == {"c1": "/srv/w1", "c2": "/srv/w2"}
    assert state(tmp_path) == before


def test_it_takes_no_key_of_cursor_s_along(tmp_path: Path) -> None:
    """What Cursor encrypts with stands in a composer's row, and is not sent anywhere."""
    headers = [{"bubbleId": "b1", "type": 1}]
    with closing(cursor_database(tmp_path / "state.vscdb", ())) as conn:
        secret = compose(
            "c1", headers, blobEncryptionKey="s3cr3t", speculativeSummarizationEncryptionKey="s3cr3t"
        )
        put(conn, "composerData:c1", secret)
    (transcript,) = cursor_sessions.transcripts(tmp_path / "state.vscdb")
    assert transcript.lines is not None
    lines = b"".join(transcript.lines())
    assert b"Talk c1" in lines
    assert b"s3cr3t" not in lines


@pytest.mark.parametrize("rooted", [True, False])
def test_it_walks_the_tree_of_a_chat(tmp_path: Path, rooted: bool) -> None:
    """Messages come in the order of the tree; of a tree without a root, in which they were stored."""
    path = tmp_path / "chats" / "w" / "a1" / "store.db"
    path.parent.mkdir(parents=True)
    ids = {name: bytes([n]) * 32 for n, name in enumerate("RLabc")}
    said = {name: json.dumps({"role": "user", "content": f"Words {name}"}).encode() for name in "abc"}
    linked = {"L": b"".join(b"\x0a\x20" + ids[name] for name in "ba") + b"\x12\x00",
              "R": b"\x0a\x20" + ids["c"] + b"\x0a\x20" + ids["L"]}  # fmt: skip
    with closing(opened(path)) as conn:
        conn.execute("create table meta (key text, value text)")
        conn.execute("create table blobs (id text, data blob)")
        meta = json.dumps({"agentId": "a1", "latestRootBlobId": ids["R"].hex() if rooted else "?"})
        conn.execute("insert into meta values ('0', ?)", (meta.encode().hex(),))
        for name, data in (said | linked).items():
            conn.execute("insert into blobs values (?, ?)", (ids[name].hex(), data))
    before = state(tmp_path)
    (transcript,) = cursor_sessions.transcripts(tmp_path)
    order = "cba" if rooted else "abc"
    assert texts(cursor.FORMAT, transcript) == [f"Words {name}" for name in order]
    assert transcript.path.endswith("store.db#a1")
    assert state(tmp_path) == before
