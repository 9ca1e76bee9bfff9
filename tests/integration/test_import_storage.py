"""What an import brings: stored once, in order, with its raw lines and positions; what was deleted stays deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from import_bench import NOW, SOURCE, STREAM, Bench, call, chunk, client, found, new_bench, position, result

from service.model import zstd
from service.model.session import SessionWrite
from service.storage import sessions
from service.storage.attempts import Refused
from service.storage.database import open_database
from service.storage.importing import import_files, imports, raw_chunks


@pytest.fixture
async def bench(any_database_url: str) -> AsyncIterator[Bench]:
    db = await open_database(any_database_url, pool_size=4)
    yield await new_bench(db)
    await db.close()


def whole_session() -> list[Any]:
    """A session of four messages, with its raw lines and its position."""
    return [
        SessionWrite(external_id="s", source=SOURCE, title="Login loop", prompt_tokens=10, cache_read_tokens=5),
        found("u1", "Why does it loop?", records=["u1"], lines=[0], minute=0),
        found(
            "msg_1", "I'll look.", "assistant", records=["a1", "a2", "msg_1", "toolu_1"], lines=[10, 20], minute=1,
            parts=(call("toolu_1", "Read", file_path="a.ts"),), prompt_tokens=10, attrs={"usage": {"in": 10}},
        ),
        found("r1", None, "tool", records=["r1"], lines=[30], minute=2, parts=(result("toolu_1", "Read", "x"),)),
        found("msg_2", "Fixed.", "assistant", records=["a3", "msg_2"], lines=[40], minute=3),
        chunk({0: b"{0}", 10: b"{10}", 20: b"{20}", 30: b"{30}", 40: b"{40}"}),
        position(),
    ]  # fmt: skip


async def test_it_writes_nothing_when_the_same_comes_again(bench: Bench) -> None:
    """Counts of rows made, then zeros: no change-log row, no row version moved, no position dated anew."""
    first = await bench.bring(*whole_session())
    assert (first.new_sessions, first.new_messages, first.changed_messages, first.new_raw_lines) == (
        1,
        4,
        0,
        5,
    )
    before = [await bench.rows(table) for table in ("sessions", "messages", "raw_chunks", "import_files")]
    cursor = await bench.cursor()
    again = await bench.bring(*whole_session(), now=NOW + timedelta(hours=1))
    assert (again.messages, again.chunks) == (["stored"] * 4, ["stored"])
    made = (again.new_sessions, again.changed_sessions, again.new_messages, again.changed_messages)
    assert (made, again.new_raw_lines) == ((0, 0, 0, 0), 0)
    assert again.message_ids == first.message_ids
    assert await bench.changes(cursor) == []
    assert before == [
        await bench.rows(table) for table in ("sessions", "messages", "raw_chunks", "import_files")
    ]


async def test_it_takes_no_lock_for_what_is_there(bench: Bench) -> None:
    """The same again goes through while somebody else holds the session's row."""
    await bench.bring(*whole_session())
    async with bench.db.workspace(bench.workspace_id) as conn:
        await conn.execute("select from sessions for update")
        again = await bench.bring(*whole_session())
    assert again.changed_messages == 0


async def test_it_keeps_the_transcript_s_order_and_times(bench: Bench) -> None:
    """Messages of one time stand as they came; the session begins and was last active when they say."""
    await bench.bring(*[found(f"z{9 - n}", f"{n}") for n in range(4)], found("a", "last", minute=5))
    assert [row["text"] for row in await bench.messages()] == ["0", "1", "2", "3", "last"]
    row = await bench.session()
    assert row["created_at"] == NOW - timedelta(days=1)
    assert row["updated_at"] == NOW - timedelta(days=1) + timedelta(minutes=5)
    await bench.bring(SessionWrite(external_id="s", source=SOURCE, title="T", status="done"))
    assert (await bench.session())["updated_at"] == row["updated_at"]


