"""What reports read beside hourly facts: tool facts, single sessions, hours of all time, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from analytics import schema
from analytics.reports.sessions import SESSIONS
from service.storage.database import Connection
from service.storage.queries import load
from service.storage.usage import frames

SQL = load("usage_reports")
_AT = {"at_us": pl.Int64()}
_TOOLS = {**_AT, **{name: type for name, type in schema.TOOL_FACTS.items() if name != "hour"}}

Only = Mapping[str, Sequence[str] | Sequence[int]]
"""Columns of facts with the values that count; a column that is not named is not limited."""


async def tools(conn: Connection, workspace_id: int, *, start: datetime, end: datetime) -> pl.DataFrame:
    """`schema.TOOL_FACTS` from `start` to `end` (exclusive)."""
    params = {"workspace_id": workspace_id, "start": start, "end": end}
    return with_hour(await frames.read(conn, SQL["tools"], params, _TOOLS)).select(list(schema.TOOL_FACTS))


async def sessions(
    conn: Connection, workspace_id: int, *, start: datetime, end: datetime, only: Only
) -> pl.DataFrame:
    """`analytics.reports.sessions.SESSIONS` from `start` to `end` (exclusive; any moments)."""
    params = {"workspace_id": workspace_id, "start": start, "end": end, **limits(only)}
    return await frames.read(conn, SQL["sessions"], params, SESSIONS)


async def active_hours(conn: Connection, workspace_id: int, *, end: datetime, only: Only) -> pl.DataFrame:
    """UTC hours before `end` with a message, as `hour`, in no order."""
    params = {"workspace_id": workspace_id, "end": end, **limits(only)}
    return with_hour(await frames.read(conn, SQL["active_hours"], params, _AT)).select("hour")


def with_hour(told: pl.DataFrame) -> pl.DataFrame:
    return told.with_columns(hour=pl.from_epoch("at_us", time_unit="us").dt.replace_time_zone("UTC"))


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
