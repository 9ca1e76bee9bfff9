"""HTTP connections: uvicorn's protocol, with an end to whatever a client can drag out.

Rule: a client that is slow or has stopped costs a bounded time, a bounded memory and no other client's place.

| a client that                                | is let go                                               |
|----------------------------------------------|---------------------------------------------------------|
| does not finish the head of its request      | after the patience: 408                                 |
| sends a head that does not end               | above 64 KB: 431                                        |
| opens more and more without a word           | above 1,000 such connections the one that waits longest |
| does not finish its body                     | in `api/gate/body.py`                                   |
| asks, and does not take the answer           | when it has taken nothing of it within the patience     |

What is refused here is told as everywhere: `{"error": "<sentence>"}`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from collections import OrderedDict
from functools import partial
from http import HTTPStatus
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.settings import Settings

MOST_HEAD_BYTES = 64 * 1024
MOST_HEADS = 1000
"""Connections that wait for the head of a request, or for the rest of it."""
KEEP_ALIVE_S = 75
"""An idle connection stays open for so long: longer than clients and proxies keep theirs (httpx 5 s, nginx 60 s), so that
no request meets a connection that is being closed."""
FAREWELL_S = 3
"""Requests that run when the API is asked to stop get this long to finish."""

Heads = OrderedDict["Connection", None]
"""Who has not sent a whole head yet, the longest waiting first."""


def server(app: Any, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves this app; the listening socket is passed to it open."""
    heads: Heads = OrderedDict()
    protocol: Any = partial(Connection, patience_s=settings.patience_s, heads=heads)
    return uvicorn.Config(
        app, http=protocol, ws="none", lifespan="on", log_config=None, access_log=False,
        server_header=False, timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=FAREWELL_S,
    )  # fmt: skip


def allow_many_files() -> None:
    """Let this process have as many connections as the system grants; a shell's default of 1,024 is soon used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, *args: Any, patience_s: float, heads: Heads, **options: Any) -> None:
        super().__init__(*args, **options)
        self._patience_s = patience_s
        self._heads = heads
        self._head_bytes = 0
        self._in_body = False
        self._deadline: asyncio.TimerHandle | None = None
        """When the head must be whole."""
        self._stall: asyncio.TimerHandle | None = None
        """When it is looked whether the client has taken anything."""
        self._untaken_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        # asyncio leaves Nagle's algorithm on for a listener that it is given: each answer would wait 40 ms for the client's acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_whole()
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        began_in_body = self._in_body
        super().data_received(data)
        if self.transport.is_closing() or not self._lacks_head():
            return
        self._await_head()
        if (
            began_in_body or self._in_body
        ):  # what is left of one that was answered unread: limited in time, not in size
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(431, f"The head of a request is longer than {MOST_HEAD_BYTES:,} bytes.")

    def on_headers_complete(self) -> None:
        self._head_is_whole()
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():  # the end of the answer may still be here, below the mark of a pause
            self._watch()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "This is no HTTP request.")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._unwatch()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch()  # closing waits for the client to take what is left

    def _lacks_head(self) -> bool:
        """Nothing is being answered: what comes is a head, or the rest of a body that was answered unread."""
        return self.cycle is None or (self.cycle.response_complete and not self.pipeline)

    def _await_head(self) -> None:
        if self._deadline is not None:
            return
        self._deadline = self.loop.call_later(self._patience_s, self._head_is_late)
        self._heads[self] = None
        if len(self._heads) > MOST_HEADS:
            longest, _ = self._heads.popitem(last=False)
            longest.transport.abort()

    def _head_is_whole(self) -> None:
        self._heads.pop(self, None)
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_late(self) -> None:
        if self._head_bytes and not self._in_body:
            self._refuse(408, "The head of the request took too long: send it again.")
        else:
            self.transport.close()
            self._watch()

    def _refuse(self, status: int, sentence: str) -> None:
        """Say why, and close."""
        body = json.dumps({"error": sentence}).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\naccess-control-allow-origin: *\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
        self._watch()

    def _watch(self) -> None:
        """From now on the client must take something within each patience."""
        self._unwatch()
        self._untaken_bytes = self.transport.get_write_buffer_size()
        self._stall = self.loop.call_later(self._patience_s, self._look)

    def _look(self) -> None:
        left_bytes = self.transport.get_write_buffer_size()
        if left_bytes >= self._untaken_bytes:
            self.transport.abort()
        else:
            self._watch()

    def _unwatch(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