async def test_it_adds_up_four_counts(bench: Bench) -> None:
    """totalTokens is the sum of disjoint counts: input, output, read from the cache, written to it."""
    counts = {
        "prompt_tokens": 1,
        "completion_tokens": 20,
        "cache_read_tokens": 300,
        "cache_write_tokens": 4000,
    }
    await bench.bring(SessionWrite(external_id="s", source=SOURCE, **counts))
    assert (await bench.session())["total_tokens"] == 4321


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
async def test_it_reads_growing_snapshots_in_any_order(bench: Bench, order: tuple[int, ...]) -> None:
    """Whichever snapshot of one session comes first, what is stored is the longest; then nothing changes."""
    grown = [
        ("I'll", ["a1"], ()),
        ("I'll look.", ["a1", "a2"], ()),
        ("I'll look.", ["a1", "a2", "a3"], (call("t", "Read"),)),
    ]
    snapshots = [
        [
            found("u1", "Why?", records=["u1"]),
            found("msg", text, "assistant", records=records, parts=parts, minute=1),
            *[found(f"u{n}", "more", records=[f"u{n}"], minute=n) for n in range(2, 2 + at)],
        ]
        for at, (text, records, parts) in enumerate(grown)
    ]
    for at in order:
        await bench.bring(*snapshots[at])
    rows = await bench.messages()
    assert [row["external_id"] for row in rows] == ["u1", "msg", "u2", "u3"]
    assert (rows[1]["text"], rows[1]["tools"]) == ("I'll look.", ["Read"])
    cursor = await bench.cursor()
    for snapshot in snapshots:
        await bench.bring(*snapshot)
    assert await bench.changes(cursor) == []


async def test_it_knows_a_session_that_was_copied(bench: Bench) -> None:
    """From another machine, on another path, in another file: each message once; the lines of both are noted."""
    await bench.bring(*whole_session())
    copied = [
        msgspec.structs.replace(item, stream="cd34") if hasattr(item, "stream") else item
        for item in whole_session()
    ]
    copied[-1] = position("/elsewhere", machine="desktop", stream="cd34")
    again = await bench.bring(*copied)
    assert (again.new_messages, again.changed_messages, again.new_raw_lines) == (0, 0, 5)
    assert len(await bench.messages()) == 4
    assert {row["stream"] for row in await bench.rows("message_lines")} == {STREAM, "cd34"}


async def test_it_knows_a_message_by_a_record_that_its_id_became(bench: Bench) -> None:
    """A copy that names the message by another of its records is the same one, under the id that it has."""
    first = await bench.bring(found("a1", "Hi", "assistant", records=["a1"]))
    grown = await bench.bring(found("msg", "Hi there", "assistant", records=["a1", "a2", "msg"]))
    assert grown.message_ids == first.message_ids
    (row,) = await bench.messages()
    assert (row["external_id"], row["text"]) == ("a1", "Hi there")
    assert (
        await bench.bring(found("msg", "Hi there", "assistant", records=["a1", "a2", "msg"]))
    ).changed_messages == 0


async def test_it_keeps_a_result_apart_from_its_call(bench: Bench) -> None:
    """A tool's result that tells the id of its call stays a message of its own, in the next request too."""
    await bench.bring(
        found("toolu_1", None, "assistant", records=["toolu_1"], parts=(call("toolu_1", "Read"),))
    )
    await bench.bring(
        found("r1", None, "tool", records=["toolu_1"], parts=(result("toolu_1", "Read", "x"),), minute=1)
    )
    assert [row["role"] for row in await bench.messages()] == ["assistant", "tool"]


async def test_it_leaves_deleted_messages_deleted(bench: Bench) -> None:
    """Under any of its record's ids, by import and by sync; its raw lines are cut out and do not come back."""
    await bench.bring(*whole_session())
    await bench.delete("msg_1")
    again = await bench.bring(*whole_session())
    assert again.messages == ["stored", "deleted", "stored", "stored"]
    for copy in (found("a2", "x", "assistant"), found("copy", "x", "assistant", records=["a2"])):
        assert (await bench.bring(copy)).messages == ["deleted"]
    assert (
        await bench.sync(client("toolu_1", role="assistant", parts=(call("x", "Read"),)))
    ).message_ids == [None]
    assert len(await bench.messages()) == 3
    assert await kept(bench) == {0: b"{0}", 30: b"{30}", 40: b"{40}"}
    shifted = await bench.bring(chunk({10: b"{10}", 20: b"{20}", 30: b"{30}"}))
    assert shifted.chunks == ["stored"]
    assert set(await kept(bench)) == {0, 30, 40}


