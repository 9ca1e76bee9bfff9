"""How long after its write was acknowledged a message is found: by its words, by its meaning."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg

from benchmarks import corpus
from benchmarks.measure import latencies, percentile
from benchmarks.report import Figure, Report
from benchmarks.running import BenchmarkError, Client, Options, Service, serving, settle, wait_for_meaning

TITLE = "Freshness: from the acknowledged write to the hit"
EXPECTED = """by words about 50 ms p50 and 150 ms p99: the bell wakes the worker, tantivy commits within 100 ms, the reader reloads in less than 1 ms; by meaning
100 to 400 ms on an idle system: one text is embedded in about 10 ms, the rest is waiting. With a commit token it is always there."""
FOUND_WITHIN_S = 60.0
STOCK = 2_000
"""Messages there before."""


def run(options: Options, report: Report) -> None:
    count = 40 if options.quick else 200
    with serving(options) as service:
        client = service.client()
        for body in corpus.batches(corpus.messages(200 if options.quick else STOCK, seed=1)):
            client.send("POST", "/sync/batch", body)
        wait_for_meaning(client)
        settle(client, "stock")
        report.note(
            "The poll has no pause: it costs the service as much as it can answer. The baseline is one such search for a message that is there."
        )
        _by_words(client, report, count)
        _with_token(client, report, count)
        _by_meaning(client, report, count // 5)
        if service.database_url:
            _bell(service, report)


def _by_words(client: Client, report: Report, count: int) -> None:
    rng = random.Random(3)
    took: list[float] = []
    floor: list[float] = []
    for place in range(count):
        word = f"fresh{rng.randrange(10**12)}"
        time.sleep(rng.uniform(0, 0.15))  # so that writes meet the worker's clock at any moment
        _write(client, f"words-{place}", f"The word of this one is {word}, all else is as always.")
        took += latencies(_until(partial(_by_text, client)), [word])
        floor += latencies(partial(_by_text, client), [word])
    for percent, must, target in ((50, 200.0, 100.0), (99, 500.0, 250.0)):
        report.add(
            Figure(
                what=f"found by its words, p{percent} of {count} writes",
                values=[percentile(took, percent)],
                unit="ms",
                baselines=[percentile(floor, percent)],
                baseline="one such search",
                must=must,
                target=target,
            )
        )


def _with_token(client: Client, report: Report, count: int) -> None:
    took: list[float] = []
    for place in range(count):
        _write(client, f"token-{place}", f"With its token comes tokenword{place}.")
        start = time.perf_counter()
        found = client.get(
            "/api/search",
            q=f"tokenword{place}",
            type="fulltext",
            groupBy="message",
            limit=1,
            commit=client.token,
        )
        took.append(1000 * (time.perf_counter() - start))
        if not found["results"]:
            raise BenchmarkError("A search with a commit token did not contain that commit.")
    report.add(
        Figure(
            what=f"search with the write's commit token, p50 of {count}; all found",
            values=[percentile(took, 50)],
            unit="ms",
        )
    )


def _by_meaning(client: Client, report: Report, count: int) -> None:
    took: list[float] = []
    floor: list[float] = []
    for place, text in enumerate(corpus.texts(count, seed=5, chars=200)):
        settle(client, "rest")
        _write(client, f"meaning-{place}", text)
        found = partial(_by_vector, client, f"meaning-{place}")
        took += latencies(_until(found), [text])
        floor += latencies(found, [text])
    report.add(
        Figure(
            what=f"found by its meaning, idle system, p50 of {count} writes",
            values=[percentile(took, 50)],
            unit="ms",
            baselines=[percentile(floor, 50)],
            baseline="one such search",
            must=1000,
            target=400,
        )
    )


def _bell(service: Service, report: Report) -> None:
    """The least that a notice from Postgres takes."""
    with psycopg.connect(service.database_url, autocommit=True) as conn:
        conn.execute("listen benchmark_bell")

        def ring(_: int) -> None:
            conn.execute("notify benchmark_bell")
            next(conn.notifies(timeout=5, stop_after=1))

        took = latencies(ring, range(200))
    report.add(
        Figure(
            what="for comparison: a bare NOTIFY and its arrival, p50",
            values=[percentile(took, 50)],
            unit="ms",
        )
    )


def _write(client: Client, external_id: str, text: str) -> None:
    message: dict[str, Any] = {
        "sessionExternalId": "fresh",
        "externalId": external_id,
        "role": "user",
        "textContent": text,
        "source": "claude-code",
    }
    client.post("/sync/batch", {"messages": [message]})


def _by_text(client: Client, word: str) -> bool:
    return bool(client.get("/api/search", q=word, type="fulltext", groupBy="message", limit=1)["results"])


def _by_vector(client: Client, external_id: str, text: str) -> bool:
    words = " ".join(
        re.findall(r"\w+", text)
    )  # as words: a quote or a minus in it would be the query language's
    found = client.get("/api/search", q=words, type="semantic", groupBy="message", limit=10)["results"]
    return any(hit["messageExternalId"] == external_id for hit in found)


def _until(found: Callable[[str], bool]) -> Callable[[str], None]:
    """Asking again, without a pause, until it is found."""

    def ask(what: str) -> None:
        end = time.monotonic() + FOUND_WITHIN_S
        while not found(what):
            if time.monotonic() > end:
                raise BenchmarkError(f"A message was not found within {FOUND_WITHIN_S:.0f} s of its write.")

    return ask
