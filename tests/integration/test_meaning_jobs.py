"""Passages and vectors follow the database: each text once, gone with its last message, and no claim is lost with its worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import jobs_bench
import msgspec
import numpy as np
import psycopg
import pytest
from jobs_bench import SOON_S, many, message

from indexing.embedder import Compute, SentenceTransformerEmbedder
from indexing.model import Filter
from indexing.ports import Vectors
from service.bootstrap import Resources, open_resources
from service.jobs import reindex as reindexing
from service.jobs import schedule, sweep
from service.jobs.embed import embed_queue, embed_some
from service.jobs.split_messages import split_messages
from service.live.feed import NOTHING_SEEN
from service.live.tasks import cancelled
from service.settings import Settings
from service.storage import change_log, embeddings, locks, messages
from service.storage.embeddings import Model
from service.storage.vectors import PostgresVectors
from service.worker import run_worker

LONG = "The deploy failed because the health check timed out. " * 60
"""Of several passages."""


class Bench(jobs_bench.Bench):
    """With what splits and embeds, which can be started and waited for."""

    model: Model
    embedder: SentenceTransformerEmbedder

    @asynccontextmanager
    async def splitting(self) -> AsyncIterator[asyncio.Event]:
        queued = asyncio.Event()
        task = asyncio.create_task(split_messages(self.db, self.url, self.feed, queued))
        try:
            yield queued
        finally:
            await cancelled(task)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Both jobs of meaning run."""
        async with self.splitting() as queued:
            task = asyncio.create_task(embed_queue(self.db, self.embedder, queued))
            try:
                yield
            finally:
                await cancelled(task)

    async def count(self, table: str) -> int:
        async with self.db.workspace(self.workspace_id) as conn:
            row = await (await conn.execute(f"select count(*) as n from {table}".encode())).fetchone()
        assert row is not None
        return int(row["n"])

    async def split(self) -> None:
        """Wait until everything that is committed now is split."""
        token = (await self.feed.now("")).cursor
        async with asyncio.timeout(SOON_S):
            while True:
                async with self.db.workspace(self.workspace_id) as conn:
                    cursor = await change_log.read_cursor(conn, f"passages:{self.db.epoch}") or NOTHING_SEEN
                    if not await change_log.missing(conn, self.workspace_id, cursor=cursor, token=token):
                        return

    async def embedded(self) -> None:
        """Wait until everything that is committed now has its vectors."""
        await self.split()
        async with asyncio.timeout(SOON_S):
            while await self.count("embedding_queue"):
                pass

    async def nearest(self, text: str) -> str:
        """The text of the message that is found first by its meaning."""
        vectors = PostgresVectors(self.db, exact_scan_rows=1000)
        hits = await vectors.search(self.workspace_id, self.embedder.embed([text])[0], Filter(), limit=1)
        async with self.db.workspace(self.workspace_id) as conn:
            found = await messages.hits(conn, self.workspace_id, [hit.id for hit in hits])
        return str(found[hits[0].id]["text"]) if hits else ""


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(compute=Compute("fp32", 1))


@pytest.fixture
async def bench(
    database_url: str, tmp_path: Path, embedder: SentenceTransformerEmbedder
) -> AsyncIterator[Bench]:
    async with jobs_bench.Bench.opened(database_url, tmp_path) as base:
        model = await embeddings.ensure_active(
            base.db, database_url, name=embedder.name, dimension=embedder.dimension
        )
        yield Bench(**msgspec.structs.asdict(base), model=model, embedder=embedder)


