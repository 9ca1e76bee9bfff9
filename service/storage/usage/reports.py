"""What reports read beside hourly facts: single sessions, hours of all time, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from analytics.reports.sessions import SESSIONS
from analytics.schema import TIME
from service.storage.database import Connection
from service.storage.queries import load
from service.storage.usage import frames
from service.storage.usage.facts import dated

SQL = load("usage_reports")

Only = Mapping[str, Sequence[str] | Sequence[int]]
"""Columns of facts with the values that count; a column that is not named is not limited."""


async def sessions(
    conn: Connection, workspace_id: int, *, start: datetime, end: datetime, only: Only
) -> pl.DataFrame:
    """`analytics.reports.sessions.SESSIONS` from `start` to `end` (exclusive; any moments)."""
    params = {"workspace_id": workspace_id, "start": start, "end": end, **limits(only)}
    return await frames.read(conn, SQL["sessions"], params, SESSIONS)


async def active_hours(conn: Connection, workspace_id: int, *, end: datetime, only: Only) -> pl.DataFrame:
    """UTC hours before `end` with a message, as `hour`, in no order."""
    params = {"workspace_id": workspace_id, "end": end, **limits(only)}
    return dated(await frames.read(conn, SQL["active_hours"], params, {"at_us": pl.Int64()}), {"hour": TIME})


def limits(only: Only) -> dict[str, list[Any] | None]:
    """
    >>> limits({"model": ["gpt-5"]})["model"], limits({})["model"]
    (['gpt-5'], None)
    """
    columns = ("source", "provider", "model", "project", "user_id", "service")
    return {name: list(only[name]) if name in only else None for name in columns}


async def user_names(conn: Connection, workspace_id: int) -> dict[int, str]:
    """Of the workspace's members."""
    cursor = await conn.execute(SQL["user_names"], {"workspace_id": workspace_id})
    return {row["id"]: row["name"] for row in await cursor.fetchall()}


async def session_names(
    conn: Connection, workspace_id: int, session_ids: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """Title, external id, source and project of sessions, by id."""
    params = {"workspace_id": workspace_id, "ids": list(session_ids)}
    cursor = await conn.execute(SQL["session_names"], params)
    return {row["id"]: row for row in await cursor.fetchall()}
