"""How long a workspace keeps its sessions, and which have become too old."""

from __future__ import annotations

from service.storage import audit, sessions
from service.storage.database import Connection, Database
from service.storage.queries import load

SQL = load("retention")
AT_ONCE = 50
"""Sessions: what hangs on more is more than one statement may take."""


async def keeping(db: Database) -> list[tuple[int, int]]:
    """Workspaces that keep sessions for a time only, with their days."""
    async with db.system() as conn:
        rows = await (await conn.execute(SQL["keeping"])).fetchall()
    return [(row["id"], row["retention_days"]) for row in rows]


async def days(conn: Connection, workspace_id: int) -> int | None:
    """None: for good."""
    row = await (await conn.execute(SQL["days"], {"workspace_id": workspace_id})).fetchone()
    return row["retention_days"] if row else None


async def keep(conn: Connection, workspace_id: int, days: int | None) -> None:
    await conn.execute(SQL["keep"], {"workspace_id": workspace_id, "days": days})


async def delete_some(conn: Connection, workspace_id: int, days: int) -> int:
    """Delete a slice of what is too old, as a person would: with tombstones. How many sessions; 0: none is left."""
    params = {"workspace_id": workspace_id, "days": days, "limit": AT_ONCE}
    ids = [row["id"] for row in await (await conn.execute(SQL["aged"], params)).fetchall()]
    if ids:
        await sessions.delete(conn, workspace_id, ids)
        for id in ids:
            await audit.record(conn, workspace_id, "session.expire", id)
    return len(ids)
