"""The change feed on a real Postgres: nothing missed, nothing twice, whatever happens to transactions and connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.rows import TupleRow

from service.live import feed as feeds
from service.live.bell import Bell
from service.live.feed import NOTHING_SEEN, Feed, Tick
from service.postgres import EmbeddedPostgres
from service.storage.migrations import migrate

WORKSPACE = 1
SOON_S = 5.0
"""Long enough for a busy machine; a test that waits for so long has failed."""


class Bench:
    """A feed, and writers on connections of their own who write sessions under the ids that they choose."""

    def __init__(self, url: str, feed: Feed) -> None:
        self.url = url
        self.feed = feed
        self.token = ""
        self.writers: list[psycopg.AsyncConnection[TupleRow]] = []

    async def writer(self) -> psycopg.AsyncConnection[TupleRow]:
        conn = await psycopg.AsyncConnection.connect(self.url)
        await conn.execute("set role backscroll_app")
        await conn.execute(f"set backscroll.workspace = '{WORKSPACE}'")
        await conn.commit()
        self.writers.append(conn)
        return conn

    async def news(self, *, count: int) -> list[int | None]:
        """The row ids of the next changes, once there are `count` of them, sorted."""
        found: list[int | None] = []
        async with asyncio.timeout(SOON_S):
            while len(found) < count:
                found += ids(await self.next())
        return sorted(found, key=lambda id: id or 0)

    async def next(self) -> Tick:
        async with asyncio.timeout(SOON_S):
            tick = await self.feed.next(self.token)
        self.token = tick.token
        return tick

    async def rest(self) -> list[int | None]:
        """What there is besides, now."""
        async with asyncio.timeout(SOON_S):
            tick = await self.feed.now(self.token)
        self.token = tick.token
        return ids(tick)

    async def kill_connections(self) -> None:
        """Those of feed and bell."""
        await self.as_owner(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name in ('backscroll-feed', 'backscroll-bell') and datname = current_database()"
        )

    async def as_owner(self, statement: LiteralString) -> None:
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as conn:
            await conn.execute(statement)


def ids(tick: Tick) -> list[int | None]:
    return [change.row_id for change in tick.changes]


@pytest.fixture
async def bench(any_database_url: str) -> AsyncIterator[Bench]:
    async with Feed(any_database_url) as feed:
        bench = Bench(any_database_url, feed)
        conn = await bench.writer()
        await conn.execute(
            "insert into workspaces (id, name, kind) values (%s, 'w', 'personal')", (WORKSPACE,)
        )
        await conn.commit()
        assert (await bench.next()).gap
        yield bench
        for writer in bench.writers:
            await writer.close()


async def write(conn: psycopg.AsyncConnection[Any], *numbers: int) -> None:
    """A session for each number, which becomes its id."""
    await conn.execute(
        "insert into sessions (workspace_id, id, source, external_id, created_at, updated_at)"
        " overriding system value select %s, n, 'pi', n::text, now(), now() from unnest(%s::bigint[]) n",
        (WORKSPACE, list(numbers)),
    )


async def test_it_delivers_a_change(bench: Bench) -> None:
    """A committed change arrives once, without any bell."""
    conn = await bench.writer()
    await write(conn, 1)
    await conn.commit()
    assert await bench.news(count=1) == [1]
    assert await bench.rest() == []


async def test_it_delivers_what_commits_in_the_other_order(bench: Bench) -> None:
    """A lower id and lower transaction that commits after a higher one is not lost."""
    first, second = await bench.writer(), await bench.writer()
    await write(first, 1)
    await write(second, 2)
    await second.commit()
    assert await bench.news(count=1) == [2]
    await first.commit()
    assert await bench.news(count=1) == [1]
    assert await bench.rest() == []


async def test_it_does_not_wait_for_an_open_transaction(bench: Bench) -> None:
    """While one transaction stays open others' changes arrive; its own when it commits."""
    open_one = await bench.writer()
    await write(open_one, 1)
    conn = await bench.writer()
    for number in range(2, 12):
        await write(conn, number)
        await conn.commit()
        assert await bench.news(count=1) == [number]
    await open_one.commit()
    assert await bench.news(count=1) == [1]


async def test_it_never_delivers_what_was_rolled_back(bench: Bench) -> None:
    """Neither a rolled back transaction nor a rolled back savepoint arrives; what is kept around them does."""
    conn = await bench.writer()
    await write(conn, 1)
    await conn.rollback()
    await write(conn, 2)
    await conn.execute("savepoint a")
    await write(conn, 3)
    await conn.execute("rollback to savepoint a")
    await conn.execute("savepoint b")
    await write(conn, 4)
    await conn.execute("release savepoint b")
    await conn.commit()
    assert await bench.news(count=2) == [2, 4]
    assert await bench.rest() == []


async def test_it_delivers_each_change_once_under_crossing_writers(bench: Bench) -> None:
    """Twelve writers whose transactions overlap, one in five rolled back: every kept row once, no other."""

    async def writes(start: int) -> set[int]:
        conn, kept = await bench.writer(), set()
        for number in range(start, start + 20):
            await write(conn, number)
            if number % 5 == 0:
                await conn.rollback()
            else:
                await conn.commit()
                kept.add(number)
        return kept

    writing = [asyncio.create_task(writes(1000 * writer)) for writer in range(1, 13)]
    found = await bench.news(count=12 * 16)
    kept = set().union(*await asyncio.gather(*writing))
    assert found == sorted(kept)
    assert await bench.rest() == []


