"""The text index follows the database: all that is committed is found, and nothing else, through every kind of loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import jobs_bench
import pytest
from jobs_bench import SOON_S, many, message

from indexing.fulltext import TantivyReader, new_generation, open_reader
from indexing.model import Filter, Query, Term
from service.jobs import index_words as job
from service.jobs import marker
from service.jobs.election import if_elected
from service.jobs.generation import Generation
from service.jobs.index_words import index_words
from service.jobs.reindex import reindex_words
from service.live.tasks import cancelled
from service.model import snapshot
from service.model.message import Part
from service.model.session import SessionWrite
from service.storage import messages, sessions
from service.storage.database import Database


class Bench(jobs_bench.Bench):
    """With an indexer that can be started, and searches that wait for it."""

    async def found(self, word: str, filter: Filter = Filter(), *, titles: bool = False) -> int:  # noqa: B008
        """How many messages (or titles) have a word, once the index has seen all that is committed now."""
        reader = await self.reached()
        hits = reader.search(
            self.workspace_id, Query(text=word, terms=(Term(word),), filter=filter), limit=10_000
        )
        return sum(hit.unit == ("session" if titles else "message") for hit in hits)

    async def reached(self) -> TantivyReader:
        """The index, when it has seen all that is committed now."""
        wanted = snapshot.parse_token(await self.db.token(), epoch=self.db.epoch)
        async with asyncio.timeout(SOON_S):
            while True:
                reader = open_reader(self.directory)
                cursor = snapshot.TOKEN.fullmatch(reader.cursor())
                if cursor and cursor[1] == self.db.epoch and snapshot.parse(cursor[2]).contains(wanted):
                    return reader
                await self.db.token()

    @asynccontextmanager
    async def indexing(self) -> AsyncIterator[None]:
        """An indexer runs; at the end it is stopped as a worker stops it."""
        task = asyncio.create_task(index_words(self.db, self.feed, self.directory))
        try:
            yield
        finally:
            if task.done():
                await task
            await cancelled(task)


@pytest.fixture
async def bench(database_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench.opened(database_url, tmp_path / "text-index") as bench:
        yield bench


async def test_it_finds_text_parts_and_titles(bench: Bench) -> None:
    """Text, tool calls, results, reasoning and titles are found after they are committed."""
    parts = (
        Part("reasoning", b'{"text":"pondering"}'),
        Part("tool-call", b'{"toolCallId":"c","toolName":"Bash","args":{"command":"spelunk"}}'),
        Part("tool-result", b'{"toolCallId":"c","result":"stalactite"}'),
    )
    async with bench.indexing():
        await bench.put(
            SessionWrite(external_id="a", title="Caving trip"), message(text="torch", parts=parts)
        )
        for word in ("torch", "pondering", "spelunk", "stalactite"):
            assert await bench.found(word) == 1, word
        assert await bench.found("caving", titles=True) == 1


async def test_it_follows_edits_and_deletions(bench: Bench) -> None:
    """An edited text is found as it is now; a former title still; what was deleted is gone."""
    async with bench.indexing():
        await bench.put(
            SessionWrite(external_id="a", title="Oldname"), message("m1", "before"), message("m2", "other")
        )
        assert await bench.found("before") == 1
        await bench.put(SessionWrite(external_id="a", title="Newname"), message("m1", "after"))
        assert [await bench.found(word) for word in ("before", "after", "other")] == [0, 1, 1]
        assert [await bench.found(word, titles=True) for word in ("oldname", "newname")] == [1, 1]
        id = (
            (await bench.reached())
            .search(bench.workspace_id, Query(text="", terms=(Term("other"),)), limit=1)[0]
            .id
        )
        async with bench.db.workspace(bench.workspace_id) as conn:
            await messages.delete(conn, bench.workspace_id, id)
        assert await bench.found("other") == 0
        await bench.delete_session()
        assert [await bench.found("after"), await bench.found("newname", titles=True)] == [0, 0]


async def test_it_is_not_held_up_by_what_it_cannot_read(bench: Bench) -> None:
    """A message whose parts make no sense is found by its text, and what came after it as well."""
    await bench.put(message("m1", "torch", parts=(jobs_bench.result("stalactite"),)), message("m2", "rope"))
    await bench.as_owner(
        "set role backscroll_app",
        f"set backscroll.workspace = '{bench.workspace_id}'",
        "update parts set content = '5'",
    )
    async with bench.indexing():
        assert [await bench.found(word) for word in ("torch", "stalactite", "rope")] == [1, 0, 1]


async def test_it_files_messages_anew_when_their_session_changes(bench: Bench) -> None:
    """A session's new project or tag holds for all its messages."""
    async with bench.indexing():
        await bench.put(SessionWrite(external_id="a", project_name="one"), *many(3))
        assert await bench.found("flock", Filter(projects=("one",))) == 3
        await bench.put(SessionWrite(external_id="a", project_name="two"))
        id = await bench.session_id()
        async with bench.db.workspace(bench.workspace_id) as conn:
            await sessions.patch(conn, bench.workspace_id, id, sessions.SessionPatch(tags=("kept",)))
        assert await bench.found("flock", Filter(projects=("one",))) == 0
        assert await bench.found("flock", Filter(projects=("two",), tags=("kept",))) == 3


async def test_it_follows_bulk_statements(bench: Bench) -> None:
    """Statements over more than 500 rows are logged a row a session; every message of theirs arrives or goes."""
    async with bench.indexing():
        await bench.put(*many(1200), *many(3, session_external_id="b"))
        assert await bench.found("flock") == 1203
        await bench.put(*many(800, text="herd"))
        assert (await bench.found("flock"), await bench.found("herd")) == (403, 800)
        await bench.as_owner(
            "set role backscroll_app",
            f"set backscroll.workspace = '{bench.workspace_id}'",
            "delete from messages where text like 'herd %'",
        )
        assert (await bench.found("flock"), await bench.found("herd")) == (403, 0)


