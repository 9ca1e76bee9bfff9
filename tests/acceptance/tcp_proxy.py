"""A network between a service and its Postgres that can be lost: TCP in front, the server's own socket behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Way = Literal["open", "silent", "cut"]
"""Bytes pass; bytes and new connections wait; connections are broken and new ones closed at once."""
BLOCK = 1 << 16


class Network:
    """A port of this machine that leads to a unix socket."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._loop = asyncio.new_event_loop()
        self._passable = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._way: Way = "open"
        self._passable.set()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._connected, "127.0.0.1", 0), self._loop
        ).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def become(self, way: Way) -> None:
        self._loop.call_soon_threadsafe(self._become, way)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._become, "cut")
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _become(self, way: Way) -> None:
        self._way = way
        (self._passable.clear if way == "silent" else self._passable.set)()
        if way == "cut":
            for writer in self._writers:
                writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passable.wait()
        if self._way == "cut":
            writer.transport.abort()
            return
        with suppress(OSError):
            theirs, ours = await asyncio.open_unix_connection(self._path)
            self._writers |= {writer, ours}
            await asyncio.gather(self._pump(reader, ours), self._pump(theirs, writer))
            self._writers -= {writer, ours}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(BLOCK):
                await self._passable.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def network(path: str) -> Iterator[Network]:
    made = Network(path)
    try:
        yield made
    finally:
        made.close()
