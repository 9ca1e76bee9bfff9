"""A stream of server-sent events as an ASGI answer. https://html.spec.whatwg.org/multipage/server-sent-events.html

Rule: what is sent is made when the socket takes it. A socket that takes nothing within the patience is cut, as for
every answer (`service/connections.py`): its reader resumes with the token that it holds. A stream holds no connection to
Postgres.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Self

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from service.api.gate.exchange import Exchange
from service.api.gate.routes import EVENTS
from service.live.dispatcher import Dispatcher, Wanted
from service.live.streams import Stream, seconds_until
from service.live.tasks import cancelled

HEARTBEAT_S = 15.0
STOPPED_S = 0.5
"""A connection that ends while a write has waited for so long for the socket ends because its reader takes nothing."""
HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx and those who follow it would keep events back until a buffer is full
}


class EventStream(ASGIResponse):
    """The events of one stream; `once`: it ends when each query has been answered."""

    _should_set_content_length = False

    def __init__(
        self, dispatcher: Dispatcher, stream: Stream, wanted: Iterable[Wanted], *, once: bool = False
    ) -> None:
        super().__init__(status_code=200, headers=HEADERS, media_type=EVENTS)
        self._dispatcher, self._stream, self._wanted, self._once = dispatcher, stream, wanted, once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope["backscroll"]  # type: ignore[typeddict-item]  # ours, from edge.py
        exchange.is_stream = True
        await self.start_response(send=send)
        if exchange.method != "HEAD":
            gone = asyncio.create_task(self._until_gone(receive))
            self._dispatcher.open(self._stream, self._wanted)
            try:
                await self._tell(send)
            finally:
                self._dispatcher.close(self._stream)
                await cancelled(gone)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._stream.close()

    async def _tell(self, send: Send) -> None:
        stream, figures = self._stream, self._dispatcher.figures
        with Pulse(stream) as pulse:
            await pulse.write(send, b": open\n\n")
            while not stream.closed:
                if seconds_until(stream.reader.expires_at) <= 0 and not stream.revoked:
                    figures.ended("expired")
                    stream.revoke()
                body, events = stream.payload(self._dispatcher.reached)
                if body:
                    figures.sent(events, len(body))
                    await pulse.write(send, body)
                elif pulse.is_due:
                    await pulse.write(send, b": hb\n\n")
                if stream.revoked or (self._once and stream.is_told):
                    return
                await pulse.until_taken(send)
                await stream.wait()
            if pulse.waited_s > STOPPED_S:
                figures.ended("stalled")


class Pulse:
    """The one timer of a stream: it sees a silence that needs a heartbeat, and the end of the key.

    It is not set anew at each event, which would be a third of an event's price: it looks at most every 15 s what
    was last, and looks again when something would be due.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._at_s = self._loop.time()
        """When something was written last."""
        self._timer: asyncio.TimerHandle | None = None
        self.waited_s = 0.0
        """How long `until_taken` waited last."""
        self.is_due = False
        """A heartbeat is."""

    def __enter__(self) -> Self:
        self._look()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def write(self, send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        self._at_s, self.is_due = self._loop.time(), False

    async def until_taken(self, send: Send) -> None:
        """Wait until the socket takes more, or has gone. What would be made before that would be old when it is read,
        and might be read by somebody who may no longer."""
        begun_s = self._loop.time()
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        self.waited_s = self._loop.time() - begun_s

    def _look(self) -> None:
        now_s = self._loop.time()
        left_s = self._at_s + HEARTBEAT_S - now_s
        ends_in_s = seconds_until(self._stream.reader.expires_at)
        if left_s <= 0:
            self.is_due, left_s = True, HEARTBEAT_S
        if self.is_due or ends_in_s <= 0:
            self._stream.look()
        pause_s = min(left_s, ends_in_s if ends_in_s > 0 else HEARTBEAT_S, HEARTBEAT_S)
        self._timer = self._loop.call_later(pause_s, self._look)
