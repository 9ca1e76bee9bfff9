"""Usage rows of hours: what they are derived from, and how they are kept. A row that is the same is not written."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl

from analytics import schema
from service.storage.database import Connection
from service.storage.queries import load
from service.storage.usage import frames

SQL = load("usage")
HOUR = timedelta(hours=1)
LAST = datetime.max.replace(tzinfo=UTC)
_NUMBERS = (
    "session_id", *schema.TOKENS, "cost_nano_usd", "duration_ms", "tool_calls", "tool_errors",
)  # fmt: skip
"""What stands in a line of the array `numbers`."""


class Stored(msgspec.Struct):
    """What a write changed: answers and sessions that it concerned."""

    copy_keys: set[int] = msgspec.field(default_factory=set)
    session_ids: set[int] = msgspec.field(default_factory=set)


async def messages(conn: Connection, workspace_id: int, hours: Collection[datetime]) -> pl.DataFrame:
    """`schema.MESSAGES` of these hours."""
    return await frames.read(conn, SQL["messages"], _params(workspace_id, hours), schema.MESSAGES)


async def records(conn: Connection, workspace_id: int, hours: Collection[datetime]) -> pl.DataFrame:
    """`schema.RECORDS` of these hours."""
    return await frames.read(conn, SQL["records"], _params(workspace_id, hours), schema.RECORDS)


async def totals(conn: Connection, workspace_id: int, session_ids: Collection[int]) -> pl.DataFrame:
    """`schema.TOTALS` of these sessions; those without totals have no rows."""
    params = {"workspace_id": workspace_id, "session_ids": sorted(session_ids)}
    return await frames.read(conn, SQL["totals"], params, schema.TOTALS)


async def sessions_with_totals(
    conn: Connection, workspace_id: int, hours: Collection[datetime], session_ids: Collection[int]
) -> set[int]:
    """Those of the sessions, and those of these hours, that told totals, or of whose totals a row is left."""
    params = _params(workspace_id, hours) | {"session_ids": sorted(session_ids)}
    cursor = await conn.execute(SQL["sessions_with_totals"], params)
    return {row["session_id"] for row in await cursor.fetchall()}


async def replace(
    conn: Connection, workspace_id: int, hours: Collection[datetime], rows: pl.DataFrame
) -> Stored:
    """Keep `rows` (`schema.ROWS` of messages and records) as all that there is in these hours."""
    stored = Stored()
    if len(rows):
        await _put(conn, workspace_id, rows, stored)
    kept = {"count": len(rows)} | frames.columns(rows.select("occurred_at", "kind", "id"))
    cursor = await conn.execute(SQL["drop_rows"], _params(workspace_id, hours) | kept)
    _note(stored, await cursor.fetchall())
    return stored


async def replace_totals(
    conn: Connection, workspace_id: int, session_ids: Collection[int], rows: pl.DataFrame
) -> set[datetime]:
    """Keep `rows` (of totals) as all that there is of these sessions; the hours that changed."""
    if not session_ids:
        return set()
    if len(rows):
        await _put(conn, workspace_id, rows, Stored())
    keys = frames.columns(rows.select("occurred_at", "id"))
    params = {"workspace_id": workspace_id, "session_ids": sorted(session_ids), **keys}
    dropped = await (await conn.execute(SQL["drop_totals"], params)).fetchall()
    return {row["hour"] for row in dropped} | set(rows["occurred_at"].dt.truncate("1h").to_list())


async def settle_copies(conn: Connection, workspace_id: int, copy_keys: Collection[int]) -> set[datetime]:
    """Let one of each answer's messages count; the hours in which that changed."""
    if not copy_keys:
        return set()
    params = {"workspace_id": workspace_id, "copy_keys": sorted(copy_keys)}
    cursor = await conn.execute(SQL["settle_copies"], params)
    return {row["hour"] for row in await cursor.fetchall()}


async def counted(conn: Connection, workspace_id: int, hours: Collection[datetime]) -> pl.DataFrame:
    """`schema.USAGE_ROWS` of these hours."""
    params = _params(workspace_id, hours)
    return await frames.unfold(conn, SQL["rows"], params, schema.USAGE_ROWS, numbers=_NUMBERS)


async def tool_calls(conn: Connection, workspace_id: int, hours: Collection[datetime]) -> pl.DataFrame:
    """`schema.TOOL_CALLS` of these hours."""
    return await frames.read(conn, SQL["tool_calls"], _params(workspace_id, hours), schema.TOOL_CALLS)


async def _put(conn: Connection, workspace_id: int, rows: pl.DataFrame, stored: Stored) -> None:
    # Joins of Polars keep no order, and an hour is to lie on few pages.
    told = frames.columns(rows.sort("occurred_at"))
    cursor = await conn.execute(SQL["put_rows"], {"workspace_id": workspace_id} | told)
    _note(stored, await cursor.fetchall())


def _note(stored: Stored, written: list[dict[str, int | None]]) -> None:
    stored.copy_keys |= {key for row in written if (key := row["copy_key"]) is not None}
    stored.session_ids |= {id for row in written if (id := row["session_id"]) is not None}


def _params(workspace_id: int, hours: Collection[datetime]) -> dict[str, object]:
    told = spans(hours)
    return {
        "workspace_id": workspace_id,
        "hours": sorted(hours),
        "starts": [start for start, _ in told],
        "ends": [end for _, end in told],
    }


def spans(hours: Collection[datetime]) -> list[tuple[datetime, datetime]]:
    """Runs of hours as (first moment, moment after), ascending.

    >>> day = datetime(2026, 1, 1, tzinfo=UTC)
    >>> [(start.hour, end.hour) for start, end in spans([day + n * HOUR for n in (1, 2, 5)])]
    [(1, 3), (5, 6)]
    """
    found: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        end = hour + min(HOUR, LAST - hour)
        if found and found[-1][1] == hour:
            found[-1] = (found[-1][0], end)
        else:
            found.append((hour, end))
    return found
