"""A file that cannot be read, as a transcript: so that it is told like any other, and hurts none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service.collect.model import Mark, Transcript


def broken(format: str, path: Path, error: Exception) -> Transcript:
    """In place of what a file would have held: its lines raise the reason. Marked by the file, so that it is told
    once, and again when the file changed."""

    def lines() -> Iterator[bytes]:
        raise error

    try:
        stat = path.stat()
        mark = Mark(stat.st_ino, stat.st_size, stat.st_mtime_ns // 1_000_000)
    except OSError:
        mark = Mark(0, 0, 0)
    return Transcript(format, str(path), "document", mark, lines)
