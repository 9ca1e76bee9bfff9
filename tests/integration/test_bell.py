"""The bell's own transactions, of which a crash may leave nothing."""

from __future__ import annotations

import asyncio

import psycopg

from service.live.bell import CHANNEL, Bell

SOON_S = 20.0
RINGS = 10


async def test_it_is_written_through_before_it_is_heard(database_url: str) -> None:
    """Whoever hears a ring sees its transaction, whose number Postgres may not give away again: it stands on the disk."""
    bell, unwritten = Bell(database_url), []
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn:
        await conn.execute(f"alter database {conn.info.dbname} set synchronous_commit = on".encode())
        await conn.execute(f"listen {CHANNEL}".encode())
        for _ in range(RINGS):
            bell.ring()
            async with asyncio.timeout(SOON_S):
                await anext(conn.notifies())
            behind = await conn.execute("select pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn()")
            unwritten += [row[0] for row in await behind.fetchall()]
    await bell.close()
    assert unwritten.count(0) > RINGS // 2, unwritten  # what else Postgres writes meanwhile is not ours
