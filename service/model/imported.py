"""What an import brings beside sessions: messages with the records that they were made of, raw lines, file positions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from service.model.message import MessageWrite


class ImportedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a transcript. `records` are ids by which other copies of it are known."""

    write: MessageWrite
    records: tuple[str, ...] = ()
    stream: str | None = None
    lines: tuple[int, ...] = ()
    """Offsets in the stream of the raw lines that it was read from, ascending."""
    excerpt: bool = False
    """Some of a message that another transcript tells whole: never in place of that."""
    assumed_at: datetime | None = None
    """When it was said, as far as anybody knows; only a new message takes it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its external id and its records, each once."""
        return tuple(dict.fromkeys((self.write.external_id, *self.records)))


class RawChunk(msgspec.Struct, frozen=True, kw_only=True):
    """Raw lines of one session in one stream: `data` is a zstd frame of them, one after the other without newlines.

    It holds as many bytes as `sizes` add up to; whoever makes one has checked that.
    """

    session_external_id: str
    source: str
    format: str
    stream: str
    path: str
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    data: bytes
    bytes_sha256: bytes
    """Of the lines, unpacked."""
    whole: bool = False
    """The stream from its beginning, in place of what is stored of it."""

    @property
    def external_id(self) -> str:
        """As errors name it."""
        return self.session_external_id


class FilePosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file of a machine was read; the fields of `service.importers.wire.FileLine`."""

    machine: str
    path: str
    source: str
    format: str
    stream: str
    inode: int
    size: int
    mtime_ms: int
    offset: int
    tail_sha256: str
    resume_offset: int
    state: dict[str, Any]
    parser_version: int
    sessions: int
    messages: int
    lines: int
    left_out: dict[str, int]

    @property
    def external_id(self) -> str:
        """As errors name it."""
        return self.path