async def test_it_answers_each_follower_from_its_own_token(bench: Bench) -> None:
    """Followers with different pasts share the connection, and each gets what it has not seen."""
    conn, old = await bench.writer(), bench.token
    await write(conn, 1)
    await conn.commit()
    assert await bench.news(count=1) == [1]
    await write(conn, 2)
    await conn.commit()
    late, current = await asyncio.gather(bench.feed.next(old), bench.feed.next(bench.token))
    assert (sorted(filter(None, ids(late))), ids(current)) == ([1, 2], [2])


async def test_it_comes_back_after_its_connection_was_killed(bench: Bench) -> None:
    """A killed connection is replaced, and what was committed meanwhile arrives, once."""
    conn = await bench.writer()
    waiting = asyncio.create_task(bench.next())
    await bench.kill_connections()
    await write(conn, 1)
    await conn.commit()
    assert ids(await waiting) == [1] or await bench.news(count=1) == [1]
    assert await bench.rest() == []
    await write(conn, 2)
    await conn.commit()
    assert await bench.news(count=1) == [2]


async def test_it_is_woken_by_a_bell(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With polling as good as off, a bell in another process is enough, also when both lose their connections."""
    monkeypatch.setattr(feeds, "POLL_S", 3600.0)
    conn, bell = await bench.writer(), Bell(bench.url)
    try:
        await bench.rest()  # from here on the feed waits for an hour
        for number in (1, 2, 3):
            await write(conn, number)
            await conn.commit()
            bell.ring()
            assert await bench.news(count=1) == [number]
            await bench.kill_connections()
    finally:
        await bell.close()


async def test_it_is_woken_within_its_process(any_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bell of the same process wakes the feed without Postgres's help."""
    monkeypatch.setattr(feeds, "POLL_S", 3600.0)
    bell = Bell(any_database_url)
    async with Feed(any_database_url, bell=bell) as feed:
        token = (await feed.next("")).token
        waiting = asyncio.create_task(feed.next(token))
        async with await psycopg.AsyncConnection.connect(any_database_url, autocommit=True) as conn:
            await conn.execute("insert into cursors (name, snapshot) values ('other', '3:3:')")
            bell.ring()
            async with asyncio.timeout(SOON_S):
                assert (await waiting).changes == []
    await bell.close()


async def test_it_tells_of_a_gap(bench: Bench) -> None:
    """A token of another database, of a cluster that was set back, or from before what was dropped: a gap and no silence."""
    conn = await bench.writer()
    epoch, _, cursor = bench.token.removeprefix("c.").partition(".")
    foreign = await bench.feed.next(f"c.{epoch.partition('-')[0]}-7.{cursor}")
    assert (foreign.gap, foreign.since, foreign.changes) == (True, NOTHING_SEEN, [])

    ahead = await bench.feed.next(f"c.{epoch}.99999999:99999999:")
    assert (ahead.gap, ahead.since) == (True, NOTHING_SEEN)

    await bench.as_owner("update change_log_floor set dropped_xid = pg_current_xact_id()")
    await write(conn, 1)
    await conn.commit()
    await bench.kill_connections()  # a token that this connection gave out is known to be whole
    short = await until_gap(bench)
    assert (short.since, short.changes) == (cursor, [])
    again = await bench.feed.now(short.token)
    assert (again.gap, again.changes) == (False, [])


async def until_gap(bench: Bench) -> Tick:
    async with asyncio.timeout(SOON_S):
        while not (tick := await bench.feed.now(bench.token)).gap:
            pass
    return tick


async def test_it_calls_too_much_a_gap(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """More changes than are read at once are not kept in memory: the follower compares, and goes on from there."""
    await bench.rest()
    monkeypatch.setattr(feeds.change_log, "MOST_CHANGES", 3)
    one = await bench.writer()
    for id in range(1, 6):
        await write(one, id)
    await one.commit()
    tick = await bench.next()
    assert (tick.gap, tick.changes) == (True, [])
    await write(one, 9)
    await one.commit()
    assert await bench.news(count=1) == [9]


async def test_it_survives_a_restart_of_postgres(home: Path) -> None:
    """Followers wait while the server is away, and go on from where they were when it is back."""
    with EmbeddedPostgres.start(home.parent) as server:
        url = server.url
        migrate(url)
        async with Feed(url) as feed:
            bench = Bench(url, feed)
            conn = await bench.writer()
            await conn.execute(
                "insert into workspaces (id, name, kind) values (%s, 'w', 'personal')", (WORKSPACE,)
            )
            await write(conn, 1)
            await conn.commit()
            assert (await bench.next()).gap
            waiting = asyncio.create_task(bench.feed.next(bench.token))
            server.stop()
            with EmbeddedPostgres.start(home.parent) as restarted:
                assert restarted.url == url
                conn = await bench.writer()
                await write(conn, 2)
                await conn.commit()
                async with asyncio.timeout(SOON_S):
                    bench.token = (tick := await waiting).token
                found = ids(tick) or await bench.news(count=1)
                assert found == [2]
                await conn.close()
