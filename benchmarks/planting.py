"""Vectors for more texts than can be embedded in the time of a benchmark.

The service makes the passages and queues their texts; here each queued text is given a made-up vector: that of a
real sentence, chosen by the text's hash, with noise. Clusters, distances and sizes are those of real vectors, while
what a text says and where its vector lies have nothing to do with each other: good for times, not for quality.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg

from benchmarks import corpus
from benchmarks.measure import Progress, in_batches
from benchmarks.running import BenchmarkError, Client, NotYet, Service, tables
from indexing.embedder import open_query_embedder
from indexing.ports import Embedder, Vectors
from service.settings import Settings

SENTENCES = 1_000
NOISE = 0.6
"""Length of the noise beside a vector of length 1: the cosine between two of one sentence is about 0.74."""
ROWS = 2_000
NOTE = f"Vectors are planted: that of one of {SENTENCES} real sentences with noise of {NOISE} its length, written into the tables for the passages that the service made."


def plant(service: Service, client: Client) -> int:
    """Give every text that waits a vector, until none waits; how many were given.

    The approximate index is taken away and built again at the end, as a rebuild does.
    """
    base = query_embedder(service).embed(list(corpus.texts(SENTENCES, seed=99, chars=120)))
    with tables(service) as conn, psycopg.connect(service.database_url, autocommit=True) as owner:
        index = _index(owner)
        if index:
            owner.execute(f"drop index {index[0]}")
        try:
            return _fill(conn, client, base)
        finally:
            if index:
                owner.execute("set maintenance_work_mem = '1GB'; set max_parallel_maintenance_workers = 2")
                owner.execute(index[1])
            owner.execute("analyze")  # as autovacuum would within minutes


def query_embedder(service: Service) -> Embedder:
    """What the service's API embeds queries with, here."""
    assert service.home is not None, "a service of our own"
    embedder = open_query_embedder(Settings(home=service.home).models_dir)
    if embedder is None:
        raise BenchmarkError("The service has not prepared its query embedder.")
    return embedder


def made_up(hashes: list[bytes], base: Vectors) -> Vectors:
    """A vector of length 1 for each text, the same for the same hash."""
    rngs = [np.random.default_rng(int.from_bytes(each[:8], "big")) for each in hashes]
    noise = np.stack([rng.standard_normal(base.shape[1], dtype=np.float32) for rng in rngs])
    near = base[[int.from_bytes(each[8:16], "big") % len(base) for each in hashes]]
    vectors = near + NOISE * noise / np.sqrt(base.shape[1])
    scaled: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def as_text(vector: Any) -> str:
    """As pgvector reads it."""
    return "[" + ",".join(f"{value:.5f}" for value in vector) + "]"


def _fill(conn: psycopg.Connection[tuple[Any, ...]], client: Client, base: Vectors) -> int:
    planted = 0
    progress = Progress("planting vectors", 0, "texts")
    while True:
        model_id, waiting = _waiting(conn)
        if not waiting and _complete(client):
            return planted
        progress.total = planted + len(waiting)
        for hashes in in_batches(waiting, ROWS):
            _put(conn, model_id, list(hashes), made_up(list(hashes), base))
            planted += len(hashes)
            progress.at(planted)


def _complete(client: Client) -> bool:
    """Whether all that this client wrote has its passages and their vectors; asks for 5 s at most."""
    try:
        client.search("complete", type="semantic", limit=1, commit=client.token)
        return True
    except NotYet:
        return False


def _waiting(conn: psycopg.Connection[tuple[Any, ...]]) -> tuple[int, list[bytes]]:
    rows = conn.execute("select model_id, text_sha256 from embedding_queue limit 100000").fetchall()
    return (rows[0][0] if rows else 0), [bytes(row[1]) for row in rows]


def _put(
    conn: psycopg.Connection[tuple[Any, ...]], model_id: int, hashes: list[bytes], vectors: Vectors
) -> None:
    with conn.transaction():
        conn.execute(
            "insert into embeddings (workspace_id, model_id, text_sha256, embedding) "
            "select current_workspace(), %s, hash, vector::halfvec from unnest(%s::bytea[], %s::text[]) as given (hash, vector) on conflict do nothing",
            [model_id, hashes, [as_text(vector) for vector in vectors]],
        )
        conn.execute(
            "delete from embedding_queue where workspace_id = current_workspace() and text_sha256 = any(%s)",
            [hashes],
        )


def _index(owner: psycopg.Connection[tuple[Any, ...]]) -> tuple[str, str] | None:
    """Name and definition of the approximate index."""
    row = owner.execute(
        "select indexname, indexdef from pg_indexes where tablename = 'embeddings' and indexdef like '%hnsw%'"
    ).fetchone()
    return (row[0], row[1]) if row else None
