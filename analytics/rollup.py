"""Usage rows -> hourly facts. Pure and lazy; `analytics.reports` makes days of any zone of them.

Rule: sums add up; percentiles and distinct counts never do, so facts carry durations and sessions one by one, and a day
computes them again. A zone whose offset is no whole hour (+05:30) has its midnight within a UTC hour: such hours
(`straddling`) are cut into quarters, which the caller makes from usage rows by `facts(rows, every="15m")`.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from analytics import zones
from analytics.schema import DIMENSIONS, FACTS, TOKENS, TOOL_FACTS
from analytics.sums import summed

_ADDED = ("messages", *TOKENS, "cost_nano_usd", "tool_calls", "tool_errors")


def facts(rows: pl.LazyFrame, *, every: str = "1h") -> pl.LazyFrame:
    """`schema.USAGE_ROWS` -> `schema.FACTS`: summed by UTC hour (or quarter, `15m`) and dimensions, in no order."""
    paid = pl.col("cost_nano_usd").is_not_null()
    return (
        rows.group_by(pl.col("occurred_at").dt.truncate(every).alias("hour"), *DIMENSIONS)
        .agg(
            *map(summed, _ADDED),
            quantity=pl.col("quantity").sum(),
            priced_messages=paid.sum().cast(pl.Int64),
            unpriced_messages=pl.col("unpriced").sum(),
            session_ids=pl.col("session_id").drop_nulls().unique().sort(),
            durations_ms=pl.col("duration_ms").drop_nulls().sort(),
        )
        .select(pl.col(name).cast(type) for name, type in FACTS.items())
    )


def tool_facts(calls: pl.LazyFrame, *, every: str = "1h") -> pl.LazyFrame:
    """`schema.TOOL_CALLS` -> `schema.TOOL_FACTS`: a result counts in its own hour, in no order."""
    at = pl.from_epoch("at_us", time_unit="us").dt.replace_time_zone("UTC").dt.truncate(every)
    return (
        calls.group_by(at.alias("hour"), "source", "project", "user_id", "tool")
        .agg(
            pl.col("calls").sum(),
            pl.col("errors").sum(),
            session_ids=pl.col("session_id").drop_nulls().unique().sort(),
            durations_ms=pl.col("duration_ms").drop_nulls().sort(),
        )
        .select(pl.col(name).cast(type) for name, type in TOOL_FACTS.items())
    )


def straddling(hours: pl.Series, zone: str) -> list[datetime]:
    """Those of these UTC hours in which a day of `zone` begins at another minute than 0, ascending.

    >>> from datetime import UTC
    >>> evening = pl.Series([datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (17, 18, 19)])
    >>> [hour.hour for hour in straddling(evening, "Asia/Kolkata")], straddling(evening, "Europe/Berlin")
    ([18], [])
    """
    if hours.is_empty():
        return []
    there, told = ZoneInfo(zone), set(hours)
    first, last = (zones.day_of(moment, there) for moment in (min(told), max(told)))
    return sorted(told.intersection(zones.cut_hours(first, last, there)))
