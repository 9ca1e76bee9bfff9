"""Commits at a pace, and when what they told arrived.

Rule: the pace is the clock's, not the service's: a writer that comes late writes at once, so that a service that
stalls is asked as often as before. A delay begins where the write was acknowledged; what arrived before that is 0.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import msgspec

from benchmarks.live.readers import Readers
from benchmarks.live.setting import Setting, message
from benchmarks.measure import percentile
from benchmarks.running import BenchmarkError, Client, NotYet

WRITERS = 8
ARRIVED_WITHIN_S = 10.0
CHARS = 200
ATTEMPTS = 5


class Commit(NamedTuple):
    session: str
    acknowledged_s: float


Commits = Mapping[int, Commit]
"""By mark."""


class Delivery(NamedTuple):
    """What came of commits."""

    delays_ms: list[float]
    lost: int
    """Pairs of a commit and a stream that follows its session that did not meet."""
    early: int
    """Of the delays: read before the writer had its answer."""

    def ms(self, percent: float) -> float:
        return percentile(self.delays_ms, percent)


def commits(setting: Setting, sessions: Sequence[str], *, pace: float, seconds: float) -> dict[int, Commit]:
    """Append a message to one session after the other in a random order, `pace` a second, by several clients."""
    order = random.Random(7).choices(sessions, k=round(pace * seconds))
    turns, lock, done = iter(enumerate(order)), threading.Lock(), dict[int, Commit]()
    begun_s = time.monotonic()

    def write(_: int) -> None:
        client = setting.client()
        while True:
            with lock:
                turn = next(turns, None)
                mark = next(setting.marks)
            if turn is None:
                return
            body = body_of(turn[1], mark)
            time.sleep(max(0.0, begun_s + turn[0] / pace - time.monotonic()))
            refused = send(client, body)
            with lock:
                setting.refused += refused
            done[mark] = Commit(turn[1], time.monotonic())

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    return done


def send(client: Client, body: bytes) -> int:
    """As clients do: a service that says 503 is asked again; how often it said so. Errors: `BenchmarkError`."""
    for refused in range(ATTEMPTS):
        with suppress(NotYet):
            client.send("POST", "/sync/message", body)
            return refused
    raise BenchmarkError(f"A write was refused {ATTEMPTS} times.")


def body_of(session: str, mark: int) -> bytes:
    return msgspec.json.encode(message(session, f"live-{mark}", text_of(mark)))


def text_of(mark: int) -> str:
    words = random.Random(mark).choices(WORDS, k=CHARS // 7)
    return f"@@{mark}@@ {' '.join(words)}"


WORDS = [
    "the",
    "loop",
    "reads",
    "a",
    "session",
    "again",
    "when",
    "its",
    "answer",
    "differs",
    "and",
    "tells",
    "each",
    "reader",
    "only",
    "what",
    "changed",
    "there",
]


def delivered(readers: Readers, done: Commits, followers: Mapping[str, Collection[int]]) -> Delivery:
    """Wait until every stream that follows has read every commit of its session, and not for ever.

    `followers`: the numbers of the streams by session.
    """
    wanted = {(mark, stream) for mark, commit in done.items() for stream in followers[commit.session]}
    end, first = time.monotonic() + ARRIVED_WITHIN_S, dict[tuple[int, int], float]()
    while True:
        for each in readers.arrivals():
            first.setdefault((each.mark, each.stream), each.at_s)
        if wanted <= first.keys() or time.monotonic() > end:
            break
        time.sleep(0.1)
    late = [1000 * (first[pair] - done[pair[0]].acknowledged_s) for pair in wanted & first.keys()]
    return Delivery(
        delays_ms=[max(0.0, delay) for delay in late],
        lost=len(wanted - first.keys()),
        early=sum(delay < 0 for delay in late),
    )


def under_load(
    setting: Setting, readers: Readers, sessions: Sequence[str], *, pace: float, seconds: float
) -> tuple[Delivery, int]:
    """What came of commits to sessions that have a stream each, and the bytes of one event; after a short warming."""
    followers = {session: (number,) for number, session in enumerate(sessions)}
    delivered(readers, commits(setting, sessions, pace=pace, seconds=2.0), followers)
    before = readers.seen()
    done = commits(setting, sessions, pace=pace, seconds=seconds)
    found = delivered(readers, done, followers)
    after = readers.seen()
    return found, round((after.bytes - before.bytes) / max(1, after.events - before.events))
