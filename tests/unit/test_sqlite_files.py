"""Reading databases that belong to other programs: copies that hold together, and one clear error where none can be."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from stores import OPENCODE, by_id, opencode_database, opened, say, state, texts

from service.collect.stores import opencode_sessions, sqlite_files
from service.collect.stores.sqlite_files import SqliteFile, Unusable
from service.importers import opencode


def test_it_rolls_back_what_is_not_yet_written(tmp_path: Path) -> None:
    """A transaction that is under way, spilled into the database already, is not read; what was there before is."""
    path = tmp_path / "opencode.db"
    with closing(opencode_database(path, wal=False)) as conn:
        conn.execute("pragma cache_size = 5")
        conn.execute("begin")
        for n in range(3, 400):
            say(conn, 1, n, "user", "spilled " * 200)
        assert (tmp_path / "opencode.db-journal").stat().st_size > 0
        before = state(tmp_path)
        read = by_id(opencode_sessions.transcripts(path))
        assert texts(opencode.FORMAT, read["ses_1"]) == ["Question 1", "Answer 1\n\nand more"]
        assert state(tmp_path) == before


def test_it_copies_a_database_once_and_its_log_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a writer adds comes from the log alone, until it is written into the database."""
    copied: list[str] = []
    copy_file = sqlite_files._copy_file
    monkeypatch.setattr(
        sqlite_files,
        "_copy_file",
        lambda source, target: (copied.append(source.name), copy_file(source, target))[1],
    )
    file, count = SqliteFile(tmp_path / "opencode.db"), "select count(*) from message"
    with closing(opencode_database(file.path)) as conn:
        with file.opened() as reader:
            assert reader.execute(count).fetchone()[0] == 4
        say(conn, 1, 3, "user", "Thanks")
        with file.opened() as reader:
            assert reader.execute(count).fetchone()[0] == 5
        with file.opened() as reader:
            assert reader.execute(count).fetchone()[0] == 5
        assert copied == ["opencode.db", "opencode.db-wal", "opencode.db-wal"]
        conn.execute("pragma wal_checkpoint(truncate)")
        say(conn, 1, 4, "user", "Bye")
        with file.opened() as reader:
            assert reader.execute(count).fetchone()[0] == 6
        assert copied[3:] == ["opencode.db", "opencode.db-wal"]


def test_it_copies_again_when_the_log_began_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy during which the writer emptied its log is thrown away: its halves would not fit together."""
    file = SqliteFile(tmp_path / "opencode.db")
    with closing(opencode_database(file.path)) as conn:
        copy_file, tries = sqlite_files._copy_file, []

        def meanwhile(source: Path, target: Path) -> None:
            copy_file(source, target)
            tries.append(source.name)
            if len(tries) == 1:
                say(conn, 1, 3, "user", "In between")
                conn.execute("pragma wal_checkpoint(truncate)")
                say(conn, 1, 4, "user", "After")

        monkeypatch.setattr(sqlite_files, "_copy_file", meanwhile)
        with file.opened() as reader:
            assert reader.execute("select count(*) from message").fetchone()[0] == 6
        assert tries.count("opencode.db") == 2


def test_it_gives_up_on_a_database_that_never_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some tries the error says that it is read the next time."""
    file = SqliteFile(tmp_path / "opencode.db")
    with closing(opencode_database(file.path)) as conn:
        copy_file = sqlite_files._copy_file

        def meanwhile(source: Path, target: Path) -> None:
            copy_file(source, target)
            conn.execute("update session set version = version || '.'")
            conn.execute("pragma wal_checkpoint(truncate)")

        monkeypatch.setattr(sqlite_files, "_copy_file", meanwhile)
        with pytest.raises(Unusable, match="read again the next time"), file.opened():
            pass


def test_it_tells_that_a_database_changed_under_it(tmp_path: Path) -> None:
    """One that is read where it lies, because nobody had it open, and is written to meanwhile."""
    file = SqliteFile(tmp_path / "opencode.db")
    opencode_database(file.path, wal=False).close()

    def read_and_write() -> None:
        with file.opened() as reader:
            reader.execute("select count(*) from message").fetchone()
            with closing(opened(file.path, wal=False)) as conn:
                say(conn, 1, 3, "user", "Thanks")

    with pytest.raises(Unusable, match="written to while it was read"):
        read_and_write()


def test_it_makes_room_before_it_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the temporary folder is too small, the error says how many bytes are wanted and what to set."""
    monkeypatch.setattr(sqlite_files, "SAID_FROM_BYTES", 10**18)
    with closing(opencode_database(tmp_path / "opencode.db")):
        file = SqliteFile(tmp_path / "opencode.db")
        with pytest.raises(Unusable, match="set TMPDIR to a folder with more"), file.opened():
            pass


def test_it_names_the_column_that_is_missing(tmp_path: Path) -> None:
    """A database whose tables are not as known is left alone, and the error says what is not there."""
    with closing(opened(tmp_path / "opencode.db")) as conn:
        conn.executescript(OPENCODE.replace("data text not null);", "body text);", 1))
    (broken,) = opencode_sessions.transcripts(tmp_path / "opencode.db")
    assert broken.lines is not None
    with pytest.raises(Unusable, match=r"its table message has no column data\. It is left alone"):
        list(broken.lines())
    with closing(opened(tmp_path / "opencode-dev.db")) as conn:
        conn.execute("create table session (id text)")
    (broken,) = opencode_sessions.transcripts(tmp_path / "opencode-dev.db")
    assert broken.lines is not None
    with pytest.raises(Unusable, match="its table session has no column title"):
        list(broken.lines())
