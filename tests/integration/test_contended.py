"""Transactions that are in each other's way: one is done, the other is told to come again, and nothing else is raised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.errors import Contended
from service.storage import people
from service.storage.attempts import TRIES, in_one_transaction
from service.storage.database import Connection, Database, open_database, undisturbed

LOCK = "select pg_advisory_xact_lock({})"


@pytest.fixture
async def db(any_database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(any_database_url, pool_size=4)
    await people.create_workspace(opened, name="w", user="ann")
    yield opened
    await opened.close()


async def test_it_tells_the_loser_of_a_deadlock_to_come_again(db: Database) -> None:
    """Two that wait for each other: Postgres ends one, which is `Contended`; the other commits."""
    both = asyncio.Barrier(2)

    async def locks(first: int, second: int) -> None:
        async with db.workspace(1) as conn:
            await conn.execute(LOCK.format(first))  # type: ignore[call-overload]
            await both.wait()
            await conn.execute(LOCK.format(second))  # type: ignore[call-overload]

    ends = await asyncio.gather(locks(1, 2), locks(2, 1), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["Contended", "NoneType"]


async def test_it_tells_who_takes_too_long_to_come_again(db: Database) -> None:
    """A statement that runs into its limit is `Contended`, and is not tried again at once."""
    tried = 0

    async def slow(conn: Connection) -> None:
        nonlocal tried
        tried += 1
        await conn.execute("set local statement_timeout = '20ms'")
        await conn.execute("select pg_sleep(5)")

    with pytest.raises(Contended):
        await in_one_transaction(db, 1, slow)
    assert tried == 1
    with pytest.raises(Contended):
        async with db.workspace(1) as conn:
            await slow(conn)


async def test_it_tells_whose_row_was_taken_away_to_come_again(db: Database) -> None:
    """A row that hangs on one which is gone, or that somebody made first, is `Contended`; a batch is tried `TRIES` times before."""
    tried = 0

    async def hang(conn: Connection) -> None:
        nonlocal tried
        tried += 1
        await conn.execute("insert into session_tags (workspace_id, session_id, tag) values (1, 4711, 'x')")

    with pytest.raises(Contended):
        async with undisturbed(db.workspace(1)) as conn:
            await hang(conn)
    with pytest.raises(Contended):
        await in_one_transaction(db, 1, hang)
    assert tried == 1 + TRIES