async def test_it_cuts_the_lines_of_a_refused_message_from_a_copy(bench: Bench) -> None:
    """A file that holds the deleted message under other offsets does not bring its lines back either."""
    await bench.bring(*whole_session())
    await bench.delete("msg_2")
    await bench.bring(
        found("msg_2", "Fixed.", "assistant", records=["a3"], lines=[7], stream="cd34"),
        chunk({0: b"x", 7: b"{40}"}, stream="cd34"),
    )
    assert await kept(bench, "cd34") == {0: b"x"}


async def kept(bench: Bench, stream: str = STREAM) -> dict[int, bytes]:
    """The raw lines of a stream."""
    return {
        offset: line
        async for offset, _, line in raw_chunks.read(bench.db, bench.workspace_id, stream, page=1)
    }


async def test_it_deletes_raw_lines_with_their_session(bench: Bench) -> None:
    """A deleted session takes chunks, records and lines with it; what comes again for it is told as deleted."""
    await bench.bring(*whole_session())
    row = await bench.session()
    async with bench.db.workspace(bench.workspace_id) as conn:
        await sessions.delete(conn, bench.workspace_id, [row["id"]])
    for table in ("messages", "message_records", "message_lines", "raw_chunks"):
        assert await bench.rows(table) == []
    again = await bench.bring(*whole_session())
    assert (again.sessions, again.messages, again.chunks) == (["deleted"], ["deleted"] * 4, ["deleted"])


async def test_it_restores_what_the_request_names(bench: Bench) -> None:
    """Sessions, messages and raw lines that were deleted here come back; what is not named stays away."""
    await bench.bring(*whole_session(), found("other", "hello", session_external_id="t"))
    await bench.delete("msg_1")
    restored = await bench.bring(*whole_session(), restore=True)
    assert (restored.new_messages, len(await bench.messages())) == (1, 4)
    assert set(await kept(bench)) == {0, 10, 20, 30, 40}
    async with bench.db.workspace(bench.workspace_id) as conn:
        ids = [(await bench.session(name))["id"] for name in ("s", "t")]
        await sessions.delete(conn, bench.workspace_id, ids)
    restored = await bench.bring(*whole_session(), restore=True)
    assert (restored.new_sessions, restored.new_messages) == (1, 4)
    assert (await bench.bring(found("other", "hello", session_external_id="t"))).messages == ["deleted"]


async def test_it_keeps_chunks_by_where_they_begin(bench: Bench) -> None:
    """The same is nothing, fewer lines neither, more take its place; another beginning is another chunk."""
    await bench.bring(found("m", "x"), chunk({0: b"a", 5: b"b"}))
    assert (await bench.bring(chunk({0: b"a"}))).new_raw_lines == 0
    assert (await bench.bring(chunk({0: b"a", 5: b"b", 9: b"c"}))).new_raw_lines == 3
    await bench.bring(chunk({5: b"b", 9: b"c", 12: b"d"}))
    assert await kept(bench) == {0: b"a", 5: b"b", 9: b"c", 12: b"d"}
    assert len(await bench.rows("raw_chunks")) == 2


async def test_it_replaces_a_document_as_a_whole(bench: Bench) -> None:
    """A document that was written anew leaves nothing of what it was, also where it became shorter."""
    await bench.bring(found("m", "x"), chunk({0: b"one"}, whole=True), chunk({9: b"two"}))
    cursor = await bench.bring(chunk({0: b"one"}, whole=True), chunk({9: b"two"}))
    assert cursor.new_raw_lines == 0
    await bench.bring(chunk({0: b"o"}, whole=True))
    assert await kept(bench) == {0: b"o"}


async def test_it_keeps_raw_lines_of_sessions_only(bench: Bench) -> None:
    """Raw lines of a session that is not here are told; they make none."""
    assert (await bench.bring(chunk({0: b"a"}))).chunks == ["unknown"]
    assert await bench.rows("sessions") == []


async def test_it_reads_lines_of_several_sessions_in_order(bench: Bench) -> None:
    """A stream whose lines two sessions keep reads as the file did, each line once."""
    await bench.bring(found("m", "x"), found("n", "y", session_external_id="t"))
    await bench.bring(
        chunk({0: b"a", 20: b"c", 50: b"f"}), chunk({10: b"b", 30: b"d", 40: b"e"}, session="t")
    )
    await bench.bring(chunk({20: b"c", 50: b"f", 60: b"g"}))
    assert list((await kept(bench)).items()) == list(
        {0: b"a", 10: b"b", 20: b"c", 30: b"d", 40: b"e", 50: b"f", 60: b"g"}.items()
    )