async def test_it_lets_the_planner_know_what_was_embedded(bench: Bench) -> None:
    """Vectors that fill an empty table are counted before autovacuum's minute: taken for none, a search compares all with all."""
    async with bench.splitting():
        await bench.put(*(message(f"m{number}", f"text {number}") for number in range(200)))
        await bench.split()
        async with bench.db.workspace(bench.workspace_id) as conn:
            texts = await embeddings.claim(conn, bench.workspace_id, bench.model.id, limit=200)
            vectors = np.ones((200, bench.model.dimension), np.float32)
            await embeddings.store(conn, bench.workspace_id, bench.model.id, texts, vectors)
            # A connection that rests tells what it wrote after ten seconds.
            await conn.execute("select pg_stat_force_next_flush()")
        async with asyncio.timeout(SOON_S), await psycopg.AsyncConnection.connect(bench.url) as conn:
            while (await conn.execute("select from pg_stats where tablename = 'embeddings'")).rowcount == 0:
                await conn.execute("select pg_current_xact_id()")  # somebody else's transaction
                await conn.commit()


async def test_it_finds_a_message_by_its_meaning(bench: Bench) -> None:
    """What was written while the jobs run is found by other words."""
    async with bench.working():
        await bench.put(
            message("m1", "The cat sat on the mat"), message("m2", "Our database ran out of connections")
        )
        await bench.embedded()
        assert await bench.nearest("kitten on a rug") == "The cat sat on the mat"
        assert await bench.nearest("postgres pool exhausted") == "Our database ran out of connections"


class Watched:
    """An embedder that looks, while it computes, for transactions that are open."""

    def __init__(self, embedder: SentenceTransformerEmbedder, url: str) -> None:
        self.name, self.dimension = embedder.name, embedder.dimension
        self._embedder, self._url = embedder, url
        self.open_ones: list[int] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        with psycopg.connect(self._url, autocommit=True) as conn:
            row = conn.execute(
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()"
            ).fetchone()
        assert row is not None
        self.open_ones.append(row[0])
        return self._embedder.embed(texts)


async def test_it_has_no_transaction_open_while_it_computes(bench: Bench) -> None:
    """A long computation would hold the oldest snapshot: vacuum would wait, and so would who resumes a live stream."""
    async with bench.splitting():
        await bench.put(message("m1", "The cat sat on the mat"))
        await bench.split()
    watched = Watched(bench.embedder, bench.url)
    assert await embed_some(bench.db, bench.model, watched, limit=10) == 1
    assert watched.open_ones == [0]


async def test_it_embeds_a_text_once_for_ten_sessions(bench: Bench) -> None:
    """Ten messages with one text have one vector, which goes with the last of them and not before."""
    async with bench.working():
        await bench.put(*(message("m", "exit status 1", session_external_id=f"copy {n}") for n in range(10)))
        await bench.embedded()
        assert (await bench.count("passages"), await bench.count("embeddings")) == (10, 1)
        for left in range(9, -1, -1):
            await bench.delete_session(f"copy {left}")
            assert (await bench.count("passages"), await bench.count("embeddings")) == (left, min(left, 1))


async def test_it_deletes_what_waits_for_a_vector(bench: Bench) -> None:
    """A session that is deleted before it was embedded leaves nothing in the queue."""
    async with bench.splitting():
        await bench.put(*many(3))
        await bench.split()
        assert await bench.count("embedding_queue") == 3
        await bench.delete_session()
        assert (await bench.count("embedding_queue"), await bench.count("passages")) == (0, 0)


async def test_it_keeps_the_vectors_of_what_stays(bench: Bench) -> None:
    """An edit embeds its new passages only, and takes those that are gone."""
    async with bench.working():
        await bench.put(message("m", LONG + "\n\nThe end."))
        await bench.embedded()
        before = await hashes(bench)
        assert len(before) > 1
        await bench.put(message("m", LONG + "\n\nAnother end."))
        await bench.embedded()
        after = await hashes(bench)
    assert (len(before - after), len(after - before)) == (1, 1)


async def hashes(bench: Bench) -> set[bytes]:
    async with bench.db.workspace(bench.workspace_id) as conn:
        rows = await (await conn.execute("select text_sha256 from embeddings")).fetchall()
    return {row["text_sha256"] for row in rows}


