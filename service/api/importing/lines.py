"""The body of POST /api/import as what storage takes: each line on its own, so that a bad one hurts no other.

Rule: an importer has made these lines, so nothing is guessed: a field of the wrong type or out of bounds refuses its
line with a sentence that begins with its external id, or else with its number. As in /sync a blank text and the number 0
say nothing. Linear in the body's length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from service.api.importing import fields
from service.api.importing.raw import RawBudget, read_raw
from service.errors import RequestError, TooLarge
from service.importers.wire import FileLine, ImportLine, MessageLine, RawLine, SessionLine
from service.model import json_items
from service.model.bounds import MAX_ID_CHARS, MAX_LINE_CHARS, MAX_NAME_CHARS
from service.model.imported import FilePosition, ImportedMessage, RawChunk
from service.model.message import MessageWrite
from service.model.session import SessionWrite

MAX_LINES = 200_000
MAX_ERRORS = 1000
MAX_RECORDS = 10_000
MAX_OFFSETS = 100_000
_LINE: msgspec.json.Decoder[ImportLine] = msgspec.json.Decoder(ImportLine)
_EXPECTED = re.compile(r"Expected `([\w |]+)`, got `(\w+)`")
_PATH = re.compile(r"`\$((?:\.\w+|\[(?:\d+|\.\.\.)\])+)`$")
_MISSING = re.compile(r"missing required field `(\w+)`")


class Lines(msgspec.Struct):
    """What a request brings, each kind in the order of its lines."""

    sessions: list[SessionWrite] = []
    messages: list[ImportedMessage] = []
    chunks: list[RawChunk] = []
    files: list[FilePosition] = []
    errors: list[str] = []


def read(body: bytes, *, limit_bytes: int) -> Lines:
    """`limit_bytes`: how much the raw lines of one chunk may unpack to, and a sixteenth of what all may.

    Errors: TooLarge when there are too many lines.

    >>> read(b'{"type": "session", "externalId": "a", "source": "pi"}\\n{"type": "cat"}', limit_bytes=99).errors
    ['line 2: type must be one of session, message, raw, file.']
    """
    found = Lines()
    budget = RawBudget(limit_bytes)
    for number, line in _lines(body):
        if number > MAX_LINES:
            raise TooLarge(f"A request holds at most {MAX_LINES:,} lines: send the rest in another one.")
        try:
            _add(found, json_items.repaired(line), budget)
        except RequestError as error:
            if len(found.errors) < MAX_ERRORS:
                found.errors.append(f"{_label(line) or f'line {number}'}: {error}")
    return found


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1."""
    start, number = 0, 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        number += 1
        if line := body[start:end].strip():
            yield number, line
        start = end + 1


def _add(found: Lines, text: bytes, budget: RawBudget) -> None:
    line = _decoded(text)
    if isinstance(line, MessageLine):
        found.messages.append(_message(line))
    elif isinstance(line, SessionLine):
        found.sessions.append(_session(line))
    elif isinstance(line, RawLine):
        found.chunks.append(read_raw(line, budget))
    else:
        found.files.append(_file(line))


def _decoded(text: bytes) -> ImportLine:
    if (
        text.count(b"[") + text.count(b"{") > json_items.MAX_DEPTH
        and json_items.depth(text) > json_items.MAX_DEPTH
    ):
        raise RequestError(f"It is nested deeper than {json_items.MAX_DEPTH} levels.")
    try:
        return _LINE.decode(text)
    except msgspec.ValidationError as error:
        raise RequestError(_reason(str(error))) from error
    except (ValueError, RecursionError) as error:
        raise RequestError(f"It {json_items.reason(error)}") from error


def _reason(said: str) -> str:
    """What msgspec found wrong, in a sentence without the value.

    >>> _reason("Expected `int | null`, got `str` - at `$.promptTokens`")
    'promptTokens must be int or null, not str.'
    """
    if missing := _MISSING.search(said):
        return f"Missing {missing[1]}" if missing[1] != "type" else "Missing type"
    path = _PATH.search(said)
    name = path[1].lstrip(".") if path else "It"
    if expected := _EXPECTED.search(said):
        return f"{name} must be {expected[1].replace(' | ', ' or ')}, not {expected[2]}."
    if name == "type":
        return "type must be one of session, message, raw, file."
    return f"{name} is not one of the values that it takes."


