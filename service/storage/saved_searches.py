"""Searches under a name. Rows are dicts with the table's names; `asked` is JSON text."""

from __future__ import annotations

from typing import Any

from service.storage.database import Connection
from service.storage.queries import load

SQL = load("saved_searches")


async def add(
    conn: Connection, workspace_id: int, user_id: int, *, name: str, asked: str
) -> dict[str, Any] | None:
    """The new row; None where the workspace has a search of this name."""
    params = {"workspace_id": workspace_id, "user_id": user_id, "name": name, "asked": asked}
    return await (await conn.execute(SQL["add"], params)).fetchone()


async def page(
    conn: Connection, workspace_id: int, *, limit: int, after: str | None = None
) -> list[dict[str, Any]]:
    """By name, from the one behind `after` on."""
    params = {"workspace_id": workspace_id, "limit": limit, "after": after}
    return await (await conn.execute(SQL["list"], params)).fetchall()


async def one(conn: Connection, workspace_id: int, id: int) -> dict[str, Any] | None:
    params = {"workspace_id": workspace_id, "id": id}
    return await (await conn.execute(SQL["one"], params)).fetchone()


async def delete(conn: Connection, workspace_id: int, id: int) -> bool:
    """Whether there was one."""
    params = {"workspace_id": workspace_id, "id": id}
    return await (await conn.execute(SQL["delete"], params)).fetchone() is not None
