"""A stream of server-sent events as an ASGI answer. https://html.spec.whatwg.org/multipage/server-sent-events.html

Rule: what is sent is made when the socket takes it. A socket that takes nothing for 30 s is cut: its reader resumes
with the token that it holds. A stream holds no connection to Postgres.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from service.api.gate.exchange import Exchange
from service.api.gate.routes import EVENTS
from service.live.dispatcher import Dispatcher, Wanted
from service.live.streams import Stream, seconds_until
from service.live.tasks import cancelled

HEARTBEAT_S = 15.0
STALLED_S = 30.0
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
            except TimeoutError:
                self._dispatcher.figures.ended("stalled")
                abort(receive)
                return
            finally:
                self._dispatcher.close(self._stream)
                await cancelled(gone)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._stream.close()

    async def _tell(self, send: Send) -> None:
        """Errors: `TimeoutError` when the socket takes nothing."""
        stream, figures = self._stream, self._dispatcher.figures
        await self._write(send, b": open\n\n")
        while not stream.closed:
            ends_in_s = seconds_until(stream.reader.expires_at)
            if ends_in_s <= 0 and not stream.revoked:
                figures.ended("expired")
                stream.revoke()
            body, events = stream.payload(self._dispatcher.reached)
            if body:
                figures.sent(events, len(body))
                await self._write(send, body)
            if stream.revoked or (self._once and stream.is_told):
                return
            if not body and not await stream.wait(min(HEARTBEAT_S, ends_in_s)):
                await self._write(send, b": hb\n\n")

    @staticmethod
    async def _write(send: Send, body: bytes) -> None:
        async with asyncio.timeout(STALLED_S):
            await send({"type": "http.response.body", "body": body, "more_body": True})


def abort(receive: Any) -> None:
    """Drop the connection with what its buffer holds, which the reader would never fetch.

    ASGI has no word for it: the transport is that of uvicorn's cycle, whose method `receive` is. Elsewhere the
    server closes it in its own way.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
