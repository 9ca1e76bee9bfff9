"""What a parser found, as lines of POST /api/import."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import zstandard
from msgspec import Raw

from service.importers import clock
from service.importers.model import FoundMessage
from service.importers.wire import MessageLine, PartLine, RawLine, SessionLine
from service.model.message import Part
from service.model.session import SessionWrite

RAW_BYTES = 1024 * 1024
"""Of raw lines in one `RawLine`, unless one line alone has more; and of their number."""
RAW_LINES = 50_000
LEVEL = 1
"""Of transcripts 4 % larger than zstd's own 3, in half the time; the one who imports waits for it."""

OwnedLine = tuple[int, bytes]
"""Offset and bytes of a line."""


def session_line(write: SessionWrite, source: str) -> SessionLine:
    """`source` is the format's, where the write names none."""
    said = _fields(write, SessionLine)
    said["source"] = write.source or source
    return SessionLine(**said)


def message_line(
    found: FoundMessage, source: str, stream: str, *, assumed_at: int | None = None
) -> MessageLine:
    """With the ids of its records, and the lines of the stream that it was read from. `assumed_at`: in epoch ms."""
    said = _fields(found.write, MessageLine)
    said["source"] = found.write.source or source
    parts = None if found.write.parts is None else [_part(part) for part in found.write.parts]
    return MessageLine(
        **said,
        text_content=found.write.text,
        parts=parts,
        records=list(found.records),
        stream=stream,
        lines=sorted(found.lines),
        excerpt=found.excerpt,
        assumed_at=assumed_at if found.write.created_at is None else None,
    )


def raw_lines(
    lines: Iterable[OwnedLine], *, session: str, source: str, format: str, stream: str, path: str, whole: bool
) -> list[RawLine]:
    """Lines of one session, in the order of their offsets. `whole`: the first of them takes the place of what was stored."""
    told: list[RawLine] = []
    # One for all chunks of a call: its tables cost more than a small chunk. Not shared, since threads may not share it.
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    for chunk in _chunks(sorted(lines)):
        packed = compressor.compress(b"".join(data for _, data in chunk))
        told.append(
            RawLine(
                session_external_id=session,
                source=source,
                format=format,
                stream=stream,
                path=path,
                offsets=[offset for offset, _ in chunk],
                sizes=[len(data) for _, data in chunk],
                zstd=base64.b64encode(packed).decode("ascii"),
                whole=whole and not told,
            )
        )
    return told


def _chunks(lines: Iterable[OwnedLine]) -> list[list[OwnedLine]]:
    chunks: list[list[OwnedLine]] = []
    size = RAW_BYTES
    for line in lines:
        if size + len(line[1]) > RAW_BYTES or len(chunks[-1]) >= RAW_LINES:
            chunks.append([])
            size = 0
        chunks[-1].append(line)
        size += len(line[1])
    return chunks


def _fields(write: msgspec.Struct, line: type[msgspec.Struct]) -> dict[str, Any]:
    """What a write says, by the line's names: money as a number, times as epoch milliseconds."""
    said: dict[str, Any] = {}
    for name in write.__struct_fields__:
        value = getattr(write, name)
        if value is None or name in {"text", "parts"}:
            continue
        if name == "cost_usd":
            said["cost"] = float(value)
        else:
            said[name] = clock.to_ms(value) if isinstance(value, datetime) else value
    return said


def _part(part: Part) -> PartLine:
    return PartLine(part.type, Raw(part.content))
