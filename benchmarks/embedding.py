"""Embedding: one short query as the API does it, and many texts as the worker does, beside sentence-transformers as it comes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.measure import latencies, percentile, say
from benchmarks.report import Figure, Report
from benchmarks.running import Client, Options, serving, settle, wait_for_meaning
from indexing.embedder import SentenceTransformerEmbedder, open_query_embedder, prepare_query_embedder

TITLE = "Embedding"
EXPECTED = """a short query in ONNX Runtime 4 to 7 ms p50 and 10 ms p99, half of what torch takes; the backfill twice the rate of SentenceTransformer.encode
where the processor has bf16; through the service a little less, since cutting, queueing and storing are added; texts seen before cost no embedding."""
ROUNDS = 3


def run(options: Options, report: Report) -> None:
    embedder = SentenceTransformerEmbedder()
    report.note(
        f"{corpus.origin()} The embedder chose {embedder.compute.precision} with {embedder.compute.threads} threads by its own measurement."
    )
    _queries(embedder, report, 50 if options.quick else 300)
    _backfill(embedder, report, 64 if options.quick else 600)
    _through_service(embedder, options, report, 100 if options.quick else 2_000)


def _queries(embedder: SentenceTransformerEmbedder, report: Report, count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="backscroll-bench-") as directory:
        prepare_query_embedder(embedder, Path(directory))
        onnx = open_query_embedder(Path(directory))
        assert onnx is not None
        ours, theirs = [], []
        for turn in range(ROUNDS):
            questions = corpus.questions(count, seed=50 + turn)
            ours.append(latencies(lambda q: onnx.embed([q]), questions))
            theirs.append(latencies(lambda q: embedder.model.encode([q]), questions))
    for percent, must, target in ((50, 13.0, 5.0), (99, 20.0, 8.0)):
        report.add(
            Figure(
                what=f"one short query, p{percent}",
                values=[percentile(each, percent) for each in ours],
                unit="ms",
                baselines=[percentile(each, percent) for each in theirs],
                baseline="SentenceTransformer.encode",
                must=must,
                target=target,
            )
        )


def _backfill(embedder: SentenceTransformerEmbedder, report: Report, count: int) -> None:
    ours, theirs = [], []
    for turn in range(ROUNDS):
        texts = list(corpus.texts(count, seed=60 + turn))
        ours.append(_rate(embedder.embed, texts))
        theirs.append(_rate(embedder.model.encode, texts))
    report.add(
        Figure(
            what="backfill, the embedder alone",
            values=ours,
            unit="texts/s",
            baselines=theirs,
            baseline="SentenceTransformer.encode as it comes",
            must=1.5,
            target=2.0,
            goal_on="ratio",
            better="higher",
        )
    )


def _through_service(
    embedder: SentenceTransformerEmbedder, options: Options, report: Report, count: int
) -> None:
    messages = corpus.messages(count, seed=70, chars=600)
    with serving(options) as service:
        client = service.client()
        wait_for_meaning(client)
        settle(client, "start")
        took_s = _sent_and_settled(client, messages)
        report.add(
            Figure(
                what=f"backfill through the service, {count:,} messages of 600 characters",
                values=[count / took_s],
                unit="texts/s",
                baselines=[
                    _rate(
                        embedder.model.encode, [message["textContent"] for message in messages[: count // 4]]
                    )
                ],
                baseline="SentenceTransformer.encode as it comes",
                must=1.5,
                target=2.0,
                goal_on="ratio",
                better="higher",
            )
        )
        again = [
            {**message, "sessionExternalId": f"again-{message['sessionExternalId']}"} for message in messages
        ]
        report.add(
            Figure(
                what="the same texts again, in other sessions",
                values=[count / _sent_and_settled(client, again)],
                unit="texts/s",
                baselines=[count / took_s],
                baseline="the first time",
                better="higher",
            )
        )


def _sent_and_settled(client: Client, messages: list[dict[str, Any]]) -> float:
    """Seconds from the first batch until all can be found by meaning (to half a second, since lags are polled)."""
    start = time.perf_counter()
    for body in corpus.batches(messages):
        client.send("POST", "/sync/batch", body)
    settle(client, "embedding")
    return time.perf_counter() - start


def _rate(embed: Any, texts: list[str]) -> float:
    """Texts a second."""
    say(f"  embedding {len(texts):,} texts ...")
    start = time.perf_counter()
    embed(texts)
    return len(texts) / (time.perf_counter() - start)
