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
_READ = {"at_us": pl.Int64(), **{name: type for name, type in schema.FACTS.items() if name != "hour"}}


class State(msgspec.Struct, frozen=True):
    computed_at: datetime
    price_version: str


async def replace(
    conn: Connection, workspace_id: int, hours: Collection[datetime], facts: pl.DataFrame
) -> None:
    """Keep `schema.FACTS` as all that there is of these hours; what is the same is not written."""
    params = {"workspace_id": workspace_id}
    if len(facts):
        await conn.execute(SQL["put_facts"], params | frames.columns(facts))
    keys = frames.columns(facts.select(KEYS))
    await conn.execute(SQL["drop_facts"], params | {"hours": sorted(hours)} | keys)


async def read(
    conn: Connection, workspace_id: int, *, start: datetime, end: datetime, zone: str = "UTC"
) -> pl.DataFrame:
    """`schema.FACTS` from `start` to `end` (exclusive; whole UTC hours: `rollup.span`), so that `rollup.days` of `zone` is right."""
    params = {"workspace_id": workspace_id, "start": start, "end": end}
    told = await frames.read(conn, SQL["facts"], params, _READ)
    hour = pl.from_epoch("at_us", time_unit="us").dt.replace_time_zone("UTC")
    found = told.with_columns(hour=hour).select(list(schema.FACTS))
    cut = rollup.straddling(found["hour"], zone)
    if not cut:
        return found
    quarters = rollup.facts((await rows.counted(conn, workspace_id, cut)).lazy(), every="15m").collect()
    return pl.concat([found.filter(~pl.col("hour").is_in(cut)), quarters])


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
