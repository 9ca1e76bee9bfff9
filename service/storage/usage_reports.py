"""What reports read: facts as frames, and what stands beside them. Derived tables only, but for names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from analytics.reports.sessions import SESSIONS
from analytics.schema import FACTS, TIME, TOOL_FACTS, USAGE_ROWS
from service.model.snapshot import Snapshot
from service.storage.database import Connection
from service.storage.frames import frame
from service.storage.queries import load

SQL = load("usage_reports")


class UsageFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which facts count. Empty: no limit; several values: any of them; None of `user_ids`: no limit."""

    sources: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    """Names, and paths of projects that have no name."""
    services: tuple[str, ...] = ()
    user_ids: tuple[int, ...] | None = None


class State(msgspec.Struct, frozen=True):
    """When the facts were last computed, and with which prices."""

    computed_at: datetime
    price_version: str


async def facts(
    conn: Connection, workspace_id: int, begin: datetime, end: datetime, filter: UsageFilter
) -> pl.DataFrame:
    """Hourly facts of `begin <= hour < end`."""
    return await frame(conn, SQL["facts"], given(workspace_id, begin, end, filter), FACTS)


async def tools(
    conn: Connection, workspace_id: int, begin: datetime, end: datetime, filter: UsageFilter
) -> pl.DataFrame:
    """Hourly tool facts of `begin <= hour < end`; of the filter source, project and user count."""
    return await frame(conn, SQL["tools"], given(workspace_id, begin, end, filter), TOOL_FACTS)


async def sessions(
    conn: Connection, workspace_id: int, begin: datetime, end: datetime, filter: UsageFilter
) -> pl.DataFrame:
    """What each session used from `begin` to before `end`: `SESSIONS`."""
    return await frame(conn, SQL["sessions"], given(workspace_id, begin, end, filter), SESSIONS)


async def active_hours(
    conn: Connection, workspace_id: int, begin: datetime, end: datetime, filter: UsageFilter
) -> pl.DataFrame:
    """Hours with a message, as `hour`, in no order."""
    return await frame(conn, SQL["active_hours"], given(workspace_id, begin, end, filter), {"hour": TIME})


async def rows(
    conn: Connection, workspace_id: int, hours: Sequence[datetime], filter: UsageFilter
) -> pl.DataFrame:
    """The usage rows of these UTC hours that count: `USAGE_ROWS`."""
    asked = {"workspace_id": workspace_id, "hours": list(hours), **limits(filter)}
    return await frame(conn, SQL["rows"], asked, USAGE_ROWS)


def given(workspace_id: int, begin: datetime, end: datetime, filter: UsageFilter) -> dict[str, Any]:
    return {"workspace_id": workspace_id, "begin": begin, "end": end, **limits(filter)}


def limits(filter: UsageFilter) -> dict[str, Any]:
    return {
        "sources": list(filter.sources) or None,
        "providers": list(filter.providers) or None,
        "models": list(filter.models) or None,
        "projects": list(filter.projects) or None,
        "services": list(filter.services) or None,
        "user_ids": None if filter.user_ids is None else list(filter.user_ids),
    }


async def first_hour(conn: Connection, workspace_id: int) -> datetime | None:
    """Of the first fact; None where there is none."""
    row = await (await conn.execute(SQL["first_hour"], {"workspace_id": workspace_id})).fetchone()
    return row["hour"] if row else None


async def state(conn: Connection, workspace_id: int) -> State:
    """Before the first rollup: as of now, and without a version."""
    row = await (await conn.execute(SQL["state"], {"workspace_id": workspace_id})).fetchone()
    assert row is not None
    return State(**row)


async def waits(conn: Connection, workspace_id: int, token: Snapshot) -> bool:
    """Whether a write that the token contains has still to reach the facts."""
    given = {"workspace_id": workspace_id, "token": str(token)}
    row = await (await conn.execute(SQL["waits"], given)).fetchone()
    assert row is not None
    return bool(row["waits"])


async def user_names(conn: Connection, workspace_id: int) -> dict[int, str]:
    """Of the workspace's members."""
    cursor = await conn.execute(SQL["user_names"], {"workspace_id": workspace_id})
    return {row["id"]: row["name"] for row in await cursor.fetchall()}


async def session_names(
    conn: Connection, workspace_id: int, session_ids: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """Title, ids, source and project of sessions, by id."""
    cursor = await conn.execute(
        SQL["session_names"], {"workspace_id": workspace_id, "ids": list(session_ids)}
    )
    return {row["id"]: row for row in await cursor.fetchall()}
