"""pgvector alone: how much of the truth HNSW finds, by the kind of vectors and by its settings; and from how many rows on it is ahead.

    python -m benchmarks vectors [--home DIRECTORY]     keeps the embedded sentences in the directory

Vectors of real sentences and questions of the retrieval sets and of real transcripts; vectors as `planting` makes them, with
questions as `planting` has them; and both at several sizes. The statement is the service's inner one: the nearest texts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks import corpus, planting
from benchmarks.measure import Progress, in_batches, percentile, timed
from benchmarks.planting import as_text, query_embedder
from benchmarks.report import Figure, Report
from benchmarks.running import Options, Service, serving, wait_for_meaning
from indexing.embedder import SentenceTransformerEmbedder
from indexing.ports import Vectors
from service.storage.vectors import BY_INDEX

TITLE = "Vectors: pgvector alone"
EXPECTED = """real text is like random clusters and not like planted ones, whose members are all as near to a question: recall@10 of 0.98 and
more with `ef_search` 400, less than 0.85 on planted ones. HNSW is ahead of comparing all from 3,000 rows on."""
SENTENCES = 20_000
QUESTIONS = 100
WANTED = 130
"""Texts, as the service asks for 100 messages."""
SETTINGS = ((WANTED, 130), (WANTED, 208), (WANTED, 300), (WANTED, 400), (260, 416), (260, 1000))
"""How many are asked for, and `ef_search`."""
SIZES = (1_000, 3_000, 6_000, 10_000, 20_000, 50_000, 100_000)
NEAREST = "select id from benchmark.vectors order by embedding <#> %s::halfvec limit %s"
ONE_BY_ONE = "select id from benchmark.vectors order by (embedding <#> %s::halfvec) + 0 limit %s"
BUILT = "m = 16, ef_construction = 64"


@dataclass
class Kind:
    """Vectors to look in and vectors to look for."""

    name: str
    rows: Vectors
    asked: Vectors


def run(options: Options, report: Report) -> None:
    if options.url:
        report.note("Left out: pgvector is measured alone in the Postgres of a service of our own.")
        return
    with serving(options) as service:
        wait_for_meaning(service.client())
        with psycopg.connect(service.database_url, autocommit=True) as conn:
            conn.execute("drop schema if exists benchmark cascade; create schema benchmark")
            try:
                for kind in _kinds(service, options):
                    _measure(conn, kind, report)
            finally:
                conn.execute("drop schema benchmark cascade")


def _kinds(service: Service, options: Options) -> Iterator[Kind]:
    embed = query_embedder(service).embed
    asked = embed(corpus.questions(QUESTIONS, seed=4711))
    yield Kind("real sentences", sentences(options.home, SENTENCES), asked)
    base = embed(list(corpus.texts(planting.SENTENCES, seed=99, chars=120)))
    rng = random.Random(5)
    yield Kind("planted", planting.made_up([rng.randbytes(32) for _ in range(SIZES[-1])], base), asked)


def sentences(home: Path | None, count: int) -> Vectors:
    """Vectors of so many distinct real sentences; those that are kept beside the home are not made again."""
    kept = home / "sentences.npy" if home else None
    found = np.load(kept) if kept and kept.exists() else np.zeros((0, 384), np.float16)
    chosen = sorted({each for each in corpus.sentences() if len(each) >= 25})
    random.Random(7).shuffle(chosen)
    missing = chosen[len(found) : count]
    if missing:
        embedder, progress = SentenceTransformerEmbedder(""), Progress("embedding", len(missing), "sentences")
        made = [found]
        for batch in in_batches(missing, 512):
            made.append(embedder.embed([each[:600] for each in batch]).astype(np.float16))
            progress.at(sum(map(len, made)) - len(found))
        found = np.concatenate(made)
        if kept:
            np.save(kept, found)
    vectors: Vectors = found[:count].astype(np.float32)
    return vectors


def _measure(conn: psycopg.Connection[Any], kind: Kind, report: Report) -> None:
    for size in [each for each in SIZES if each < len(kind.rows)] + [len(kind.rows)]:
        rows = kind.rows[:size]
        _fill(conn, rows)
        whole = f"{kind.name}, {size:,}"
        exact_ms, _ = _asked(conn, ONE_BY_ONE, kind.asked[:20], WANTED)
        for name, value in BY_INDEX.items():
            conn.execute("select set_config(%s, %s, false)", [name, value])
        settings = SETTINGS if size == len(kind.rows) else [(WANTED, 400)]
        for wanted, ef in settings:
            conn.execute(f"set hnsw.ef_search = {ef}")
            took_ms, found = _asked(conn, NEAREST, kind.asked, wanted)
            what = f"{whole}: {wanted} nearest, ef_search {ef}"
            report.add(Figure(what=f"{what}, p50", values=[percentile(took_ms, 50)], unit="ms", baselines=[percentile(exact_ms, 50)], baseline="compared one by one"))  # fmt: skip
            for first, must in ((10, 0.98), (100, None)):
                if first < size:
                    report.add(Figure(what=f"{what}, recall@{first}", values=[recall(rows, kind.asked, found, first)], unit="of exact", must=must, better="higher"))  # fmt: skip
        conn.execute("reset all")


def recall(rows: Vectors, asked: Vectors, found: Sequence[Sequence[int]], first: int) -> float:
    """The share of the `first` nearest, compared one by one at half precision, that are among the `first` found."""
    scores = asked @ rows.astype(np.float16).astype(np.float32).T
    truth = np.argpartition(-scores, first, axis=1)[:, :first]
    shares = [
        len({*map(int, exact)} & {*got[:first]}) / first for exact, got in zip(truth, found, strict=True)
    ]
    return float(np.mean(shares))


def _fill(conn: psycopg.Connection[Any], rows: Vectors) -> None:
    conn.execute("drop table if exists benchmark.vectors")
    conn.execute(f"create table benchmark.vectors (id int primary key, embedding halfvec({rows.shape[1]}))")
    with conn.cursor() as cursor, cursor.copy("copy benchmark.vectors from stdin") as copy:
        for id, row in enumerate(rows):
            copy.write_row((id, as_text(row)))
    conn.execute("set maintenance_work_mem = '1GB'; set max_parallel_maintenance_workers = 2")
    conn.execute(f"create index on benchmark.vectors using hnsw (embedding halfvec_ip_ops) with ({BUILT})")
    conn.execute("analyze benchmark.vectors; reset all")


def _asked(
    conn: psycopg.Connection[Any], statement: str, asked: Vectors, wanted: int
) -> tuple[list[float], list[list[int]]]:
    """How long each took, and the ids it gave, nearest first."""

    def ask(vector: Any) -> list[int]:
        return [row[0] for row in conn.execute(statement, [as_text(vector), wanted], prepare=True)]

    for vector in asked[:5]:
        ask(vector)
    return timed(ask, asked)