async def test_it_follows_bulk_statements(bench: Bench) -> None:
    """A statement over more than 500 rows is split to the last message."""
    async with bench.splitting():
        await bench.put(*many(700))
        await bench.split()
        assert await bench.count("passages") == 700


async def test_it_splits_all_when_the_log_is_too_short(bench: Bench) -> None:
    """What was written while nobody followed, and dropped from the log, is split all the same."""
    async with bench.splitting():
        await bench.put(*many(2))
        await bench.split()
    await bench.put(*many(2, first=2))
    await bench.as_owner(
        "truncate change_log", "update change_log_floor set dropped_xid = pg_current_xact_id()"
    )
    async with bench.restarted() as after, after.splitting():
        await after.split()
        assert await after.count("passages") == 4


async def test_it_takes_people_before_tools_and_the_newest_first(bench: Bench) -> None:
    """The order of the queue: what was said before what tools put out, and the newest of it first."""
    async with bench.splitting():
        await bench.put(message("old", "said long ago"))
        await bench.put(message("new", "said just now"))
        await bench.put(message("tool", None, role="tool", parts=(jobs_bench.result("printed"),)))
        await bench.split()
    order = []
    while await embed_some(bench.db, bench.model, bench.embedder, limit=1):
        order.append(await bench.count("embeddings"))
        found = await bench.nearest("said")
        if len(order) == 1:
            assert found == "said just now"
        if len(order) == 2:
            assert await bench.nearest("long ago") == "said long ago"
    assert order == [1, 2, 3]


async def test_it_lets_a_dead_workers_claim_lapse(bench: Bench) -> None:
    """Claimed texts are nobody else's until the lease runs out; then they are embedded by another."""
    async with bench.splitting():
        await bench.put(*many(3))
        await bench.split()
    ours = bench.workspace_id, bench.model.id
    async with bench.db.workspace(bench.workspace_id) as conn:
        assert len(await embeddings.claim(conn, *ours, limit=2)) == 2
    async with bench.db.workspace(bench.workspace_id) as conn:
        assert len(await embeddings.claim(conn, *ours, limit=5, lease_s=0.0)) == 1
    assert await embed_some(bench.db, bench.model, bench.embedder, limit=5) == 1
    assert await embed_some(bench.db, bench.model, bench.embedder, limit=5) == 0
    async with bench.db.workspace(bench.workspace_id) as conn:
        await conn.execute("update embedding_queue set claimed_until = now()")
    assert await embed_some(bench.db, bench.model, bench.embedder, limit=5) == 2
    assert (await bench.count("embeddings"), await bench.count("embedding_queue")) == (3, 0)


async def test_it_stores_no_vector_of_what_was_deleted_meanwhile(bench: Bench) -> None:
    """A text whose message goes while the model computes leaves no vector."""
    async with bench.splitting():
        await bench.put(*many(1))
        await bench.split()
    async with bench.db.workspace(bench.workspace_id) as conn:
        claimed = await embeddings.claim(conn, bench.workspace_id, bench.model.id, limit=5)
    await bench.delete_session()
    async with bench.db.workspace(bench.workspace_id) as conn:
        vectors = np.ones((1, bench.model.dimension), np.float32)
        await embeddings.store(conn, bench.workspace_id, bench.model.id, claimed, vectors)
    assert await bench.count("embeddings") == 0


@pytest.fixture
async def resources(bench: Bench, tmp_path: Path) -> AsyncIterator[Resources]:
    resources = await open_resources(Settings(home=tmp_path / "home", database_url=bench.url))
    yield resources
    await resources.close()


