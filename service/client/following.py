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


class Lines:
    r"""The lines of a stream from its bytes as they come.

    They end with a line feed, and not with all that Unicode and `str.splitlines` call a line's end: a message may hold
    such (U+2028, U+0085), and JSON leaves them as they are.

    >>> lines = Lines()
    >>> lines.take("data: a\u2028b\r\nda".encode()), lines.take(b"ta: c\n\n")
    (['data: a\u2028b'], ['data: c', ''])
    """

    def __init__(self) -> None:
        self._left: list[bytes] = []

    def take(self, piece: bytes) -> list[str]:
        """The lines that end in this piece."""
        first, *others = piece.split(b"\n")
        self._left.append(first)
        if not others:
            return []
        ended = [b"".join(self._left), *others[:-1]]
        self._left = [others[-1]]
        return [line.removesuffix(b"\r").decode() for line in ended]


def lines_of(pieces: Iterable[bytes]) -> Iterator[str]:
    """All lines of a stream."""
    lines = Lines()
    for piece in pieces:
        yield from lines.take(piece)


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
            gone = set(data["remove"])
            order = data.get("order") or [key for key in rows if key not in gone]
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
