"""Tables that grow from nothing are analysed before autovacuum's minute; one process of all does it (an advisory lock)."""

from __future__ import annotations

import asyncio

from service.storage import locks, statistics

EVERY_S = 1.0
"""A first import writes 3,000 messages in it; to ask what has grown takes Postgres 0.1 ms."""


async def keep_analysed(url: str) -> None:
    """Let the planner know what the tables hold, for ever. Errors: `DatabaseUnavailable`."""
    async with locks.alone(url, "statistics") as conn:
        while True:
            await statistics.refresh(conn)
            await asyncio.sleep(EVERY_S)