def _session(line: SessionLine) -> SessionWrite:
    external_id = fields.id("externalId", line.external_id)
    if line.parent_external_id == external_id:
        raise RequestError("parentExternalId must name another session: none is its own parent.")
    parent = None if line.parent_external_id is None else fields.text(
        "parentExternalId", line.parent_external_id, most=MAX_ID_CHARS
    )  # fmt: skip
    return SessionWrite(
        external_id=external_id,
        source=fields.source(line.source),
        title=fields.text("title", line.title, most=MAX_LINE_CHARS),
        project_path=fields.text("projectPath", line.project_path, most=MAX_LINE_CHARS),
        project_name=fields.text("projectName", line.project_name, most=MAX_NAME_CHARS),
        model=fields.text("model", line.model, most=MAX_NAME_CHARS),
        provider=fields.text("provider", line.provider, most=MAX_NAME_CHARS),
        prompt_tokens=fields.count("promptTokens", line.prompt_tokens),
        completion_tokens=fields.count("completionTokens", line.completion_tokens),
        cache_read_tokens=fields.count("cacheReadTokens", line.cache_read_tokens),
        cache_write_tokens=fields.count("cacheWriteTokens", line.cache_write_tokens),
        cost_usd=fields.cost(line.cost),
        duration_ms=fields.count("durationMs", line.duration_ms),
        created_at=fields.time("createdAt", line.created_at),
        kind=line.kind,
        parent_external_id=parent,
        status=fields.text("status", line.status, most=MAX_NAME_CHARS),
        attrs=line.attrs,
        announced=line.announced,
    )


def _message(line: MessageLine) -> ImportedMessage:
    if len(line.records) > MAX_RECORDS:
        raise RequestError(f"records holds more than {MAX_RECORDS:,} ids.")
    if len(line.lines) > MAX_OFFSETS:
        raise RequestError(f"lines holds more than {MAX_OFFSETS:,} offsets.")
    write = MessageWrite(
        session_external_id=fields.id("sessionExternalId", line.session_external_id),
        external_id=fields.id("externalId", line.external_id),
        role=line.role,
        source=fields.source(line.source),
        text=line.text_content if line.text_content and not line.text_content.isspace() else None,
        model=fields.text("model", line.model, most=MAX_NAME_CHARS),
        prompt_tokens=fields.count("promptTokens", line.prompt_tokens),
        completion_tokens=fields.count("completionTokens", line.completion_tokens),
        cache_read_tokens=fields.count("cacheReadTokens", line.cache_read_tokens),
        cache_write_tokens=fields.count("cacheWriteTokens", line.cache_write_tokens),
        cost_usd=fields.cost(line.cost),
        duration_ms=fields.count("durationMs", line.duration_ms),
        created_at=fields.time("createdAt", line.created_at),
        parts=fields.parts(line.parts),
        attrs=line.attrs,
    )
    return ImportedMessage(
        write=write,
        records=tuple([fields.id("records", name) for name in line.records]),
        stream=None if line.stream is None else fields.stream(line.stream),
        lines=tuple(sorted({fields.offset("lines", offset) for offset in line.lines})),
        excerpt=line.excerpt,
        assumed_at=fields.time("assumedAt", line.assumed_at),
    )


def _file(line: FileLine) -> FilePosition:
    if len(line.path.encode()) > fields.MAX_PATH_BYTES:
        raise RequestError(f"path is longer than {fields.MAX_PATH_BYTES:,} bytes.")
    return FilePosition(
        machine=fields.name("machine", line.machine, most=200),
        path=fields.name("path", line.path, most=fields.MAX_PATH_BYTES),
        source=fields.source(line.source),
        format=fields.format(line.format),
        stream=fields.stream(line.stream),
        inode=fields.offset("inode", line.inode, most=2**64 - 1),
        size=fields.offset("size", line.size),
        mtime_ms=fields.offset("mtimeMs", line.mtime_ms),
        offset=fields.offset("offset", line.offset),
        tail_sha256=fields.name("tailSha256", line.tail_sha256, most=128),
        resume_offset=fields.offset("resumeOffset", line.resume_offset),
        state=line.state,
        parser_version=fields.offset("parserVersion", line.parser_version, most=2**31 - 1),
        sessions=fields.offset("sessions", line.sessions),
        messages=fields.offset("messages", line.messages),
        lines=fields.offset("lines", line.lines),
        left_out={reason: fields.offset("leftOut", count) for reason, count in line.left_out.items()},
    )


def _label(line: bytes) -> str:
    """The id of a line that could not be read, as far as it can be made out; else ""."""
    for name in ("externalId", "sessionExternalId", "path"):
        found = _member(line, name)
        if isinstance(found, str) and found.strip() and len(found) <= MAX_ID_CHARS:
            return found
    return ""


def _member(line: bytes, name: str) -> Any:
    """A member of the line's object, if that much of it can be read."""
    try:
        members = dict(json_items.members(json_items.repaired(line))) if line.startswith(b"{") else {}
        return json_items.decoded(members.get(name, b"null"), type=Any)
    except RequestError:
        return None