async def test_it_says_that_words_flood_in_before_all_are_in(bench: Bench) -> None:
    """A tick of thousands takes many seconds: who waits for the flood's end hears of it after each lot."""
    await bench.put(*many(450))
    told: list[int] = []
    generation = Generation(bench.db, new_generation(bench.directory), took=told.append)
    try:
        await generation.take(await bench.feed.now(""))
    finally:
        generation.writer.close()
    assert told == [1, 201, 401, 451]  # the session's titles, then the messages


async def test_it_catches_up_after_it_was_away(bench: Bench) -> None:
    """What happened while no indexer ran is found when one runs again; from the log, not by comparing."""
    async with bench.indexing():
        await bench.put(*many(3))
        assert await bench.found("flock") == 3
    await bench.put(*many(2, first=3), message("m0", "changed"))
    async with bench.indexing():
        assert (await bench.found("flock"), await bench.found("changed")) == (4, 1)


async def test_it_compares_with_the_tables_after_a_missing_week(bench: Bench) -> None:
    """The log was dropped while the indexer was away: edits, new and deleted rows are found out all the same."""
    async with bench.indexing():
        await bench.put(*many(4), *many(2, session_external_id="b"))
        assert await bench.found("flock") == 6
    await bench.put(message("m0", "changed"), message("m9", "flock nine"))
    await bench.delete_session("b")
    await bench.as_owner(
        "truncate change_log", "update change_log_floor set dropped_xid = pg_current_xact_id()"
    )
    async with bench.restarted() as after, after.indexing():
        assert (await after.found("flock"), await after.found("changed")) == (4, 1)


async def test_it_compares_with_the_tables_of_another_epoch(bench: Bench) -> None:
    """A restored database has other transaction ids: the index is compared, and goes on in the new epoch."""
    async with bench.indexing():
        await bench.put(*many(3))
        assert await bench.found("flock") == 3
    await bench.as_owner("update instance set restore_count = restore_count + 1")
    async with bench.restarted() as after, after.indexing():
        await after.put(message("m0", "changed"))
        assert (await after.found("flock"), await after.found("changed")) == (2, 1)


async def test_it_builds_a_damaged_index_anew(bench: Bench) -> None:
    """Torn files are noticed, and all is found again."""
    async with bench.indexing():
        await bench.put(*many(3))
        assert await bench.found("flock") == 3
    generation = bench.directory / (bench.directory / "CURRENT").read_text()
    for file in generation.glob("*.store"):
        file.write_bytes(file.read_bytes()[:-20])
    async with bench.indexing():
        async with asyncio.timeout(SOON_S):
            while (bench.directory / "CURRENT").read_text() == generation.name:
                await bench.db.token()
        assert await bench.found("flock") == 3


async def test_it_lets_one_process_index_a_directory(bench: Bench) -> None:
    """A second indexer waits, and takes over when the first has ended."""
    async with bench.indexing():
        await bench.put(*many(1))
        assert await bench.found("flock") == 1
        with if_elected(bench.directory) as ours:
            assert not ours
        second = asyncio.create_task(index_words(bench.db, bench.feed, bench.directory))
    await bench.put(*many(1, first=1))
    assert await bench.found("flock") == 2
    await cancelled(second)


async def test_it_tells_the_database_how_far_it_is(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row in `cursors` holds the log's partitions back for this index."""
    monkeypatch.setattr(job, "KEEP_CURSOR_S", 0.05)
    async with bench.indexing():
        await bench.put(*many(1))
        assert await bench.found("flock") == 1
        async with asyncio.timeout(SOON_S):
            while not await cursor_names(bench.db):
                pass
    assert [name.partition(":")[0] for name in await cursor_names(bench.db)] == ["text"]


async def cursor_names(db: Database) -> list[str]:
    async with db.system() as conn:
        return [row["name"] for row in await (await conn.execute("select name from cursors")).fetchall()]


@pytest.mark.parametrize("worker", [True, False], ids=["worker", "alone"])
async def test_it_rebuilds_while_searching_goes_on(bench: Bench, worker: bool) -> None:
    """During a reindexing, by the worker or without one, every search finds all, and writes arrive."""
    async with bench.indexing():
        await bench.put(*many(600))
        assert await bench.found("flock") == 600
        old = (bench.directory / "CURRENT").read_text()
        if worker:
            await rebuild_under_load(bench)
    if not worker:
        await rebuild_under_load(bench)
    assert (bench.directory / "CURRENT").read_text() != old
    assert marker.read(bench.directory) is None
    async with bench.indexing():
        await bench.put(message("last", "finale"))
        assert (await bench.found("finale"), await bench.found("flock")) == (1, 640)


async def rebuild_under_load(bench: Bench) -> None:
    """Reindex while messages are written and one reader searches; it never finds fewer than before."""
    seen: list[tuple[int, int]] = []
    rebuilding = asyncio.create_task(
        reindex_words(
            bench.db, bench.url, bench.directory, lambda what, done, total: seen.append((done, total))
        )
    )
    reader = open_reader(bench.directory)
    everything = Query(text="flock", terms=(Term("flock"),))
    written = 0
    while not rebuilding.done() or written < 40:
        if written < 40:
            await bench.put(*many(1, first=600 + written))
            written += 1
        reader.refresh()
        assert reader.count(bench.workspace_id, everything).total >= 600
        await bench.db.token()
    await rebuilding
    assert seen
    assert all(done <= total for done, total in seen)
