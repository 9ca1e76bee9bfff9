"""The load client of the benchmark of live queries: what it says was read, was read, and once."""

from __future__ import annotations

import multiprocessing

import pytest

from benchmarks.live import stub
from benchmarks.live.reader import Asked, Reader, Stream

ANSWER = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n: open\n\n\r\n"
    b'5f\r\nretry: 800\nevent: snapshot\ndata: {"id":"a","result":{"messages":["@@12@@"]}}\nid: c.a-0.5:5:\n\n\r\n'
    b'3c\r\nevent: delta\ndata: {"id":"a","upsert":["@@13@@ id: no token"]}\nid: c.a-0.7:7:\n\n\r\n'
)


@pytest.mark.parametrize("size", [1, 2, 7, 64, len(ANSWER)])
def test_it_notes_each_mark_once_however_bytes_are_cut(size: int) -> None:
    """Marks, events and the last token of a stream are the same whether its bytes come one by one or all at once."""
    commands, _ = multiprocessing.Pipe()
    asked = Asked(3, "/api/live")
    held, stream = Reader(("127.0.0.1", 1), "key", [asked], commands), Stream(asked)
    for start in range(0, len(ANSWER), size):
        held._take(stream, ANSWER[start : start + size], at_s=float(start))
    assert [(each.mark, each.stream) for each in held._arrivals] == [(12, 3), (13, 3)]
    assert (held._events, held._bytes, held._told) == (2, len(ANSWER), 1)
    assert stream.token == b"c.a-0.7:7:"


def test_it_takes_all_that_a_server_writes() -> None:
    """Against a stub that writes as fast as it can no event is lost, and each has the time of its reading."""
    able = stub.ability(streams=8, event_bytes=300, pace=100.0, burst=2, seconds=0.2, flood=2000)
    assert len(able.delays_ms) == 40
    assert min(able.delays_ms) >= 0
    assert able.events_per_s > 0