async def test_it_mends_what_fell_between_transactions(bench: Bench, resources: Resources) -> None:
    """The sweep queues a passage that has neither vector nor place in the queue, and deletes a vector without passage."""
    async with bench.working():
        await bench.put(*many(2))
        await bench.embedded()
    async with bench.db.workspace(bench.workspace_id) as conn:
        await conn.execute(
            "update passages set text_sha256 = sha256('another') where message_id = (select min(message_id) from passages)"
        )
    await sweep.sweep_vectors(resources)
    assert (await bench.count("embeddings"), await bench.count("embedding_queue")) == (1, 1)
    async with bench.working():
        await bench.embedded()
    assert (await bench.count("embeddings"), await bench.count("passages")) == (2, 2)


async def test_it_fills_other_vectors_beside_those_that_answer(bench: Bench, resources: Resources) -> None:
    """A reindexing splits and embeds all again and switches; until then, and after, meaning is found."""
    vectors = PostgresVectors(bench.db, exact_scan_rows=1000)
    async with bench.working():
        await bench.put(
            message("m1", "The cat sat on the mat"), message("m2", "Our database ran out of connections")
        )
        await bench.embedded()
        seen: list[str] = []
        task = asyncio.create_task(
            reindexing.reindex(resources, words=False, report=lambda what, done, total: seen.append(what))
        )
        query = bench.embedder.embed(["kitten on a rug"])[0]
        while not task.done():
            assert len(await vectors.search(bench.workspace_id, query, Filter(), limit=5)) == 2
        await task
    async with bench.db.system() as conn:
        models = await embeddings.models(conn)
    assert [(model.name, model.status) for model in models] == [(bench.model.name, "active")]
    assert models[0].id != bench.model.id
    assert {"passages", "vectors"} <= set(seen)
    assert await bench.nearest("kitten on a rug") == "The cat sat on the mat"
    assert await bench.count("embeddings") == 2


async def test_it_does_a_recurring_job_in_one_worker_at_a_time(bench: Bench, resources: Resources) -> None:
    """A job that another worker is at is left to it; afterwards it is done."""
    done: list[str] = []

    async def run(resources: Resources) -> None:
        done.append("done")

    job = schedule.Job("tested", 60, run)
    async with locks.alone(bench.url, "job tested"):
        await schedule.once(job, resources)
        assert done == []
    await schedule.once(job, resources)
    assert done == ["done"]


async def test_it_works_as_a_whole(bench: Bench, resources: Resources) -> None:
    """A worker on its own: words and meaning are found, queries can be embedded without torch, and it stops when told."""
    worker = asyncio.create_task(run_worker(resources))
    try:
        await bench.put(message("m1", "The cat sat on the mat"))
        async with asyncio.timeout(60):
            while (embedder := await resources.query_embedder()) is None:
                await bench.db.token()
        await bench.embedded()
        hits = await resources.vectors.search(
            bench.workspace_id,
            (await asyncio.to_thread(embedder.embed, ["kitten on a rug"]))[0],
            Filter(),
            limit=5,
        )
        assert len(hits) == 1
    finally:
        async with asyncio.timeout(10):
            await cancelled(worker)


async def test_it_waits_for_the_vectors_of_a_write_only(bench: Bench) -> None:
    """A commit token is waited for until its own write has vectors; a backlog of before does not hold it up."""
    await bench.put(message("old", "The harvest was late"))
    async with bench.splitting():
        await bench.split()
    async with bench.db.system() as conn:
        # As if it had been written a minute ago.
        await conn.execute("reset role")
        await conn.execute("update change_log set at = at - interval '1 minute'")
    await bench.put(message("new", "The bridge is closed"))
    token = (await bench.feed.now("")).cursor
    async with bench.splitting():
        await bench.split()
    assert await is_waiting(bench, token)
    async with bench.db.workspace(bench.workspace_id) as conn:
        await conn.execute(
            "delete from embedding_queue where message_id = (select id from messages where external_id = 'new')"
        )
    assert await bench.count("embedding_queue") == 1
    assert not await is_waiting(bench, token)


async def is_waiting(bench: Bench, token: str) -> bool:
    async with bench.db.workspace(bench.workspace_id) as conn:
        return await embeddings.is_waited_for(conn, bench.workspace_id, token=token)
