"""Who writes beside the service, as psql or a job would: transactions that are held open, rolled back or swapped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import TupleRow


class Writer:
    """One connection, within a transaction from its first statement on."""

    def __init__(
        self, conn: psycopg.AsyncConnection[TupleRow], workspace_id: int, ring: Callable[[], object]
    ) -> None:
        self.conn, self.workspace_id, self.ring = conn, workspace_id, ring

    async def session(self, name: str, **fields: Any) -> int:
        """A new session; its number."""
        given = {"title": None, "project_name": None} | fields
        cursor = await self.conn.execute(
            "insert into sessions (workspace_id, source, external_id, title, project_name, created_at, updated_at)"
            " values (%s, 'pi', %s, %s, %s, clock_timestamp(), clock_timestamp()) returning id",
            (self.workspace_id, name, given["title"], given["project_name"]),
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    async def message(self, session_id: int, *names: str, text: str = "hello") -> None:
        """New messages at the end of a session."""
        await self.conn.execute(
            "insert into messages (workspace_id, session_id, external_id, role, text, created_at)"
            " select %s, %s, name, 'user', %s, clock_timestamp() from unnest(%s::text[]) name",
            (self.workspace_id, session_id, text, list(names)),
        )

    async def run(self, statement: str, *values: Any) -> None:
        await self.conn.execute(statement, values)  # type: ignore[arg-type]

    async def commit(self) -> None:
        await self.conn.commit()
        self.ring()

    async def rollback(self) -> None:
        await self.conn.rollback()


@asynccontextmanager
async def writing(
    url: str, workspace_id: int, *, ring: Callable[[], object] = lambda: None
) -> AsyncIterator[Writer]:
    """A writer in a workspace, as the service's own role; what is not committed at the end is rolled back.

    `ring`: called after each commit, as the API rings its bell; else the service finds out by itself.
    """
    conn = await psycopg.AsyncConnection.connect(url)
    try:
        await conn.execute("set role backscroll_app")
        await conn.execute(f"set backscroll.workspace = '{workspace_id}'")
        await conn.commit()
        yield Writer(conn, workspace_id, ring)
    finally:
        await conn.close()


async def as_owner(url: str, statement: str, *values: Any) -> list[Any]:
    """What a statement of the owner gives."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        cursor = await conn.execute(statement, values)  # type: ignore[arg-type]
        return await cursor.fetchall() if cursor.description else []
