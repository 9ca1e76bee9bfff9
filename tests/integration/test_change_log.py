"""The change log's partitions: made ahead, dropped only behind every follower, and nothing falls between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from service.storage import change_log, people
from service.storage.database import Database, open_database

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def db(any_database_url: str) -> AsyncIterator[Database]:
    db = await open_database(any_database_url, pool_size=4)
    await people.create_workspace(db, name="w", user="local")
    yield db
    await db.close()


def keep(url: str, *, now: datetime = NOW) -> tuple[int, int]:
    """How many partitions were made and dropped."""
    made, dropped = change_log.keep_partitions(url, now=now, keep_hours=24)
    return len(made), len(dropped)


def log_at(url: str, at: datetime) -> int:
    """Log a change as of a time; its transaction."""
    with psycopg.connect(url) as conn:
        conn.execute("set row_security = off")
        row = conn.execute(
            "insert into change_log (workspace_id, tbl, op, row_id, at) values (1, 'sessions', 'U', 1, %s) returning xid::text",
            (at,),
        ).fetchone()
    assert row is not None
    return int(row[0])


async def snapshot(db: Database) -> str:
    async with db.system() as conn:
        return await change_log.snapshot(conn)


async def too_short(db: Database, cursor: str) -> bool:
    async with db.system() as conn:
        return await change_log.is_too_short(conn, cursor)


async def changes(db: Database, cursor: str) -> int:
    async with db.system() as conn:
        return len((await change_log.since(conn, cursor))[1])


async def test_it_makes_partitions_a_week_ahead(db: Database, any_database_url: str) -> None:
    """Today and seven days; again, nothing; a day later, one more."""
    assert keep(any_database_url) == (8, 0)
    assert keep(any_database_url) == (0, 0)
    assert keep(any_database_url, now=NOW + DAY) == (1, 0)


async def test_it_drops_a_day_after_its_end(db: Database, any_database_url: str) -> None:
    """Not before 24 hours after the day's end; afterwards an old cursor is told, and a new one is not."""
    cursor = await snapshot(db)
    log_at(any_database_url, NOW)
    keep(any_database_url)
    assert keep(any_database_url, now=NOW + DAY)[1] == 0
    assert (await changes(db, cursor), await too_short(db, cursor)) == (1, False)
    assert keep(any_database_url, now=NOW + 2 * DAY)[1] == 1
    assert (await changes(db, cursor), await too_short(db, cursor)) == (0, True)
    assert not await too_short(db, await snapshot(db))


async def test_it_drops_nothing_that_a_follower_has_not_seen(db: Database, any_database_url: str) -> None:
    """A cursor holds its days back until it moves, or until its follower was not heard of for a week."""
    cursor = await snapshot(db)
    async with db.system() as conn:
        await change_log.move_cursor(conn, "slow", cursor)
    log_at(any_database_url, NOW)
    keep(any_database_url)
    keep(any_database_url, now=NOW + 3 * DAY)
    assert (await changes(db, cursor), await too_short(db, cursor)) == (1, False)
    async with db.system() as conn:
        await conn.execute("update cursors set updated_at = now() - interval '8 days'")
        await change_log.forget_cursors(conn)
        assert await change_log.read_cursor(conn, "slow") is None
    keep(any_database_url, now=NOW + 3 * DAY)
    assert (await changes(db, cursor), await too_short(db, cursor)) == (0, True)


async def test_it_moves_what_fell_into_the_rest(db: Database, any_database_url: str) -> None:
    """Changes of a day for which nobody had made a partition are in its partition once it is made, each once."""
    cursor = await snapshot(db)
    for _ in range(3):
        log_at(any_database_url, NOW)
    assert await changes(db, cursor) == 3
    assert keep(any_database_url)[0] == 8
    assert await changes(db, cursor) == 3
    with psycopg.connect(any_database_url) as conn:
        row = conn.execute("select count(*) from only change_log_rest").fetchone()
    assert row == (0,)


async def test_it_never_waits_for_a_reader(db: Database, any_database_url: str) -> None:
    """While somebody reads the log (a dump), partitions are left for the next time, and writes go on."""
    keep(any_database_url)
    with psycopg.connect(any_database_url) as reader:
        reader.execute("set row_security = off")
        reader.execute("select count(*) from change_log")
        assert keep(any_database_url, now=NOW + DAY) == (0, 0)
        log_at(any_database_url, NOW)
    assert keep(any_database_url, now=NOW + DAY) == (1, 0)
