"""One process of the load client: as many streams as it is told to hold, on raw sockets.

Rule: it does the least that a reader can: it looks for marks (`@@17@@`) and tokens in whole lines and notes the
time; no HTTP library, no JSON. What that costs is measured beside the service by `stub.py`, not assumed.

A stream that ends is opened again after the pause that a browser would make, with the token that it holds.
Times are `time.monotonic()`, which all processes of a machine share.
"""

from __future__ import annotations

import heapq
import os
import random
import re
import select
import socket
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NamedTuple

MARK = re.compile(rb"@@(\d+)@@")
EVENT = b"\nevent: "
TOKEN = b"\nid: "
CHUNK = 256 * 1024
OPENING_AT_ONCE = 100
"""Of one process, at the beginning: those who come again do so when they like."""
RETRY_S = (0.3, 1.5)
"""The service's own `retry:` lies between these."""


class Arrival(NamedTuple):
    """A mark that a stream has read."""

    mark: int
    stream: int
    at_s: float


class Seen(NamedTuple):
    """What one process has met so far."""

    told: int
    """Streams that are open and have had an event."""
    events: int
    bytes: int
    cuts: int
    """Streams that ended."""
    refused: int
    """Answers that were no stream."""
    cpu_s: float


class Asked(NamedTuple):
    """A stream that is to be held."""

    number: int
    target: str
    """Path and query."""
    receive_bytes: int = 0
    """What the system keeps for it unread; 0: as it likes, which is megabytes."""


class Stream:
    """One connection, and what is left of a line that has not come whole."""

    __slots__ = ("asked", "is_told", "left", "socket", "token")

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.socket: socket.socket | None = None
        self.left = b""
        self.token = b""
        self.is_told = False


class Reader:
    """All streams of a process, in one epoll."""

    def __init__(self, address: tuple[str, int], key: str, asked: list[Asked], commands: Connection) -> None:
        self._address, self._key, self._commands = address, key, commands
        self._waiting = [Stream(each) for each in reversed(asked)]
        self._opening: set[Stream] = set()
        self._by_file: dict[int, Stream] = {}
        self._again: list[tuple[float, int, Stream]] = []
        self._epoll = select.epoll()
        self._arrivals: list[Arrival] = []
        self._told = self._events = self._bytes = self._cuts = self._refused = 0

    def run(self) -> None:
        """Read until told to stop."""
        self._epoll.register(self._commands.fileno(), select.EPOLLIN)
        while True:
            while self._waiting and len(self._opening) < OPENING_AT_ONCE:
                self._open(self._waiting.pop())
            now_s = time.monotonic()
            while self._again and self._again[0][0] <= now_s:
                self._open(heapq.heappop(self._again)[2])
            for file, events in self._epoll.poll(self._again[0][0] - now_s if self._again else 1.0):
                if file == self._commands.fileno():
                    if not self._obey():
                        return
                elif (stream := self._by_file.get(file)) is not None:
                    self._attend(stream, events)

    def _obey(self) -> bool:
        command = self._commands.recv()
        if command == "seen":
            cpu = os.times()
            self._commands.send(
                Seen(self._told, self._events, self._bytes, self._cuts, self._refused, cpu.user + cpu.system)
            )
        elif command == "arrivals":
            self._commands.send(self._arrivals)
            self._arrivals = []
        elif command == "stall":
            for file in self._by_file:
                self._epoll.unregister(file)
            self._commands.send(None)
        return bool(command != "stop")

    def _open(self, stream: Stream) -> None:
        stream.socket = made = socket.socket()
        made.setblocking(False)
        if stream.asked.receive_bytes:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, stream.asked.receive_bytes)
        made.connect_ex(self._address)
        self._opening.add(stream)
        self._by_file[made.fileno()] = stream
        self._epoll.register(made.fileno(), select.EPOLLOUT)

    def _attend(self, stream: Stream, events: int) -> None:
        assert stream.socket is not None
        try:
            if events & select.EPOLLOUT:
                stream.socket.sendall(self._request(stream))
                self._epoll.modify(stream.socket.fileno(), select.EPOLLIN)
                return
            data = stream.socket.recv(CHUNK)
        except OSError:
            data = b""
        if data:
            self._take(stream, data, time.monotonic())
        else:
            self._cut(stream)

    def _request(self, stream: Stream) -> bytes:
        resume = b"Last-Event-ID: %s\r\n" % stream.token if stream.token else b""
        head = f"GET {stream.asked.target} HTTP/1.1\r\nHost: {self._address[0]}\r\nAuthorization: Bearer {self._key}\r\n"
        return head.encode() + resume + b"\r\n"

    def _take(self, stream: Stream, data: bytes, at_s: float) -> None:
        self._bytes += len(data)
        text = stream.left + data
        end = text.rfind(b"\n")
        if end < 0:
            stream.left = text
            return
        lines, stream.left = text[:end], text[end:]  # with its line end, behind which a field begins
        self._arrivals += [Arrival(int(mark), stream.asked.number, at_s) for mark in MARK.findall(lines)]
        events = lines.count(EVENT)
        self._events += events
        place = lines.rfind(TOKEN)
        if place >= 0:
            token = lines[place + len(TOKEN) :].partition(b"\n")[0].strip()
            stream.token = token or stream.token
        if not stream.is_told and (events or (stream.token and b": open" in lines)):
            stream.is_told = True
            self._told += 1
            self._opening.discard(stream)
        if lines.startswith(b"HTTP/1.1 ") and not lines.startswith(b"HTTP/1.1 200"):
            self._refused += 1
            self._cut(stream)

    def _cut(self, stream: Stream) -> None:
        """It ended: come again in a while."""
        assert stream.socket is not None
        file = stream.socket.fileno()
        self._by_file.pop(file, None)
        with suppress(OSError):
            self._epoll.unregister(file)
        stream.socket.close()
        self._cuts += 1
        self._told -= stream.is_told
        self._opening.discard(stream)
        stream.is_told, stream.left, stream.socket = False, b"", None
        heapq.heappush(
            self._again, (time.monotonic() + random.uniform(*RETRY_S), stream.asked.number, stream)
        )


def hold(address: tuple[str, int], key: str, asked: list[Asked], commands: Connection) -> None:
    """The main function of the process."""
    with suppress(EOFError, KeyboardInterrupt):
        Reader(address, key, asked, commands).run()
