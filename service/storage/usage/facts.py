"""Hourly facts: kept by the rollup, read by reports."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
import polars as pl

from analytics import rollup, schema
from service.storage.database import Connection
from service.storage.queries import load
from service.storage.usage import frames, rows

SQL = load("usage_facts")
KEYS = ("hour", *schema.DIMENSIONS)
TOOL_KEYS = ("hour", "source", "project", "user_id", "tool")
_READ = {"at_us": pl.Int64(), **{name: type for name, type in schema.FACTS.items() if name != "hour"}}
_READ_TOOLS = {
    "at_us": pl.Int64(),
    **{name: type for name, type in schema.TOOL_FACTS.items() if name != "hour"},
}


class State(msgspec.Struct, frozen=True):
    computed_at: datetime
    price_version: str


async def replace(
    conn: Connection,
    workspace_id: int,
    hours: Collection[datetime],
    facts: pl.DataFrame,
    tools: pl.DataFrame,
) -> None:
    """Keep `schema.FACTS` and `TOOL_FACTS` as all that there is of these hours; what is the same is not written."""
    params: dict[str, object] = {"workspace_id": workspace_id}
    for put, drop, found, keys in (
        ("put_facts", "drop_facts", facts, KEYS),
        ("put_tools", "drop_tools", tools, TOOL_KEYS),
    ):
        if len(found):
            await conn.execute(SQL[put], params | frames.columns(found))
        kept = {"hours": sorted(hours), "count": len(found)} | frames.columns(found.select(keys))
        await conn.execute(SQL[drop], params | kept)


async def read(
    conn: Connection, workspace_id: int, *, start: datetime, end: datetime, zone: str = "UTC"
) -> pl.DataFrame:
    """`schema.FACTS` from `start` to `end` (exclusive; whole UTC hours), so that days of `zone` come out right."""
    params = {"workspace_id": workspace_id, "start": start, "end": end}
    found = dated(await frames.read(conn, SQL["facts"], params, _READ), schema.FACTS)
    cut = rollup.straddling(found["hour"], zone)
    if not cut:
        return found
    quarters = rollup.facts((await rows.counted(conn, workspace_id, cut)).lazy(), every="15m").collect()
    return pl.concat([found.filter(~pl.col("hour").is_in(cut)), quarters])


async def read_tools(
    conn: Connection, workspace_id: int, *, start: datetime, end: datetime, zone: str = "UTC"
) -> pl.DataFrame:
    """`schema.TOOL_FACTS`, as `read` gives facts."""
    params = {"workspace_id": workspace_id, "start": start, "end": end}
    found = dated(await frames.read(conn, SQL["tools"], params, _READ_TOOLS), schema.TOOL_FACTS)
    cut = rollup.straddling(found["hour"], zone)
    if not cut:
        return found
    calls = await rows.tool_calls(conn, workspace_id, cut)
    quarters = rollup.tool_facts(calls.lazy(), every="15m").collect()
    return pl.concat([found.filter(~pl.col("hour").is_in(cut)), quarters])


def dated(told: pl.DataFrame, type: schema.Schema) -> pl.DataFrame:
    """With `hour` in place of `at_us`."""
    hour = pl.from_epoch("at_us", time_unit="us").dt.replace_time_zone("UTC")
    return told.with_columns(hour=hour).select(list(type))


async def hours(conn: Connection, workspace_id: int) -> tuple[datetime, datetime] | None:
    """The first and the last UTC hour that has facts."""
    row = await (await conn.execute(SQL["fact_hours"], {"workspace_id": workspace_id})).fetchone()
    return None if row is None or row["first"] is None else (row["first"], row["last"])


async def told(conn: Connection, workspace_id: int, *, price_version: str) -> None:
    """The facts were computed now, with these prices; live queries learn of it by the change log."""
    params = {"workspace_id": workspace_id, "price_version": price_version}
    await conn.execute(SQL["put_state"], params)
    await conn.execute(SQL["log_change"], params)


async def state(conn: Connection, workspace_id: int) -> State | None:
    """None: nothing was computed yet."""
    row = await (await conn.execute(SQL["state"], {"workspace_id": workspace_id})).fetchone()
    return None if row is None else State(**row)
