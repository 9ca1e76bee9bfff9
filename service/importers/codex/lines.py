"""One line of a rollout as a record: which kind, when, and its payload, whatever the age of the format.

Three ages of JSONL. Since September 2025 `{timestamp, type, payload}`; before it bare response items under a header
`{id, timestamp, instructions, git}`, without times; both may hold `{"record_type": "state"}`. The oldest is a
document `{session, items}`, which is one line here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

from service.importers import record
from service.importers.clock import from_iso
from service.importers.codex import reasons
from service.importers.model import Line
from service.importers.names import unknown_type
from service.importers.record import Unreadable
from service.model import raw_members
from service.model.raw_members import Members

BARE_ITEMS = frozenset(
    {
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "local_shell_call",
        "local_shell_call_output",
        "web_search_call",
        "ghost_snapshot",
    }
)


class Record:
    """`kind` is a rollout type (`response_item`, `event_msg`, ...), `header`, `state` or `document`."""

    __slots__ = ("_members", "kind", "offset", "time", "values")

    def __init__(
        self, offset: int, kind: str, values: Any, time: datetime | None, members: Callable[[], Members]
    ) -> None:
        self.offset, self.kind, self.time = offset, kind, time
        self.values: dict[str, Any] = values if isinstance(values, dict) else {}
        self._members = members

    @property
    def payload(self) -> Members:
        """The members as JSON text; had only where something has to stay as it was spelled."""
        return self._members()

    def inner(self, name: str) -> Record:
        """The object that a member is, as a record of its own; empty where it is none."""
        members = raw_members.of(self.payload.get(name)) or {}
        return Record(self.offset, self.kind, self.values.get(name), self.time, lambda: members)

    def text(self, name: str) -> str | None:
        """A member that is a string and says something."""
        return record.text(self.values.get(name))

    def id(self, name: str) -> str | None:
        return record.identifier(self.values.get(name))

    def get(self, name: str) -> Any:
        """What a member holds; None when it is absent."""
        return self.values.get(name)

    @property
    def type(self) -> str:
        """The payload's own type: of a response item or an event."""
        name = self.values.get("type")
        return name if isinstance(name, str) else ""


def read(line: Line) -> Record:
    """Errors: Unreadable, with the reason for which the line is left out."""
    top, text = record.read(line.data)
    kind, time = top.get("type"), from_iso(top.get("timestamp"))
    if isinstance(kind, str) and "payload" in top:
        if not isinstance(top["payload"], dict):
            raise Unreadable(reasons.NO_PAYLOAD)
        return Record(line.offset, kind, top["payload"], time, lambda: _WRAPPED.decode(text).payload)
    if isinstance(kind, str) and kind not in BARE_ITEMS:
        raise Unreadable(unknown_type(kind))
    name = _untyped(top) if kind is None else "response_item"
    return Record(line.offset, name, top, time, lambda: _BARE.decode(text))


def elements(value: Raw | None) -> list[Raw]:
    """The elements of a list, as JSON text; none of anything else."""
    if value is None or not bytes(value).startswith(b"["):
        return []
    return msgspec.json.decode(value, type=list[Raw])


class _Wrapped(msgspec.Struct):
    payload: Members


_WRAPPED = msgspec.json.Decoder(_Wrapped)
_BARE = msgspec.json.Decoder(Members)


def _untyped(top: dict[str, Any]) -> str:
    if "record_type" in top:
        return "state"
    if "session" in top and "items" in top:
        return "document"
    if "id" in top and "timestamp" in top:
        return "header"
    raise Unreadable(unknown_type(None))
