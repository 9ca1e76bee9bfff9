"""Marks: which hours of a workspace changed since they were last derived. Triggers set them, with what changes."""

from __future__ import annotations

from datetime import UTC, datetime

from service.storage.database import Connection
from service.storage.queries import load

SQL = load("usage")
EVER = datetime(1, 1, 1, tzinfo=UTC)


async def workspaces(conn: Connection) -> list[int]:
    """Those that have marks. In a `system` transaction."""
    cursor = await conn.execute(SQL["marked_workspaces"])
    return [row["workspace_id"] for row in await cursor.fetchall()]


async def waiting(conn: Connection) -> int:
    """How many marks there are, of all workspaces. In a `system` transaction."""
    row = await (await conn.execute(SQL["waiting_marks"])).fetchone()
    assert row is not None
    return int(row["marks"])


async def only_one(conn: Connection, workspace_id: int, *, wait: bool = False) -> bool:
    """Whether this transaction is now the only one that derives this workspace's usage."""
    if wait:
        await conn.execute(SQL["lock"], {"workspace_id": workspace_id})
        return True
    row = await (await conn.execute(SQL["try_lock"], {"workspace_id": workspace_id})).fetchone()
    return bool(row and row["ours"])


async def take(conn: Connection, workspace_id: int, *, limit: int) -> list[datetime]:
    """Up to `limit` marked hours, ascending, the latest there are; their marks are gone when this commits."""
    cursor = await conn.execute(SQL["take_marks"], {"workspace_id": workspace_id, "limit": limit})
    return [row["hour"] for row in await cursor.fetchall()]


async def pending(conn: Connection, workspace_id: int, snapshot: str) -> bool:
    """Whether something that `snapshot` contains waits to be derived."""
    params = {"workspace_id": workspace_id, "snapshot": snapshot}
    row = await (await conn.execute(SQL["pending"], params)).fetchone()
    assert row is not None
    return bool(row["pending"])


async def mark_all(conn: Connection, workspace_id: int, *, since: datetime = EVER) -> None:
    """Every hour from `since` on in which anything was told or is stored."""
    await conn.execute(SQL["mark_all"], {"workspace_id": workspace_id, "since": since})


async def mark_differing(conn: Connection, workspace_id: int) -> int:
    """Hours whose messages, rows and facts do not agree; how many."""
    return (await conn.execute(SQL["mark_differing"], {"workspace_id": workspace_id})).rowcount
