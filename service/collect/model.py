"""A transcript on this machine: what it is, whether it changed, and how its lines are had.

Two kinds. A *log* grows at its end: it is read on from where it was left. A *document* is written anew each time: it
is read whole when its mark changed. The session of a SQLite database is a document whose lines are its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

Kind = Literal["log", "document"]


class Mark(msgspec.Struct, frozen=True):
    """What tells cheaply that a transcript changed. Of a database's session: the file's inode, rows, last update."""

    inode: int
    size: int
    mtime_ms: int


class Transcript(msgspec.Struct, frozen=True):
    format: str
    """A name in `service.importers.formats`."""
    path: str
    """The file; of a session in a database `<file>#<session id>`. Unique on the machine."""
    kind: Kind
    mark: Mark
    lines: Callable[[], Iterable[bytes | None]] | None = None
    """Of a document: its lines, read now. None: the file's bytes, whole, as one line (of a log: read by offset).
    A line that is too long to be held is None.
    Errors: OSError, sqlite3.Error; whoever calls tells the file and goes on with the next."""
    packed: bool = False
    """Whether the lines are those of a log that was packed since."""
