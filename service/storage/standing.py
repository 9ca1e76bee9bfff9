"""A connection that stands: held for listening and polling, in autocommit, and made again whenever it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

import psycopg
import structlog
from psycopg.rows import DictRow, dict_row

from service.storage import link
from service.storage.database import Connection, teach

log = structlog.get_logger()

PAUSES_S = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Between attempts to connect; the last one repeats."""

Role = Literal["backscroll_app", "backscroll_system"]


async def stand(url: str, serve: Callable[[Connection], Awaitable[None]], *, role: Role, name: str) -> None:
    """Run `serve` on a connection of its own, and again on a new one whenever that fails in Postgres; for ever."""
    failures = 0
    while True:
        try:
            async with connected(url, role=role, name=name) as conn:
                failures = 0
                await serve(conn)
        except psycopg.Error as error:
            log.warning("connection_lost", connection=name, error=type(error).__name__)
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
            failures += 1


@asynccontextmanager
async def connected(url: str, *, role: Role, name: str) -> AsyncIterator[Connection]:
    """It finds out within seconds when the other side is gone. Never a standby: there, what was acknowledged may be missing."""
    conn = await link.Link[DictRow].connect(
        url,
        autocommit=True,
        row_factory=dict_row,
        application_name=f"backscroll-{name}",
        target_session_attrs="read-write",
        **link.PARAMETERS,
    )
    async with conn:
        await conn.execute(f"set role {role}; {link.SERVER_SIDE}")
        teach(conn)
        yield conn
