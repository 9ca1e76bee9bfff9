"""The transcripts inside the stores of tools that keep all sessions together: each session is a document of its own."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from service.collect.model import Transcript
from service.collect.stores import cursor_sessions, opencode_sessions
from service.collect.stores.sqlite_files import Unusable

ERRORS = (OSError, sqlite3.Error)
FILES = (".db", ".vscdb")
_OPENCODE_FOLDERS = ("storage/session", "storage/session/info")


def holds(format: str, path: str) -> bool:
    """Whether a file or folder is a store of many sessions."""
    if format == "opencode":
        return path.endswith(FILES) or Path(path).is_dir()
    return format == "cursor" and path.endswith(FILES)


def file_of(path: str) -> str:
    """The database to which a log beside it belongs; any other file is itself.

    >>> file_of("/x/opencode.db-wal")
    '/x/opencode.db'
    """
    return re.sub(r"(?<=db)-(?:wal|shm|journal)$", "", path)


def signature(path: str) -> tuple[tuple[str, int, int], ...]:
    """What changes when a store does; empty for one that is no database."""
    found = Path(path)
    files = sorted(found.glob("opencode*.db*")) if found.is_dir() else [found, Path(f"{path}-wal")]
    stats = [(file.name, file.stat()) for file in files if file.exists()]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def is_folder_of_opencode(folder: str, names: list[str]) -> bool:
    """Whether a folder is one in which OpenCode keeps its data. `names`: what lies in it."""
    if any(re.fullmatch(r"opencode[^/]*\.db", name) for name in names):
        return True
    return "storage" in names and any((Path(folder) / below).is_dir() for below in _OPENCODE_FOLDERS)


def transcripts(format: str, path: str) -> Iterator[Transcript]:
    """The sessions in a store. Errors: ERRORS."""
    if format == "opencode":
        yield from opencode_sessions.transcripts(Path(path))
    else:
        yield from cursor_sessions.transcripts(Path(path))


def words(error: Exception) -> str:
    """What went wrong, without what was read."""
    if isinstance(error, Unusable):
        return str(error).rstrip(".")
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    return f"the database cannot be read ({type(error).__name__})"
