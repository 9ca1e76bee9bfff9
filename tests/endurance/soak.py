"""Many clients for minutes: are there errors, does memory grow, do connections, do the indexes fall behind for good?

    make soak
    python tests/endurance/soak.py --minutes 10 --clients 50 --searchers 16

Clients send small batches to sessions that grow, searchers search for what was sent and for ordinary words. Every few
seconds memory of API and worker, connections of Postgres and what waits for the indexes are noted. Then the clients stop:
what waits must be worked off (`drained_s`), and a crowd of requests, more than the service takes on at once, must be answered
or refused, each soon. Prints a table, writes JSON; exit code 1 when something of that is not so.

What is judged, and what is not:
- Words must keep up while it lasts. Vectors may fall behind where more is sent than the machine can compute beside all
  the rest (`embedded_a_second` says how much that is), and must all be there afterwards.
- Memory is judged over the second half of a run of at least `LONG_MINUTES`: before, caches fill (rankings for further
  pages up to 64 MB and ten minutes, what torch keeps for each length of text).
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import psycopg
from crash_load import wire
from crash_victim import Victim
from crash_words import Words
from crowd import Crowd, ask_at_once

from benchmarks.running import fresh_home

SAMPLE_S = 5.0
CLIENT_PAUSE_S = 5.0
"""Of a client between two batches of one to three messages, about as often as an agent says something: of 50 clients 20
messages a second."""
SEARCH_PAUSE_S = 0.5
AT_ONCE = 200
"""Requests that the service takes on; the crowd is three times as large."""
JUDGED = 1 / 2
"""Of the time, at its end, is what is said of growth."""
LONG_MINUTES = 8.0
STALLED_S = 60.0
"""What waits for an index becomes no less for so long: nobody works on it."""
MOST_GROWTH_MB_A_MINUTE = 8.0
MOST_TEXT_LAG_GROWTH_A_MINUTE = 100.0
MOST_CONNECTIONS = 50
REFUSED_MS = 1000.0
"""Within which a refusal comes, as a median, while the machine is busy with what it did not refuse."""
REFUSALS = (429, 503)
QUERIES = ("login loop", "how was the timeout fixed", "migration failed", "slow query index", "cookie")


class Sample(msgspec.Struct, frozen=True):
    """What was so at one moment."""

    at_s: float
    api_mb: float
    worker_mb: float
    postgres_connections: int
    text_lag: int
    vector_lag: int


class Result(msgspec.Struct):
    minutes: float
    clients: int
    searchers: int
    answers: dict[str, int] = {}
    """By what was asked and the status."""
    latency_ms: dict[str, dict[str, float]] = {}
    messages: int = 0
    samples: list[Sample] = []
    growth_a_minute: dict[str, float] = {}
    """Over the second half."""
    embedded_a_second: float = 0.0
    """While clients were there; all that came, where vectors kept up."""
    drained_s: float | None = None
    """After the clients had stopped, until nothing waited for an index; None: it did not happen."""
    crowd: Crowd = Crowd()
    wrong: list[str] = []


class Soak:
    """The threads, and what they met."""

    def __init__(self, victim: Victim) -> None:
        self.victim, self.stopped, self.words = victim, threading.Event(), Words(1)
        self.answers: collections.Counter[str] = collections.Counter()
        self.took_ms: dict[str, list[float]] = collections.defaultdict(list)
        self.messages = 0
        self.sent: collections.deque[str] = collections.deque(maxlen=1000)
        self._lock = threading.Lock()

    def client(self, number: int) -> None:
        rng, batches = random.Random(number), 0
        with self.victim.client() as http:
            while not self.stopped.wait(rng.uniform(0, 2 * CLIENT_PAUSE_S)):
                session = f"soak {number} {batches // 30}"
                said = [self.words.text() for _ in range(rng.randint(1, 3))]
                batch = wire(session, [])
                batch["messages"] = [
                    {
                        "sessionExternalId": session,
                        "externalId": word,
                        "role": "user",
                        "textContent": text,
                        "source": "opencode",
                    }
                    for word, text in said
                ]
                if self.ask("sync", http, "POST", "/sync/batch", json=batch) == httpx.codes.OK:
                    with self._lock:
                        self.messages += len(said)
                    self.sent.extend(word for word, _ in said)
                    batches += 1

    def searcher(self, number: int) -> None:
        rng = random.Random(-number)
        with self.victim.client() as http:
            while not self.stopped.wait(rng.uniform(0, 2 * SEARCH_PAUSE_S)):
                q = rng.choice(list(self.sent)) if self.sent and rng.random() < 0.5 else rng.choice(QUERIES)
                self.ask("search", http, "GET", "/api/search", params={"q": q})

    def ask(self, what: str, http: httpx.Client, method: str, path: str, **more: Any) -> int:
        begun_s, status = time.perf_counter(), 0
        with suppress(httpx.TransportError):
            status = http.request(method, path, **more).status_code
        with self._lock:
            self.answers[f"{what} {status or 'no answer'}"] += 1
            self.took_ms[what].append(1000 * (time.perf_counter() - begun_s))
        return status

    def sample(self, at_s: float) -> Sample:
        text_lag, vector_lag = self.lags()
        with psycopg.connect(self.victim.database_url, autocommit=True) as conn:
            row = conn.execute(
                "select count(*) from pg_stat_activity where application_name like 'backscroll%'"
            ).fetchone()
        return Sample(
            at_s=round(at_s, 1),
            api_mb=self.victim.memory_mb("api"),
            worker_mb=self.victim.memory_mb("worker"),
            postgres_connections=int(row[0]) if row else 0,
            text_lag=text_lag,
            vector_lag=vector_lag,
        )

    def lags(self) -> tuple[int, int]:
        """What waits for words, and for vectors."""
        with self.victim.client() as http:
            asked = {"q": "lag", "type": "fulltext", "limit": 1}
            lag = http.get("/api/search", params=asked).raise_for_status().json()["index"]
        return lag["textLag"], lag["vectorLag"]

    def drained(self) -> float | None:
        """Wait until nothing waits for an index; the seconds, or None when it becomes no less."""
        begun_s = at_s = time.monotonic()
        least = float("inf")
        while waiting := sum(self.lags()):
            if waiting < least:
                least, at_s = waiting, time.monotonic()
            if time.monotonic() - at_s > STALLED_S:
                return None
            threading.Event().wait(0.5)
        return round(time.monotonic() - begun_s, 1)


def run(*, minutes: float, clients: int, searchers: int) -> Result:
    result = Result(minutes, clients, searchers)
    with fresh_home() as home, Victim(home, {"BACKSCROLL_REQUESTS_AT_ONCE": str(AT_ONCE)}) as victim:
        victim.recover()
        victim.wait_for_meaning()
        soak = Soak(victim)
        threads = [threading.Thread(target=soak.client, args=(n,)) for n in range(clients)]
        threads += [threading.Thread(target=soak.searcher, args=(n,)) for n in range(searchers)]
        begun_s = time.monotonic()
        for thread in threads:
            thread.start()
        try:
            while (at_s := time.monotonic() - begun_s) < 60 * minutes:
                result.samples.append(soak.sample(at_s))
                print(line(result.samples[-1], soak), flush=True)
                soak.stopped.wait(SAMPLE_S)
        finally:
            soak.stopped.set()
            for thread in threads:
                thread.join()
        took_s = time.monotonic() - begun_s
        result.embedded_a_second = round((soak.messages - soak.lags()[1]) / took_s, 1)
        result.drained_s = soak.drained()
        result.crowd = ask_at_once(victim.url, victim.key, requests=3 * AT_ONCE)
    summarise(result, soak)
    return result


def line(sample: Sample, soak: Soak) -> str:
    return (
        f"{sample.at_s:>6.0f} s  api {sample.api_mb:>5.0f} MB  worker {sample.worker_mb:>5.0f} MB  "
        f"connections {sample.postgres_connections:>3}  lag {sample.text_lag:>5} words {sample.vector_lag:>6} vectors  "
        f"{soak.messages:>7} messages"
    )


def summarise(result: Result, soak: Soak) -> None:
    result.answers, result.messages = dict(sorted(soak.answers.items())), soak.messages
    for what, took in soak.took_ms.items():
        result.latency_ms[what] = {f"p{p}": round(float(np.percentile(took, p)), 1) for p in (50, 99)}
    late = [each for each in result.samples if each.at_s >= 60 * result.minutes * JUDGED]
    for field in ("api_mb", "worker_mb", "text_lag", "vector_lag"):
        result.growth_a_minute[field] = slope(late, field)
    result.wrong = list(faults(result))


def faults(result: Result) -> Iterable[str]:
    """What should not be so, in sentences."""
    for answer, count in result.answers.items():
        if not answer.endswith(("200", *map(str, REFUSALS))):
            yield f"{count} answers: {answer}"
    grown = result.growth_a_minute
    if grown["text_lag"] > MOST_TEXT_LAG_GROWTH_A_MINUTE:
        yield f"the words' lag grew by {grown['text_lag']} a minute"
    if result.minutes >= LONG_MINUTES:
        for field in ("api_mb", "worker_mb"):
            if grown[field] > MOST_GROWTH_MB_A_MINUTE:
                yield f"{field} grew by {grown[field]} a minute"
    if (connections := max(each.postgres_connections for each in result.samples)) > MOST_CONNECTIONS:
        yield f"{connections} connections"
    if result.drained_s is None:
        yield f"what waited for the indexes became no less for {STALLED_S:.0f} s"
    crowd = result.crowd
    if set(crowd.answers) - {"200", "503"} or crowd.without_retry_after:
        yield f"of a crowd: {crowd.answers}, {crowd.without_retry_after} refusals without Retry-After"
    if not crowd.answers.get("503") or crowd.refused_ms_p50 > REFUSED_MS:
        yield f"of a crowd {crowd.answers.get('503', 0)} were refused, within {crowd.refused_ms_p50} ms"


def slope(samples: list[Sample], field: str) -> float:
    """By how much something grew in a minute, by least squares."""
    if len(samples) < 2:
        return 0.0
    values = [getattr(sample, field) for sample in samples]
    return round(float(np.polyfit([sample.at_s / 60 for sample in samples], values, 1)[0]), 2)


def main() -> int:
    parser = argparse.ArgumentParser(description="Many clients for minutes.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--searchers", type=int, default=16)
    parser.add_argument("--json", type=Path, help="Write the result here, too.")
    asked = parser.parse_args()
    result = run(minutes=asked.minutes, clients=asked.clients, searchers=asked.searchers)
    for name in (
        "messages", "answers", "latency_ms", "growth_a_minute", "embedded_a_second", "drained_s", "crowd", "wrong"
    ):  # fmt: skip
        print(f"{name:18} {getattr(result, name)}")
    if result.minutes < LONG_MINUTES:
        print(f"Memory was not judged: a run of {LONG_MINUTES:.0f} minutes or more tells whether it grows.")
    if asked.json:
        asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2))
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
