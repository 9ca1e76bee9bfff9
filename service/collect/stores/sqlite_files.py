"""Reads SQLite databases that belong to other programs, and leaves nothing behind in their folders.

Rule: no lock is taken and nothing is written beside a file of theirs. A database that nobody has open is read where
it lies, without locks (`immutable`); any other one is copied with its log into a folder of ours, and the copy is read.

A copy holds together: of the database first, then of its write-ahead log. As long as the database was not written
between the two (its header, size and time say so), the log has all that the database lacks; otherwise both are copied
again. The copy of a database serves until that file changes; what is added to the log alone costs a copy of the log.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import structlog

ATTEMPTS = 5
HEADER = 100
"""Bytes at the beginning that change with a transaction, even when the clock does not: a counter, a log's salts."""
SAID_FROM_BYTES = 50_000_000

log = structlog.get_logger()


class Unusable(OSError):
    """A database cannot be read, or is not what it should be; its text says which and what to do."""


class Signature(NamedTuple):
    """What tells that nothing was written: each file's inode, size, time and first bytes; None where it is absent."""

    database: tuple[int, int, int, bytes] | None
    wal: tuple[int, int, int, bytes] | None
    journal: tuple[int, int, int, bytes] | None

    @property
    def quiet(self) -> bool:
        """Nobody writes: all that is stored stands in the database itself."""
        return not any(file is not None and file[1] > 0 for file in (self.wal, self.journal))


class SqliteFile:
    """A database of another program. The copy, where one was needed, lasts as long as this."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder: Path | None = None
        self._copied: Signature | None = None

    def signature(self) -> Signature:
        """Changes with every transaction; costs a few bytes. Errors: FileNotFoundError, PermissionError."""
        database = _stamp(self.path)
        if database is None:
            raise FileNotFoundError(f"{self.path} is gone: nothing is read from it.")
        return Signature(database, _stamp(_beside(self.path, "-wal")), _stamp(_beside(self.path, "-journal")))

    @contextmanager
    def opened(self, *, copy: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection that reads one state of the database; rows come as `sqlite3.Row`, text as it can be read.

        `copy`: never in place, for a program that writes at any moment.
        Errors: Unusable (torn, no database, changed while it was read); OSError.
        """
        before = self.signature()
        in_place = before.quiet and not copy
        path, flags = (self.path, "mode=ro&immutable=1") if in_place else self._copy()
        try:
            with closing(sqlite3.connect(f"{_uri(path)}?{flags}", uri=True)) as conn:
                conn.row_factory = sqlite3.Row
                conn.text_factory = _decoded
                yield conn
        except sqlite3.Error as error:
            if in_place and self.signature() != before:
                raise Unusable(_changed(self.path)) from error
            raise Unusable(
                f"{self.path} cannot be read as a SQLite database: it is damaged or incomplete. "
                "It is left alone; restore it from a backup, or leave it out."
            ) from error
        if in_place and self.signature() != before:
            raise Unusable(_changed(self.path))

    def _copy(self) -> tuple[Path, str]:
        """The database and its log in a folder of ours, and how to open it. Errors: Unusable when it never rests."""
        for _ in range(ATTEMPTS):
            before = self.signature()
            copy = self._renewed(before)
            if _holds_together(before, after=self.signature()):
                unfinished = before.journal is not None
                self._copied = None if unfinished else before
                # A transaction that is under way is rolled back from its journal, which writes into the copy.
                return copy, "mode=rw" if unfinished else "mode=ro"
            self._copied = None
        raise Unusable(f"{self.path} is written to without a pause: it is read again the next time.")

    def _renewed(self, now: Signature) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="backscroll-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        copy = self._folder / "database"
        if self._copied is not None and self._copied == now:
            return copy
        if self._copied is None or self._copied.database != now.database:
            _make_room(self.path, self._folder)
            _copy_file(self.path, copy)
        for suffix in ("-shm", "-wal", "-journal"):
            _beside(copy, suffix).unlink(missing_ok=True)
        for suffix, there in (("-wal", now.wal), ("-journal", now.journal)):
            if there is not None:
                with suppress(FileNotFoundError):  # seen by the comparison after
                    _copy_file(_beside(self.path, suffix), _beside(copy, suffix))
        return copy


@lru_cache(maxsize=8)
def kept(path: Path) -> SqliteFile:
    """The database at a path, with the copy that was made of it the last time."""
    return SqliteFile(path)


def columns(conn: sqlite3.Connection, table: str) -> frozenset[str]:
    """The names of a table's columns; none where there is no such table."""
    return frozenset(row["name"] for row in conn.execute("select name from pragma_table_info(?)", (table,)))


def require(conn: sqlite3.Connection, path: Path, owner: str, wanted: Mapping[str, Sequence[str]]) -> None:
    """Errors: Unusable, which names the first table or column that is missing."""
    for table, names in wanted.items():
        there = columns(conn, table)
        missing = next((name for name in names if name not in there), None)
        if missing is not None:
            what = f"its table {table} has no column {missing}" if there else f"it has no table {table}"
            raise Unusable(
                f"{path} is not a database of {owner} as this version knows it: {what}. "
                "It is left alone; a newer Backscroll may read it."
            )


def size(path: Path) -> int:
    """Bytes of a database with its log."""
    return sum(stamp[1] for file in (path, _beside(path, "-wal")) if (stamp := _stamp(file)))


def _holds_together(before: Signature, *, after: Signature) -> bool:
    """Whether what was copied between two looks is one state. A log may change: with each byte, it has what the
    database has not, and SQLite reads of it what is whole."""
    return before.database == after.database and before.journal == after.journal


def _stamp(path: Path) -> tuple[int, int, int, bytes] | None:
    try:
        with path.open("rb") as file:
            stat = os.fstat(file.fileno())
            return stat.st_ino, stat.st_size, stat.st_mtime_ns, file.read(HEADER)
    except FileNotFoundError:
        return None


def _make_room(path: Path, folder: Path) -> None:
    needed, free = size(path), shutil.disk_usage(folder).free
    if needed >= SAID_FROM_BYTES:
        log.info("database_copied", path=str(path), bytes=needed)
    if needed + SAID_FROM_BYTES > free:
        raise Unusable(
            f"{path} has {needed:,} bytes, and {folder.parent} has room for {free:,}: set TMPDIR to a folder with more."
        )


def _copy_file(source: Path, target: Path) -> None:
    """The bytes; shared with the original where the file system can (Btrfs, XFS), so that a copy costs nothing."""
    with source.open("rb") as read, target.open("wb") as write:
        if not _cloned(read.fileno(), write.fileno()):
            shutil.copyfileobj(read, write, 1 << 20)


def _cloned(source: int, target: int) -> bool:
    try:
        import fcntl

        fcntl.ioctl(target, 0x40049409, source)  # FICLONE of <linux/fs.h>
    except (ImportError, OSError):
        return False
    return True


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _uri(path: Path) -> str:
    return path.absolute().as_uri()


def _decoded(text: bytes) -> Any:
    return text.decode(errors="replace")


def _changed(path: Path) -> str:
    return f"{path} was written to while it was read: it is read again the next time."
