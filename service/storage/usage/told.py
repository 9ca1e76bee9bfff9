"""Records and rates, as services and operators tell them."""

from __future__ import annotations

from analytics.pricing import Book, Rate
from service.storage.database import Connection
from service.storage.queries import load

SQL = load("usage_told")


async def book(conn: Connection, workspace_id: int) -> Book:
    """What prices hold in a workspace."""
    cursor = await conn.execute(SQL["rates"], {"workspace_id": workspace_id})
    return Book([Rate(**row) for row in await cursor.fetchall()])
