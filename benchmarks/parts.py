"""What a search is made of, each part called alone; and the truth that an approximate list is held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from benchmarks.measure import latencies, percentile, timed
from benchmarks.planting import as_text, query_embedder
from benchmarks.running import BenchmarkError, Client, Service, tables, workspace_id
from indexing import fulltext, query
from service.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]
NEAREST = 10


def measure(service: Service, rounds: Sequence[Sequence[str]], *, limit: int) -> dict[str, list[float]]:
    """p50 by part and round: the query's embedding, tantivy, pgvector; each with the questions of the round."""
    assert service.home is not None, "a service of our own"
    embedder = query_embedder(service)
    reader = fulltext.open_reader(Settings(home=service.home).text_index_dir)
    workspace = workspace_id(service)
    found: dict[str, list[float]] = {"query embedding": [], "tantivy": [], "pgvector": []}
    with tables(service) as conn:
        model = _model(conn)
        conn.execute(f"set hnsw.ef_search = {limit}")
        for questions in rounds:
            embedding, vectors = timed(lambda question: embedder.embed([question])[0], questions)
            words = latencies(
                lambda question: reader.search(workspace, query.parse(question, now_ms=0), limit=limit),
                questions,
            )
            nearest = latencies(lambda vector: _nearest(conn, model, as_text(vector), limit), vectors)
            for name, took in zip(found, (embedding, words, nearest), strict=True):
                found[name].append(percentile(took, 50))
    return found


def recall_of_vectors(service: Service, client: Client, questions: Sequence[str], *, project: str) -> float:
    """The share of the exactly nearest messages (10 a question) that stand among the first 10 by vector rank."""
    embed = query_embedder(service).embed
    shares: list[float] = []
    asked = {"filter": {"project": project}} if project else {}
    with tables(service) as conn:
        model = _model(conn)
        conn.execute("set enable_indexscan = off")
        for question in questions:
            exact = _exactly_nearest(conn, model, as_text(embed([question])[0]), project)
            found = client.search(question, type="semantic", groupBy="message", limit=200, **asked)["results"]
            first = sorted(
                (hit for hit in found if "vector" in hit["ranks"]),
                key=lambda hit: int(hit["ranks"]["vector"]),
            )[:NEAREST]
            shares.append(len(exact & {hit["messageExternalId"] for hit in first}) / max(1, len(exact)))
    return sum(shares) / len(shares)


def count_messages(service: Service) -> int:
    """How many messages there are."""
    with tables(service) as conn:
        row = conn.execute("select count(*) from messages").fetchone()
    return int(row[0]) if row else 0


def count_project(service: Service, project: str) -> int:
    """How many messages a project has."""
    with tables(service) as conn:
        row = conn.execute(
            "select count(*) from messages m join sessions s using (workspace_id) where s.id = m.session_id and s.project_name = %s",
            [project],
        ).fetchone()
    return int(row[0]) if row else 0


def _model(conn: Connection) -> tuple[int, int]:
    """Id and dimension of the model in use."""
    row = conn.execute("select id, dimension from embedding_models where status = 'active'").fetchone()
    if row is None:
        raise BenchmarkError("The service has no embedding model.")
    return int(row[0]), int(row[1])


def _nearest(conn: Connection, model: tuple[int, int], vector: str, limit: int) -> list[tuple[Any, ...]]:
    """The plain query that pgvector's page shows, on the service's own table and index."""
    return conn.execute(
        f"select text_sha256 from embeddings where workspace_id = current_workspace() and model_id = {model[0]} "
        f"order by (embedding::halfvec({model[1]})) <#> %s::halfvec({model[1]}) limit {limit}",
        [vector],
    ).fetchall()


def _exactly_nearest(conn: Connection, model: tuple[int, int], vector: str, project: str) -> set[str]:
    """External ids of the nearest messages, each by its best passage; every vector is compared."""
    rows = conn.execute(
        "select m.external_id, min(e.embedding <#> %s::halfvec) as distance "
        "from sessions s join messages m on m.workspace_id = s.workspace_id and m.session_id = s.id "
        "join passages p on p.workspace_id = m.workspace_id and p.message_id = m.id "
        "join embeddings e on e.workspace_id = p.workspace_id and e.text_sha256 = p.text_sha256 "
        "where s.workspace_id = current_workspace() and e.model_id = %s and (%s = '' or s.project_name = %s) "
        "group by m.external_id order by distance limit %s",
        [vector, model[0], project, project, NEAREST],
    ).fetchall()
    return {row[0] for row in rows}
