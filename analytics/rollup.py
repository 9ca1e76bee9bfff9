"""Usage rows -> hourly facts -> days of any zone. Pure and lazy.

Rule: sums add up; percentiles and distinct counts never do, so facts carry durations and sessions one by one, and a day
computes them again. A day belongs to a time zone and has as many hours as it has there (23 and 25, too). A zone whose
offset is no whole hour (+05:30) has its midnight within a UTC hour: such hours (`straddling`) are cut into quarters,
which the caller makes from usage rows by `facts(rows, every="15m")`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from analytics import zones
from analytics.schema import ACTIVITY, DIMENSIONS, FACTS, SUMS, TOKENS, TOOL_FACTS

HOUR = timedelta(hours=1)
_ADDED = ("messages", *TOKENS, "quantity", "tool_calls", "tool_errors")


def facts(rows: pl.LazyFrame, *, every: str = "1h") -> pl.LazyFrame:
    """`schema.USAGE_ROWS` -> `schema.FACTS`: summed by UTC hour (or quarter, `15m`) and dimensions, in no order."""
    paid = pl.col("cost_nano_usd").is_not_null()
    return (
        rows.group_by(pl.col("occurred_at").dt.truncate(every).alias("hour"), *DIMENSIONS)
        .agg(
            *(pl.col(name).sum() for name in _ADDED),
            cost_nano_usd=pl.col("cost_nano_usd").sum(),
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


def days(told: pl.LazyFrame, *, zone: str, by: Sequence[str] = ()) -> pl.LazyFrame:
    """`schema.FACTS` -> a row for each day of `zone` (and each combination of `by`, of `DIMENSIONS`) with something in it.

    Columns: day, by, sessions (distinct, active on that day), `schema.SUMS`, duration_ms_p50 and _p95 (null where no
    message has a duration; linear between neighbours). In the order of day and by.
    """
    keys = ["day", *by]
    dated = told.with_columns(day=pl.col("hour").dt.convert_time_zone(zone).dt.date())
    sums = dated.group_by(keys).agg(
        *(pl.col(name).sum() for name in SUMS),
        sessions=pl.col("session_ids")
        .list.explode(keep_nulls=False, empty_as_null=False)
        .n_unique()
        .cast(pl.Int64),
        durations=pl.col("durations_ms").list.explode(keep_nulls=False, empty_as_null=False),
    )
    return (
        sums.with_columns(
            duration_ms_p50=percentile("durations", 0.5), duration_ms_p95=percentile("durations", 0.95)
        )
        .select(*keys, "sessions", *SUMS, "duration_ms_p50", "duration_ms_p95")
        .sort(keys)
    )


def percentile(column: str, share: float) -> pl.Expr:
    """Of a list of numbers: linear between its neighbours; null of none."""
    return pl.col(column).list.eval(pl.element().quantile(share, "linear")).list.first()


def activity(told: pl.LazyFrame) -> pl.LazyFrame:
    """`schema.FACTS` -> `schema.ACTIVITY`: which session was active in which hour, with what."""
    return (
        told.select("hour", *DIMENSIONS, session_id="session_ids")
        .explode("session_id")
        .drop_nulls("session_id")
        .select(list(ACTIVITY))
        .unique()
    )


def straddling(hours: pl.Series, zone: str) -> list[datetime]:
    """Those of these UTC hours in which a day of `zone` begins at another minute than 0, ascending.

    >>> evening = pl.Series([datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (17, 18, 19)])
    >>> [hour.hour for hour in straddling(evening, "Asia/Kolkata")], straddling(evening, "Europe/Berlin")
    ([18], [])
    """
    if hours.is_empty():
        return []
    there, told = ZoneInfo(zone), set(hours)
    first, last = (zones.day_of(moment, there) for moment in (min(told), max(told)))
    return sorted(told.intersection(zones.cut_hours(first, last, there)))


def span(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """The UTC hours that hold these days of a zone, both included: from, and to (exclusive), whole hours.

    >>> [at.isoformat() for at in span(date(2026, 3, 29), date(2026, 3, 29), "Europe/Berlin")]
    ['2026-03-28T23:00:00+00:00', '2026-03-29T22:00:00+00:00']
    """
    there = ZoneInfo(zone)
    start, end = (
        datetime(day.year, day.month, day.day, tzinfo=there).astimezone(UTC)
        for day in (first, last + timedelta(days=1))
    )
    begin = start.replace(minute=0, second=0, microsecond=0)
    return begin, -((begin - end) // HOUR) * HOUR + begin
