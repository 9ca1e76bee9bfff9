"""Lines of our own export. What the API shows of a session and its messages becomes what was once written.

Rule: ids, sources, roles, texts, parts, times, counts and known costs come back as they were. Labels and shares do not:
they belong to a workspace. A 0 is a count that was not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, get_args

import msgspec
from msgspec import Raw

from service.importers import record
from service.importers.clock import from_ms
from service.importers.model import Found, FoundMessage, FoundSession, LeftOut, Line, Place, Resume, State
from service.model.message import MessageWrite, Part, Role
from service.model.session import Kind, SessionWrite

SOURCE = "backscroll"
"""Of what names no source, which no export of ours leaves out."""
NO_SESSION = "a message before its session"
NO_LINE = "neither a session nor a message"
LAST_MS = 253_402_300_799_999
_COUNTS = {
    "prompt_tokens": "promptTokens", "completion_tokens": "completionTokens", "cache_read_tokens": "cacheReadTokens",
    "cache_write_tokens": "cacheWriteTokens", "duration_ms": "durationMs",
}  # fmt: skip
_NAMES = {
    "title": "title", "project_path": "projectPath", "project_name": "projectName", "model": "model",
    "provider": "provider", "status": "status",
}  # fmt: skip


class Current(msgspec.Struct):
    """The session of the lines to come."""

    session: str = ""
    source: str = SOURCE


class ExportParser:
    def __init__(self, place: Place, state: State | None = None) -> None:
        self._current = msgspec.convert(state, Current) if state else Current()

    def feed(self, line: Line) -> Iterable[Found]:
        try:
            found = record.members(line.data)
        except record.Unreadable as unreadable:
            return [LeftOut(line.offset, str(unreadable))]
        values = {name: record.value(raw) for name, raw in found.items() if name != "parts"}
        kind, id = values.get("type"), record.identifier(values.get("externalId"))
        if kind == "session" and id is not None:
            return [self._session(id, values, line)]
        if kind != "message" or id is None:
            return [LeftOut(line.offset, NO_LINE)]
        if not self._current.session:
            return [LeftOut(line.offset, NO_SESSION)]
        return [self._message(id, values, found.get("parts"), line)]

    def finish(self) -> Iterable[Found]:
        return []

    def resume(self, end: int) -> Resume:
        return Resume(end, msgspec.to_builtins(self._current))

    def _session(self, id: str, values: Mapping[str, Any], line: Line) -> FoundSession:
        self._current = Current(id, record.text(values.get("source"), most=100) or SOURCE)
        kind = values.get("kind")
        write = SessionWrite(
            external_id=id,
            source=self._current.source,
            kind=kind if kind in get_args(Kind) else None,
            parent_external_id=record.identifier(values.get("parentExternalId")),
            created_at=_time(values.get("createdAt")),
            cost_usd=_cost(values),
            **_told(values),
        )
        return FoundSession(write, (line.offset,))

    def _message(self, id: str, values: Mapping[str, Any], parts: Raw | None, line: Line) -> FoundMessage:
        role = values.get("role")
        write = MessageWrite(
            session_external_id=self._current.session,
            external_id=id,
            role=msgspec.convert(role if role in get_args(Role) else "unknown", Role),
            source=self._current.source,
            text=record.text(values.get("textContent")),
            parts=_parts(parts),
            model=record.text(values.get("model")),
            created_at=_time(values.get("createdAt")),
            cost_usd=_cost(values),
            **_counts(values),
        )
        return FoundMessage(write, records=(id,), lines=(line.offset,))


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    names = {field: record.text(values.get(name)) for field, name in _NAMES.items()}
    return {**names, **_counts(values)}


def _counts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {field: record.count(values.get(name)) for field, name in _COUNTS.items()}


def _parts(raw: Raw | None) -> tuple[Part, ...] | None:
    """The normal form is a fixed point: what was given back is read as it is. No parts are not said."""
    if raw is None or not bytes(raw).lstrip().startswith(b"["):
        return None
    found = [record.part(each) for each in msgspec.json.decode(raw, type=list[Raw])]
    return tuple(part for part in found if part is not None) or None


def _time(value: Any) -> Any:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LAST_MS
    return from_ms(value) if good else None


def _cost(values: Mapping[str, Any]) -> Decimal | None:
    cost = values.get("cost")
    known = values.get("costKnown") is True and isinstance(cost, int | float) and cost >= 0
    return Decimal(str(cost)) if known else None
