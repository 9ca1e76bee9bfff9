"""Importing from databases that hold many sessions, and following files and databases while they are written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from collecting import Store, said
from stores import cursor_database, opencode_database, say, write

from service.collect.find import Finder, given
from service.collect.importing import Import
from service.collect.model import Transcript
from service.collect.patience import Patience
from service.collect.places import JSONL, Spot
from service.collect.reader import Outcome
from service.collect.survey import survey
from service.collect.watch import Follower

END_S = 20.0


def test_it_reads_the_sessions_of_a_database_that_changed(tmp_path: Path) -> None:
    """Each session is a document of its own: again only the one that grew is read."""
    with closing(opencode_database(tmp_path / "opencode.db", sessions=3)) as conn:
        store = Store()
        first = store.read(tmp_path)
        assert (first.files["new"], first.messages) == (3, 6)
        assert store.read(tmp_path).files == {"unchanged": 3}
        say(conn, 2, 3, "user", "One more")
        again = store.read(tmp_path)
        assert (again.files, again.new_messages) == ({"unchanged": 2, "changed": 1}, 1)
        assert "One more" in store.texts()


def test_it_finds_both_forms_of_a_tool_s_store(tmp_path: Path) -> None:
    """OpenCode's folder is searched for its database and for the older JSON beside it; Cursor's database by its name."""
    opencode = tmp_path / "share" / "opencode"
    opencode.mkdir(parents=True)
    opencode_database(opencode / "opencode.db", sessions=1).close()
    old = {"id": "ses_9", "title": "Old", "time": {"created": 1_700_000_000_000}}
    write(opencode / "storage" / "session" / "prj" / "ses_9.json", old)
    message = {"id": "msg_1", "sessionID": "ses_9", "role": "user", "time": {"created": 1_700_000_000_000}}
    write(opencode / "storage" / "message" / "ses_9" / "msg_1.json", message)
    write(
        opencode / "storage" / "part" / "msg_1" / "prt_1.json",
        {"id": "prt_1", "type": "text", "text": "Old words"},
    )
    cursor_database(tmp_path / "Cursor" / "User" / "globalStorage" / "state.vscdb").close()
    store = Store()
    store.read(tmp_path)
    assert {line.source for line in store.sessions.values()} == {"opencode", "cursor-sync"}
    assert {"Old words", "Question 1", "Question of c1"} <= set(store.texts())


def test_it_tells_of_a_database_that_is_none(tmp_path: Path) -> None:
    """A file of the right name that SQLite cannot read is told, and hurts no other."""
    (tmp_path / "opencode.db").write_bytes(b"SQLite format 3\0" + b"rubbish" * 100)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jsonl").write_bytes(said(1))
    store = Store()
    store.read(tmp_path / "opencode.db", tmp_path / "sub")
    assert store.texts() == ["prompt 1"]
    assert list(store.unreadable) == [str(tmp_path / "opencode.db")]


def test_it_counts_what_lies_in_a_place(tmp_path: Path) -> None:
    """A database is one file of many sessions; what was not read waits."""
    opencode_database(tmp_path / "opencode.db", sessions=3).close()
    spots = [Spot("opencode", str(tmp_path), "opencode.db")]
    found = list(Finder({}.__setitem__).at(spots))
    (tool,) = survey(spots, found, {}, {})
    size = (tmp_path / "opencode.db").stat().st_size
    assert (len(tool.files), tool.sessions, tool.size, tool.waiting) == (1, 3, size, 3)
    store = Store()
    store.read(tmp_path)
    (tool,) = survey(spots, found, store.files, dict.fromkeys(store.files, 5))
    assert (tool.sessions, tool.waiting, tool.read_at_ms) == (3, 0, 5)


def test_it_counts_no_session_in_an_empty_file(tmp_path: Path) -> None:
    """A file with nothing in it waits to be read, and is no session."""
    (tmp_path / "a.jsonl").write_bytes(b"")
    spots = [Spot("claude-code", str(tmp_path), r".+\.jsonl")]
    (tool,) = survey(spots, list(Finder({}.__setitem__).at(spots)), {}, {})
    assert (len(tool.files), tool.sessions, tool.size) == (1, 0, 0)


class Following:
    """A follower in a thread, and what it has read."""

    def __init__(self, spots: list[Spot], **how: Any) -> None:
        self.store, self.stop, self.brought = Store(), threading.Event(), threading.Condition()
        self.read: list[tuple[str, int]] = []
        self.run = Import("machine", {}, post=self.store, patience=Patience(self.stop, None))
        self.follower = Follower(self.run, spots, self.told)
        self.thread = threading.Thread(target=self.follow, kwargs={"look_s": 3600, **how})
        self.thread.start()

    def follow(self, **how: Any) -> None:
        with self.run:
            self.follower.follow(self.stop, **how)

    def told(self, transcript: Transcript, outcome: Outcome) -> None:
        with self.brought:
            self.read.append((transcript.path, outcome.messages))
            self.brought.notify_all()

    def until(self, *texts: str) -> None:
        """Wait until these were read."""
        with self.brought:
            assert self.brought.wait_for(lambda: set(texts) <= set(self.store.texts()), END_S)


@pytest.fixture
def following(tmp_path: Path) -> Iterator[tuple[Following, Path]]:
    """A follower of a folder in which there is one transcript."""
    (tmp_path / "a.jsonl").write_bytes(said(1))
    begun = Following([Spot("claude-code", str(tmp_path), JSONL)])
    yield begun, tmp_path
    begun.stop.set()
    begun.thread.join(END_S)
    assert not begun.thread.is_alive()


def test_it_follows_files_folders_and_replacements(following: tuple[Following, Path]) -> None:
    """What was there, what is appended, new files, files in new folders, and a file that takes another's place."""
    begun, folder = following
    begun.until("prompt 1")
    with (folder / "a.jsonl").open("ab") as file:
        file.write(said(2))
    begun.until("prompt 2")
    (folder / "b.jsonl").write_bytes(said(3))
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "c.jsonl").write_bytes(said(4))
    begun.until("prompt 3", "prompt 4")
    (folder / "new").write_bytes(said(1) + said(5))
    (folder / "new").rename(folder / "a.jsonl")
    begun.until("prompt 5")
    assert len(begun.store.messages) == 5


