"""Following live queries: server-sent events, folded into whole answers. Pure; `Client.follow` does the waiting.

https://html.spec.whatwg.org/multipage/server-sent-events.html (9.2.6, interpreting an event stream)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]


class Event(NamedTuple):
    kind: str
    data: Json
    token: str
    """What to resume with once this event is worked off."""
    retry_ms: int | None


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a stream, line by line; one that is cut off is none.

    >>> next(events(["event: delta", 'data: {"id":"a"}', "id: c.a-0.5:5:", ""])).token
    'c.a-0.5:5:'
    """
    kind, data, token = "message", "", ""
    retry_ms: int | None = None
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(kind, json.loads(data), token, retry_ms)
            kind, data = "message", ""
        elif name == "event":
            kind = value
        elif name == "data":
            data += value
        elif name == "id":
            token = value
        elif name == "retry" and value.isdigit():
            retry_ms = int(value)


class Folded:
    """The present answer to one query."""

    def __init__(self) -> None:
        self.result: Json = {}
        self._rows = ""
        self._key: list[str] = []

    def take(self, event: Event) -> Json:
        """The answer after an event; `{"error": ...}` where there is none."""
        data = event.data
        if event.kind == "snapshot":
            self.result = data["result"]
            self._rows, self._key = data.get("rows", ""), data.get("key", [])
        elif event.kind == "delta":
            rows = {key_of(row, self._key): row for row in self.result[self._rows]}
            rows |= {key_of(row, self._key): row for row in data["upsert"]}
            order = data.get("order") or [key for key in rows if key not in set(data["remove"])]
            rest = data.get("rest", self.result)
            self.result = rest | {self._rows: [rows[key] for key in order]}
        elif event.kind == "error":
            self.result = {"error": data["error"]}
        return self.result


def key_of(row: Json, names: Iterable[str]) -> str:
    """
    >>> key_of({"day": "2026-01-01", "source": "pi"}, ["day", "source"])
    '2026-01-01|pi'
    """
    return "|".join(str(row.get(name, "")) for name in names)
