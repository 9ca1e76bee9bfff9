"""The lines of POST /api/import: what an importer found, where the raw lines lie, how far a file is read.

Rule: NDJSON, one object a line, told apart by `type`; fields have the names of /sync where they mean the same. Both
sides use these structs: the importer encodes them, the API decodes each line on its own, so that a bad one hurts no
other. Times are epoch milliseconds, offsets and sizes bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from service.importers.model import State
from service.model.message import PartType, Role
from service.model.session import Kind

Hex = str
Base64 = str


class SessionLine(msgspec.Struct, tag="session", rename="camel", omit_defaults=True, kw_only=True):
    """A session: what is absent stays as it is. Counts are absolute and disjoint: input without cached tokens."""

    external_id: str
    source: str
    title: str | None = None
    project_path: str | None = None
    project_name: str | None = None
    model: str | None = None
    provider: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost: float | None = None
    duration_ms: int | None = None
    created_at: int | None = None
    kind: Kind | None = None
    parent_external_id: str | None = None
    status: str | None = None
    attrs: dict[str, Any] | None = None
    announced: bool = False
    """Said by another session's transcript: tells of a session that is here, and makes none."""


class PartLine(msgspec.Struct):
    """A part in its normal form."""

    type: PartType
    content: Raw


class MessageLine(msgspec.Struct, tag="message", rename="camel", omit_defaults=True, kw_only=True):
    """A message, and the ids of the transcript's records that went into it."""

    session_external_id: str
    external_id: str
    role: Role
    source: str
    records: list[str] = []
    text_content: str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost: float | None = None
    duration_ms: int | None = None
    created_at: int | None = None
    assumed_at: int | None = None
    """Where the transcript tells no time: a likely one, which only a message that is new here takes."""
    parts: list[PartLine] | None = None
    attrs: dict[str, Any] | None = None
    stream: Hex | None = None
    lines: list[int] = []
    """Offsets in the stream of the raw lines that it was read from: they go with it when it is deleted."""
    excerpt: bool = False
    """Some of a message that another transcript tells whole: never in place of that. Its attrs say so too."""


class RawLine(msgspec.Struct, tag="raw", rename="camel", omit_defaults=True, kw_only=True):
    """Raw lines of one session, as they lie in one file: `zstd` is base64 of a zstd frame of all their bytes, one
    after the other without newlines. `stream` names the content of the file, on whatever path or machine it lies."""

    session_external_id: str
    source: str
    format: str
    stream: Hex
    path: str
    offsets: list[int]
    sizes: list[int]
    zstd: Base64
    whole: bool = False
    """The stream from its beginning, and in place of what is stored of it: a document that was written anew."""


class FileLine(msgspec.Struct, tag="file", rename="camel", omit_defaults=True, kw_only=True):
    """How far a file is read. Stored in the transaction of what was read; the counts are the file's own, absolute."""

    machine: str
    path: str
    source: str
    format: str
    stream: Hex
    inode: int
    size: int
    mtime_ms: int
    offset: int
    """All before it was read."""
    tail_sha256: Hex
    """Of the last 4,096 bytes before `offset`, or of all of them: a file that was rewritten is known by it."""
    resume_offset: int
    state: State = {}
    parser_version: int = 1
    sessions: int = 0
    messages: int = 0
    lines: int = 0
    left_out: dict[str, int] = {}
    """Lines by the reason for which nothing of them is kept but the raw line."""


ImportLine = SessionLine | MessageLine | RawLine | FileLine
