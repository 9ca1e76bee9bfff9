"""Where to begin in a transcript that may have been read before.

Rule: what was read is recognised by its content, not by its name alone: the file's inode, its size, and the bytes
before the offset. A file that was rewritten is a new stream, so that its lines do not mix with those that it had.

A stream is named by the format, a log's first line and the first session: so a copy, under any name and on any
machine, is the same stream, and files that only look alike are not. It is known when the first session is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple

from service.collect.model import Mark, Transcript
from service.collect.reading import tail_sha256
from service.importers.model import State
from service.importers.wire import FileLine

SESSION = "$session"
"""Beside a parser's own state in a position: the file's first session."""
STREAM_CHARS = 32
FIRST_LINE_BYTES = 1024 * 1024
"""Of a first line this much names the stream."""


class Start(NamedTuple):
    """How a reading begins."""

    begins: str = ""
    """What names the stream, with the first session."""
    stream: str | None = None
    """Of a transcript of which something was sent before."""
    offset: int = 0
    """The first byte to feed."""
    known: int = 0
    """What lies wholly before it was sent: only what is new behind it counts."""
    state: State | None = None
    before: FileLine | None = None
    """Whose counts go on."""
    session: str | None = None
    """The first of the file, when something of it was sent before."""


def is_unchanged(transcript: Transcript, known: FileLine | None, version: int) -> bool:
    """Whether all of it was read, as far as can be told without opening it."""
    return (
        known is not None
        and (known.inode, known.size, known.mtime_ms) == tuple_of(transcript.mark)
        and (known.format, known.parser_version) == (transcript.format, version)
    )


def of_log(file: BinaryIO, transcript: Transcript, known: FileLine | None, version: int) -> Start:
    """Where to go on in a log: behind what was read; from the beginning where that is not what the file holds now."""
    begins = _log_begins(transcript, _first_line(file))
    if known is None or known.format != transcript.format or known.offset == 0:
        return Start(begins)
    size = transcript.mark.size
    if size < known.offset or tail_sha256(file, known.offset) != known.tail_sha256:
        return Start(_hash(f"{begins} {transcript.mark.mtime_ms}"))
    session: str | None = known.state.get(SESSION)
    stream = known.stream if session else None
    if known.inode != transcript.mark.inode or known.parser_version != version:
        return Start(begins, stream)
    state = {name: value for name, value in known.state.items() if name != SESSION}
    return Start(begins, stream, known.resume_offset, known.offset, state, known, session)


def of_document(
    transcript: Transcript, lines: Iterable[bytes | None]
) -> tuple[Start, Iterator[bytes | None]]:
    """How a document begins, and its lines. A packed log begins as the log did, so that it takes its place."""
    lines = iter(lines)
    if not transcript.packed:
        return Start(_hash(transcript.format)), lines
    head: list[bytes | None] = []
    for line in lines:
        head.append(line)
        if line is None or line.strip():
            break
    first = (head[-1] or b"")[:FIRST_LINE_BYTES] if head else b""
    return Start(_log_begins(transcript, first.rstrip())), chain(head, lines)


def stream_of(start: Start, session: str | None) -> str:
    """The name of a transcript's content. `session`: its first, None while it has none."""
    return start.stream or _hash(start.begins, (session or "").encode())


def _first_line(file: BinaryIO) -> bytes:
    """The first that is not blank, without its newline."""
    file.seek(0)
    first = b"\n"
    while first and not first.strip():
        first = file.readline(FIRST_LINE_BYTES)
    return first.rstrip()


def _log_begins(transcript: Transcript, first_line: bytes) -> str:
    return _hash(transcript.format, first_line)


def tuple_of(mark: Mark) -> tuple[int, int, int]:
    return mark.inode, mark.size, mark.mtime_ms


def _hash(text: str, more: bytes = b"") -> str:
    return hashlib.sha256(text.encode() + b"\0" + more).hexdigest()[:STREAM_CHARS]
