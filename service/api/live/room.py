"""The room of live queries: the catalogue with what it needs of this process, and the streams that are opened here."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from service.api.gate.routes import Call, Desk
from service.api.live import asked as asking
from service.api.live import catalogue
from service.api.live.asked import Asked
from service.api.live.queries.sessions import MessagesAsked, SessionNamed
from service.api.live.stream import EventStream
from service.errors import RequestError, TooMany
from service.live.dispatcher import Wanted
from service.live.streams import Reader, Stream

RETRY_MS = (300, 1500)
"""Between these, readers of a stream that ended wait before they come again: not all at one moment."""


class Room:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.queries = catalogue.of_desk(desk)

    def follow(self, call: Call, given: Sequence[str], *, resume: str, once: bool) -> EventStream:
        """A stream of these queries. Errors: `RequestError`, `TooMany`."""
        most = self._desk.resources.settings.queries_per_stream
        return self._stream(call, asking.read(given, self.queries, most=most), resume=resume, once=once)

    def plain(self, call: Call, query: str, asked: Any) -> EventStream:
        """The stream of one query, for a route's own parameters. Errors: `RequestError`, `TooMany`."""
        found = self.queries[query]
        args = asking.checked(found, arguments(call, query, asked))
        resume = [value for name, value in call.query if name == "lastEventId"]
        return self._stream(
            call, Asked([Wanted(query, found, args)], []), resume=(resume or [""])[-1], once=False
        )

    def _stream(self, call: Call, asked: Asked, *, resume: str, once: bool) -> EventStream:
        live, most = call.resources.live, call.resources.settings.streams_per_key
        if live.count(call.caller.key_id) >= most:
            raise TooMany(
                f"This key has {most:,} live streams open here, which is the most: close one.",
                retry_after_s=5,
            )
        reader = Reader(call.workspace_id, call.caller.user_id, call.caller.key_id, call.caller.expires_at)
        stream = Stream(
            reader,
            resume=(call.headers.get("last-event-id") or resume).strip(),
            retry_ms=random.randrange(*RETRY_MS),
            errors=asked.errors,
        )
        return EventStream(live, stream, asked.wanted, once=once)


def arguments(call: Call, query: str, asked: Any) -> Any:
    """A route's path and parameters as a query's arguments. Errors: `RequestError`."""
    if query == "sessions.get":
        ref = call.path.get("id") or asked.id
        if not ref:
            raise RequestError("Missing session ID")
        return SessionNamed(session=ref, source=asked.source)
    if query == "sessions.messages":
        if asked.around is not None:
            raise RequestError(
                "A stream has no `around`: leave it out, or ask for the page without a stream."
            )
        return MessagesAsked(
            session=call.path["id"], source=asked.source, limit=asked.limit, cursor=asked.cursor
        )
    return asked