def test_it_reads_only_what_changed(following: tuple[Following, Path]) -> None:
    """A change of one file reads that file alone, and of it the new lines."""
    begun, folder = following
    begun.until("prompt 1")
    (folder / "b.jsonl").write_bytes(said(2))
    begun.until("prompt 2")
    begun.read.clear()
    with (folder / "b.jsonl").open("ab") as file:
        file.write(said(3))
    begun.until("prompt 3")
    assert {path for path, _ in begun.read} == {str(folder / "b.jsonl")}
    assert sum(messages for _, messages in begun.read) == 1


def test_it_finds_a_place_that_comes_later(tmp_path: Path) -> None:
    """A tool that is installed while it follows is found by the slow look."""
    begun = Following([Spot("claude-code", str(tmp_path / "later"), JSONL)], look_s=0.1)
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "a.jsonl").write_bytes(said(1))
    begun.until("prompt 1")
    begun.stop.set()
    begun.thread.join(END_S)
    assert not begun.thread.is_alive()


def test_it_follows_a_database(tmp_path: Path) -> None:
    """What a tool writes into its database, or into the log beside it, is read while the tool has it open."""
    with closing(opencode_database(tmp_path / "opencode.db", sessions=2)) as conn:
        begun = Following([Spot("opencode", str(tmp_path), "opencode.db")])
        begun.until("Question 1", "Question 2")
        say(conn, 1, 3, "user", "While it runs")
        begun.until("While it runs")
        begun.stop.set()
        begun.thread.join(END_S)
    assert not begun.thread.is_alive()


def test_it_looks_at_the_files_where_there_are_no_events(tmp_path: Path) -> None:
    """Without events from the system files are looked at again and again."""
    (tmp_path / "a.jsonl").write_bytes(said(1))
    begun = Following([Spot("claude-code", str(tmp_path), JSONL)], events=False, look_s=0.1)
    begun.until("prompt 1")
    with (tmp_path / "a.jsonl").open("ab") as file:
        file.write(said(2))
    begun.until("prompt 2")
    begun.stop.set()
    begun.thread.join(END_S)
    assert not begun.thread.is_alive()


def test_it_takes_one_file_of_a_folder(tmp_path: Path) -> None:
    """A file that was named is followed; others beside it are not read."""
    (tmp_path / "a.jsonl").write_bytes(said(1))
    begun = Following(given([str(tmp_path / "a.jsonl")], None, {}.__setitem__))
    begun.until("prompt 1")
    (tmp_path / "b.jsonl").write_bytes(said(2))
    with (tmp_path / "a.jsonl").open("ab") as file:
        file.write(said(3))
    begun.until("prompt 3")
    begun.stop.set()
    begun.thread.join(END_S)
    assert set(begun.store.texts()) == {"prompt 1", "prompt 3"}
