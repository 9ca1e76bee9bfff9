"""Where to begin in a transcript that may have been read before.

Rule: what was read is recognised by its content, not by its name alone: the file's inode, its size, and the bytes
before the offset. A file that was rewritten is a new stream, so that its lines do not mix with those that it had.
"""

from __future__ import annotations

import hashlib
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

    stream: str
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
    stream = log_stream(file, transcript)
    if known is None or known.format != transcript.format or known.offset == 0:
        return Start(stream)
    size = transcript.mark.size
    if size < known.offset or tail_sha256(file, known.offset) != known.tail_sha256:
        return Start(_hash(f"{stream} {transcript.mark.mtime_ms}"))
    if known.inode != transcript.mark.inode or known.parser_version != version:
        return Start(known.stream)
    state = {name: value for name, value in known.state.items() if name != SESSION}
    return Start(known.stream, known.resume_offset, known.offset, state, known, known.state.get(SESSION))


def log_stream(file: BinaryIO, transcript: Transcript) -> str:
    """The name of a log's content: the same for a copy in another folder or on another machine.

    Of the file's name too: sessions that were forked may begin with the same line.
    """
    file.seek(0)
    first = b"\n"
    while first and not first.strip():
        first = file.readline(FIRST_LINE_BYTES)
    return _hash(f"{transcript.format} {_parts(transcript)[-1]}", first.rstrip())


def document_stream(transcript: Transcript) -> str:
    """The name of a document's content: of a database's session its id, else the file with its folder."""
    *_, folder, name = ["", *_parts(transcript)]
    inside = transcript.path.rpartition("#")[2] if transcript.lines else f"{folder}/{name}"
    return _hash(transcript.format, inside.encode())


def _parts(transcript: Transcript) -> list[str]:
    return transcript.path.replace("\\", "/").split("/")


def tuple_of(mark: Mark) -> tuple[int, int, int]:
    return mark.inode, mark.size, mark.mtime_ms


def _hash(text: str, more: bytes = b"") -> str:
    return hashlib.sha256(text.encode() + b"\0" + more).hexdigest()[:STREAM_CHARS]
