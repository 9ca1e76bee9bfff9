"""Which tools were called, how often that failed, and how long it took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, tzinfo

import polars as pl

from analytics import zones
from analytics.reports.cuts import percentile, share


def tools(
    tool_facts: pl.DataFrame, *, first: date, last: date, zone: tzinfo, by: Sequence[str] = ("tool",)
) -> pl.DataFrame:
    """A row a tool in the range, the one called most first; without `by` one row of all.

    Columns: `by`, `calls`, `errors`, `error_share` (null without calls), `sessions`, `time_ms` and its percentiles
    `time_ms_p50`, `time_ms_p95` (null where no call has a time).
    """
    placed = zones.with_day(tool_facts, "hour", first=first, last=last, zone=zone)
    if not by:
        return placed.select(sums())
    return placed.group_by(by).agg(sums()).sort("calls", *by, descending=[True] + [False] * len(by))


def sums() -> list[pl.Expr]:
    durations = pl.col("durations_ms").explode(empty_as_null=False, keep_nulls=False)
    sessions = pl.col("session_ids").explode(empty_as_null=False, keep_nulls=False)
    return [
        pl.col("calls").sum(),
        pl.col("errors").sum(),
        share(pl.col("errors").sum(), pl.col("calls").sum()).alias("error_share"),
        sessions.n_unique().cast(pl.Int64).alias("sessions"),
        pl.when(durations.len() > 0).then(durations.sum()).alias("time_ms"),
        percentile(durations, 0.5).alias("time_ms_p50"),
        percentile(durations, 0.95).alias("time_ms_p95"),
    ]
