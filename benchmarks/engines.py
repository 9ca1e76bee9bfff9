"""Other ways to search the same texts and vectors, set up plainly: pgvector + tsvector in SQL, LanceDB.

Each takes a question's text, embeds it as the service does, and gives the ids of the 20 best, fused by reciprocal
ranks. A message stands for one row: its text whole, the vector of its first passage.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import psycopg

from benchmarks.measure import say
from benchmarks.planting import as_text, query_embedder
from benchmarks.report import Report
from benchmarks.running import Service, workspace_id
from indexing.ports import Vectors

Search = Callable[[str], list[Any]]
Embed = Callable[[list[str]], Vectors]
WITHOUT_LANCEDB = "Left out: LanceDB is not installed (`pip install lancedb` into the environment that runs the benchmarks)."

COPY = """
create schema benchmark;
create table benchmark.rows as
    select distinct on (m.id) m.id, m.text, e.embedding::halfvec({dimension}) as embedding
    from messages m
    join passages p on p.workspace_id = m.workspace_id and p.message_id = m.id
    join embeddings e on e.workspace_id = p.workspace_id and e.text_sha256 = p.text_sha256
    order by m.id, p.field, p.start_offset;
alter table benchmark.rows add column words tsvector generated always as (to_tsvector('english', coalesce(text, ''))) stored;
create index on benchmark.rows using gin (words);
create index on benchmark.rows using hnsw (embedding halfvec_cosine_ops);
analyze benchmark.rows;
"""
HYBRID = """
with near as (
    select id, row_number() over (order by distance) as rank
    from (select id, embedding <=> %(vector)s::halfvec as distance from benchmark.rows order by distance limit 200) as nearest
), said as (
    select id, row_number() over (order by relevance desc) as rank
    from (
        select id, ts_rank_cd(words, asked) as relevance
        from benchmark.rows, (select replace(plainto_tsquery('english', %(question)s)::text, '&', '|')::tsquery as asked) as query
        where words @@ asked order by relevance desc limit 200
    ) as best
)
select coalesce(near.id, said.id), coalesce(1.0 / (60 + near.rank), 0) + coalesce(1.0 / (60 + said.rank), 0) as score
from near full join said using (id) order by score desc limit 20
"""


def open_all(service: Service, report: Report) -> Iterator[tuple[str, Search]]:
    """Each engine that can be had, filled with what the service holds; its data is gone when the next one comes."""
    embed = query_embedder(service).embed
    with sql(service, embed) as search:
        yield "pgvector + tsvector", search
        if find_spec("lancedb") is None:
            report.note(WITHOUT_LANCEDB)
            return
        with psycopg.connect(service.database_url) as conn, lance(conn, embed) as search:
            yield "LanceDB", search


@contextmanager
def sql(service: Service, embed: Embed) -> Iterator[Search]:
    """A scratch table in the service's Postgres."""
    say("  filling pgvector + tsvector ...")
    with psycopg.connect(service.database_url, autocommit=True) as conn:
        conn.execute("select set_config('backscroll.workspace', %s, false)", [str(workspace_id(service))])
        conn.execute("set role backscroll_app")
        row = conn.execute("select dimension from embedding_models where status = 'active'").fetchone()
        conn.execute("reset role")
        assert row is not None
        conn.execute("set maintenance_work_mem = '1GB'; set max_parallel_maintenance_workers = 2")
        conn.execute(COPY.format(dimension=int(row[0])))
        conn.execute("set hnsw.ef_search = 200")
        try:
            yield lambda question: conn.execute(
                HYBRID, {"question": question, "vector": as_text(embed([question])[0])}
            ).fetchall()
        finally:
            conn.execute("drop schema benchmark cascade")


@contextmanager
def lance(conn: psycopg.Connection[tuple[Any, ...]], embed: Embed) -> Iterator[Search]:
    """A table in a temporary directory, with its full-text index and its default vector index (IVF)."""
    lancedb, indexes, pyarrow = (
        import_module(name) for name in ("lancedb", "lancedb.index", "pyarrow")
    )  # no dependencies of ours

    say("  filling LanceDB ...")
    rows = conn.execute("select id, text, embedding::text from benchmark.rows").fetchall()
    vectors = np.array([np.fromstring(row[2][1:-1], sep=",", dtype=np.float32) for row in rows])
    columns = {
        "id": pyarrow.array([row[0] for row in rows]),
        "text": pyarrow.array([row[1] or "" for row in rows]),
        "vector": pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.ravel()), vectors.shape[1]),
    }
    with tempfile.TemporaryDirectory(prefix="backscroll-bench-lance-") as directory:
        table = lancedb.connect(directory).create_table("rows", pyarrow.table(columns))
        table.create_index("text", config=indexes.FTS())
        if len(rows) >= 10_000:
            table.create_index("vector", config=indexes.IvfPq(distance_type="cosine"))

        def search(question: str) -> list[Any]:
            asked = table.search(query_type="hybrid").vector(embed([question])[0]).text(question)
            found: list[Any] = asked.limit(20).to_list()
            return found

        yield search
