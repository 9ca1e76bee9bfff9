"""How much the load client can take, and how late it is by itself: the same streams, held open by a server that
does nothing but write events it has ready.

Rule: this is the proof that a figure is the service's and not the client's. The stub is one process on raw sockets,
as lean as the client; what both can do together is a lower bound of what the client can.
"""

from __future__ import annotations

import multiprocessing
import random
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NamedTuple

from benchmarks.live.reader import Arrival
from benchmarks.live.readers import OPEN_WITHIN_S, Readers, reading
from benchmarks.running import BenchmarkError, free_port

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: open\n\nevent: snapshot\ndata: {}\nid: t\n\n"
FLOOD_EVENTS = 40_000


class Ability(NamedTuple):
    """What the client did against the stub."""

    events_per_s: float
    """Taken when as many came as the stub could write."""
    delays_ms: list[float]
    """From an event's writing to its reading, at the pace asked for."""


def ability(
    *, streams: int, event_bytes: int, pace: float, burst: int = 1, seconds: float, flood: int = FLOOD_EVENTS
) -> Ability:
    """With `streams` held: `pace` bursts a second of `burst` events, each on another stream; then a flood."""
    port, context = free_port(), multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=serve, args=(port, streams, event_bytes, theirs), daemon=True)
    child.start()
    try:
        if ours.recv() != "listening":
            raise BenchmarkError("The stub did not listen.")
        with reading(f"http://127.0.0.1:{port}", "", ["/"] * streams) as readers:
            readers.until_told()
            sent, paced = _asked(ours, readers, (pace, burst, int(pace * seconds)))
            _, flooded = _asked(ours, readers, (0.0, 1, flood))
            times = sorted(each.at_s for each in flooded)
            delays_ms = [1000 * (each.at_s - sent[each.mark]) for each in paced]
            return Ability(len(times) / (times[-1] - times[0]), delays_ms)
    finally:
        ours.close()
        child.join(5)
        child.kill()


def _asked(
    stub: Connection, readers: Readers, what: tuple[float, int, int]
) -> tuple[dict[int, float], list[Arrival]]:
    """When the stub wrote each mark, and when it was read. Errors: `BenchmarkError` when one is missing."""
    events = readers.seen().events
    stub.send(what)
    sent: dict[int, float] = stub.recv()
    end = time.monotonic() + OPEN_WITHIN_S
    while readers.seen().events < events + len(sent):
        if time.monotonic() > end:
            raise BenchmarkError("The load client lost events of the stub.")
        time.sleep(0.02)
    return sent, readers.arrivals()


def serve(port: int, streams: int, event_bytes: int, commands: Connection) -> None:
    """The stub's process: take the streams, then write what is asked for until the pipe closes."""
    with suppress(EOFError, OSError), socket.create_server(("127.0.0.1", port), backlog=4096) as listener:
        commands.send("listening")
        clients = _accepted(listener, streams)
        mark = 0
        while True:
            pace, burst, count = commands.recv()
            commands.send(_written(clients, mark, event_bytes, pace=pace, burst=burst, count=count))
            mark += count * burst


def _accepted(listener: socket.socket, streams: int) -> list[socket.socket]:
    clients = []
    for _ in range(streams):
        client, _ = listener.accept()
        client.recv(65536)
        client.sendall(HEAD)
        clients.append(client)
    return clients


def _written(
    clients: Sequence[socket.socket], first: int, size: int, *, pace: float, burst: int, count: int
) -> dict[int, float]:
    """When each mark was written, on the monotonic clock."""
    order = random.Random(1).sample(range(len(clients)), len(clients))
    padding, begun_s, mark = b"x" * max(0, size - 60), time.monotonic(), first
    sent: dict[int, float] = {}
    for turn in range(count):
        if pace:
            time.sleep(max(0.0, begun_s + turn / pace - time.monotonic()))
        at_s = time.monotonic()
        for _ in range(burst):
            client = clients[order[mark % len(clients)]]
            sent[mark] = at_s
            # Waits where the client is behind.
            client.sendall(b'event: delta\ndata: {"@@%d@@ %s"}\nid: t\n\n' % (mark, padding))
            mark += 1
    return sent