async def test_it_keeps_positions_of_files(bench: Bench) -> None:
    """By machine and path, in pages; the state keeps the order of its keys, the inode all its digits."""
    for path in ("/c", "/a", "/b"):
        await bench.bring(position(path))
    await bench.bring(position("/a", offset=85), now=NOW + timedelta(hours=1))
    async with bench.db.workspace(bench.workspace_id) as conn:
        rows = await import_files.page(conn, bench.workspace_id, machine="laptop", limit=2)
        rest = await import_files.page(
            conn, bench.workspace_id, limit=9, after=import_files.Place(rows[-1]["machine"], rows[-1]["path"])
        )
        none = await import_files.page(conn, bench.workspace_id, source="pi", limit=9)
    assert [row["path"] for row in (*rows, *rest, *none)] == ["/a", "/b", "/c"]
    assert (rows[0]["offset"], rows[0]["read_at"] - rows[1]["read_at"]) == (85, timedelta(hours=1))
    assert (list(rows[0]["state"]), rows[0]["inode"]) == (["z", "a"], str(2**63 + 5))


async def test_it_stores_no_position_of_what_it_refuses(bench: Bench) -> None:
    """A value that Postgres refuses takes all of its request with it, the position too."""
    with pytest.raises(Refused):
        await bench.bring(found("m", "\0"), position())
    assert await bench.rows("import_files") == await bench.rows("sessions") == []


async def test_it_replaces_totals_and_keeps_what_it_does_not_say(bench: Bench) -> None:
    """Token counts are absolute and come together; cost and title stay where a later reading does not say them."""
    await bench.bring(says(prompt_tokens=7, cache_read_tokens=1, cost_usd=Decimal("0.5"), title="T"))
    await bench.bring(says(prompt_tokens=9))
    row = await bench.session()
    assert (row["prompt_tokens"], row["cache_read_tokens"], row["cost_usd"], row["title"]) == (
        9,
        None,
        Decimal("0.5"),
        "T",
    )


async def test_it_takes_no_totals_of_an_older_snapshot(bench: Bench) -> None:
    """One whose tokens are fewer tells no total, and all else: a document may be rewritten; a better reading says all."""
    await bench.bring(says(prompt_tokens=9, title="Before it", created_at=NOW, status="open"))
    older = says(
        prompt_tokens=5, title="After it", created_at=NOW - timedelta(days=1), status="done", model="m"
    )
    await bench.bring(older)
    row = await bench.session()
    assert (row["prompt_tokens"], row["created_at"]) == (9, NOW - timedelta(days=1))
    assert (row["title"], row["status"], row["model"]) == ("After it", "done", "m")
    await bench.bring(older, exact=STREAM)
    assert (await bench.session())["prompt_tokens"] == 5


def says(**fields: Any) -> SessionWrite:
    return SessionWrite(external_id="s", source=SOURCE, **fields)


def test_it_takes_lines_out_of_a_chunk() -> None:
    """What is left unpacks to the other lines; a chunk of which nothing is left is none."""
    left = raw_chunks.without(chunk({0: b"a", 3: b"bb", 9: b"c"}), {3})
    assert left is not None
    assert (left.offsets, zstd.unpacked(left.data, limit_bytes=9)) == ((0, 9), b"ac")
    assert raw_chunks.without(chunk({0: b"a"}), {0}) is None


def test_it_folds_a_message_that_comes_twice() -> None:
    """The later says what it is, unless it is an older snapshot; records and lines of both stay, in their streams."""
    long = found("m", "long", records=["a", "b"], lines=[0, 9])
    short = found("m", "short", records=["a"], lines=[0])
    for pair in ((long, short), (short, long)):
        (folded,) = imports.fold([((1, "m"), item) for item in pair]).values()
        assert (folded.write.text, set(folded.records)) == ("long", {"a", "b"})
    other = msgspec.structs.replace(short, stream="cd34", lines=(7,))
    lines = imports.lines_of([((1, "m"), item) for item in (long, short, other)])
    assert lines == {((1, "m"), STREAM): {0, 9}, ((1, "m"), "cd34"): {7}}
