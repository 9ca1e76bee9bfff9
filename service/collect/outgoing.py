"""What a parser found, as lines of POST /api/import."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import zstandard
from msgspec import Raw

from service.importers import clock
from service.importers.model import FoundMessage
from service.importers.wire import MessageLine, PartLine, RawLine, SessionLine
from service.model.session import SessionWrite

RAW_BYTES = 1024 * 1024
"""Of raw lines in one `RawLine`, unless one line alone has more; and of their number."""
RAW_LINES = 50_000
LEVEL = 3
"""zstd's own. Level 1 was tried: 6 microseconds a message of 4.3 kB instead of 9, of 450 that an import takes, for chunks
that are 6 % larger as long as they are kept."""

OwnedLine = tuple[int, bytes]
"""Offset and bytes of a line."""


def session_line(write: SessionWrite, source: str) -> SessionLine:
    """`source` is the format's, where the write names none."""
    said: dict[str, Any] = {"source": source}
    for name in write.__struct_fields__:
        value = getattr(write, name)
        if name == "cost_usd" and value is not None:
            said["cost"] = float(value)
        elif value is not None:
            said[name] = clock.to_ms(value) if isinstance(value, datetime) else value
    return SessionLine(**said)


def message_line(
    found: FoundMessage, source: str, stream: str, *, assumed_at: int | None = None
) -> MessageLine:
    """With the ids of its records, and the lines of the stream that it was read from. `assumed_at`: in epoch ms."""
    write, at = found.write, found.write.created_at
    return MessageLine(
        session_external_id=write.session_external_id,
        external_id=write.external_id,
        role=write.role,
        source=write.source or source,
        records=list(found.records),
        text_content=write.text,
        model=write.model,
        prompt_tokens=write.prompt_tokens,
        completion_tokens=write.completion_tokens,
        cache_read_tokens=write.cache_read_tokens,
        cache_write_tokens=write.cache_write_tokens,
        cost=None if write.cost_usd is None else float(write.cost_usd),
        duration_ms=write.duration_ms,
        created_at=None if at is None else clock.to_ms(at),
        assumed_at=assumed_at if at is None else None,
        parts=None if write.parts is None else [PartLine(p.type, Raw(p.content)) for p in write.parts],
        attrs=write.attrs,
        stream=stream,
        lines=sorted(found.lines),
        excerpt=found.excerpt,
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
