"""Work that one process of all does at a time: advisory locks on a connection of their own.

Session-level, so that a lock ends with the connection, and so with the process that dies. Waiting asks again
and again: a statement that waits would hold a snapshot, and with it the cleaning of the whole cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from service.errors import DatabaseUnavailable
from service.storage import link
from service.storage.database import UNAVAILABLE, is_loss
from service.storage.queries import load

SQL = load("locks")
ASK_AGAIN_S = 1.0

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
"""A connection in autocommit with the rights of the URL's role."""


@asynccontextmanager
async def alone(url: str, name: str) -> AsyncIterator[Owner]:
    """Wait until no other process does `name`; then it is ours while the block lasts and its connection lives."""
    async with _connected(url) as conn:
        while True:
            if await _taken(conn, name):
                break
            await asyncio.sleep(ASK_AGAIN_S)
        yield conn


@asynccontextmanager
async def if_alone(url: str, name: str) -> AsyncIterator[bool]:
    """Whether no other process does `name` at this moment; then it is ours while the block lasts."""
    async with _connected(url) as conn:
        yield await _taken(conn, name)


async def still(conn: Owner) -> None:
    """Errors: `DatabaseUnavailable` when the connection is gone, and the lock with it."""
    try:
        with link.answered_within(conn, link.CHECK_S):
            await conn.execute("select")
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(UNAVAILABLE) from error


async def _taken(conn: Owner, name: str) -> bool:
    row = await (await conn.execute(SQL["try"], {"name": name})).fetchone()
    return bool(row and row[0])


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Owner]:
    try:
        async with await link.Link[tuple[Any, ...]].connect(
            url, autocommit=True, application_name="backscroll-lock", **link.PARAMETERS
        ) as conn:
            await conn.execute(link.SERVER_SIDE)
            yield conn
    except psycopg.OperationalError as error:
        if is_loss(error):
            raise DatabaseUnavailable(UNAVAILABLE) from error
        raise
