"""Sums over a workspace's sessions."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from service.storage.database import Connection
from service.storage.queries import load

SQL = load("stats")


class ModelUse(msgspec.Struct, frozen=True):
    model: str
    """`unknown` where no client said which."""
    sessions: int
    tokens: int
    cost_usd: Decimal


class Totals(msgspec.Struct, frozen=True):
    sessions: int
    messages: int
    tokens: int
    cost_usd: Decimal
    duration_ms: int


async def totals(conn: Connection, workspace_id: int) -> Totals:
    row = await (await conn.execute(SQL["totals"], {"workspace_id": workspace_id})).fetchone()
    assert row is not None
    return Totals(**row)


async def by_model(conn: Connection, workspace_id: int) -> list[ModelUse]:
    """The one with most tokens first."""
    cursor = await conn.execute(SQL["by_model"], {"workspace_id": workspace_id})
    return [ModelUse(**row) for row in await cursor.fetchall()]
