"""What parsers find, brought within the bounds of the service (`service/model/bounds.py`), so that it refuses nothing.

Rule: names and titles are cut, an id that is too long or blank is replaced by a digest of it, everywhere alike; ids
of records that are no ids are left out. What is within the bounds, as nearly all is, stays the same object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Raw

from service.importers import totals
from service.importers.model import (
    Format,
    Found,
    FoundMessage,
    LeftOut,
    Line,
    Parser,
    Place,
    Resume,
    State,
)
from service.model import bounds
from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite

MOST_RECORDS = 10_000
_OF_SESSION = (
    ("title", bounds.MAX_LINE_CHARS),
    ("project_path", bounds.MAX_LINE_CHARS),
    *((name, bounds.MAX_NAME_CHARS) for name in ("project_name", "model", "provider", "status")),
)
_OF_MESSAGE = (("model", bounds.MAX_NAME_CHARS),)
_COUNTS = (*totals.NAMES, "duration_ms")
_LAST = bounds.EPOCH + timedelta(milliseconds=bounds.LAST_MS)


def bounded(format: Format) -> Format:
    """The format, with a parser whose findings are within the bounds."""

    def opened(place: Place, state: State | None = None) -> Parser:
        return _Bounded(format.open(place, state))

    return msgspec.structs.replace(format, open=opened)


class _Bounded:
    """Implements `service.importers.model.Parser`; the parser within knows nothing of the bounds."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser

    def feed(self, line: Line) -> Iterable[Found]:
        return [found(item) for item in self._parser.feed(line)]

    def finish(self) -> Iterator[Found]:
        return (found(item) for item in self._parser.finish())

    def resume(self, end: int) -> Resume:
        return self._parser.resume(end)


def found(item: Found) -> Found:
    if isinstance(item, LeftOut):
        session = item.session_external_id
        changed = {} if session is None else _changes(item, {"session_external_id": identifier(session)})
    elif isinstance(item, FoundMessage):
        changed = _changes(item, {"write": _message(item.write), "records": _records(item.records)})
    else:
        changed = _changes(item, {"write": _session(item.write)})
    return msgspec.structs.replace(item, **changed) if changed else item


def identifier(name: str) -> str:
    """An id as it came, or a digest of one that the service would refuse.

    >>> identifier("msg_1"), identifier("x" * 600)[:14]
    ('msg_1', 'sha256:5130b33')
    """
    good = len(name) <= bounds.MAX_ID_CHARS and name and not name.isspace()
    return name if good else f"sha256:{sha256(name.encode(errors='surrogatepass')).hexdigest()[:32]}"


def _session(write: SessionWrite) -> SessionWrite:
    parent = write.parent_external_id
    said = {
        **_common(write, _OF_SESSION),
        "external_id": identifier(write.external_id),
        "parent_external_id": identifier(parent) if parent and parent != write.external_id else None,
    }
    changed = _changes(write, said)
    return msgspec.structs.replace(write, **changed) if changed else write


def _message(write: MessageWrite) -> MessageWrite:
    said = {
        **_common(write, _OF_MESSAGE),
        "session_external_id": identifier(write.session_external_id),
        "external_id": identifier(write.external_id),
        "parts": _parts(write.parts),
    }
    changed = _changes(write, said)
    return msgspec.structs.replace(write, **changed) if changed else write


def _common(write: SessionWrite | MessageWrite, texts: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """What of these texts, and of what a session and a message have both, is out of bounds."""
    said: dict[str, Any] = {}
    for name, most in texts:
        if (text := getattr(write, name)) is not None and len(text) > most:
            said[name] = text[:most]
    for name in _COUNTS:
        if (count := getattr(write, name)) is not None and not 0 <= count <= bounds.MAX_COUNT:
            said[name] = None if count < 0 else bounds.MAX_COUNT
    if write.cost_usd is not None and not 0 <= write.cost_usd <= bounds.MAX_COST_USD:
        said["cost_usd"] = None
    if write.created_at is not None and not bounds.EPOCH < write.created_at <= _LAST:
        said["created_at"] = None
    return said


def _records(names: tuple[str, ...]) -> tuple[str, ...]:
    good = [name for name in names if name == identifier(name)]
    return names if len(good) == len(names) <= MOST_RECORDS else tuple(good[:MOST_RECORDS])


def _parts(parts: tuple[Part, ...] | None) -> tuple[Part, ...] | None:
    """What is beyond the most parts stands together in the last."""
    if parts is None or len(parts) <= bounds.MAX_PARTS:
        return parts
    kept, rest = parts[: bounds.MAX_PARTS - 1], parts[bounds.MAX_PARTS - 1 :]
    content = [{"type": part.type, "content": Raw(part.content)} for part in rest]
    return (*kept, Part("file", msgspec.json.encode({"type": "parts", "content": content})))


def _changes(item: msgspec.Struct, said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if getattr(item, name) is not value}
