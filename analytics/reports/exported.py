"""The exported days again: what a file of /api/usage/export, or rows of /api/usage/daily, add up to.

Rule: columns keep the API's names. What is a sum adds up; `sessions` and percentiles do not, and are left out of every
sum: ask the API for them in the cut that you want.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from analytics.reports.cuts import share
from analytics.reports.projection import Used

SUMMED = (
    "messages", "inputTokens", "cacheReadTokens", "cacheWriteTokens", "outputTokens", "totalTokens", "costUsd",
    "unpricedMessages", "toolCalls", "toolErrors",
)  # fmt: skip


def summed(days: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """A row for each combination of `by` (one without), the costliest first; with `cacheHitShare` (null where nothing was given)."""
    sums = [pl.col(name).sum() for name in SUMMED]
    told = days.group_by(list(by)).agg(sums) if by else days.select(sums)
    given = pl.col("inputTokens") + pl.col("cacheReadTokens") + pl.col("cacheWriteTokens")
    falling = ["costUsd", "totalTokens", "messages"]
    return told.with_columns(share(pl.col("cacheReadTokens"), given).alias("cacheHitShare")).sort(
        *falling, *by, descending=[True] * len(falling) + [False] * len(by)
    )


def by_day(days: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """`summed` by day and `by`, in the order of days."""
    return summed(days, ["day", *by]).sort("day", *by)


def used(days: pl.DataFrame) -> dict[date, Used]:
    """What each day used, for `projection.burn_rate` and `projection.projection`; active hours stand in no export."""
    return {
        row["day"]: Used(tokens=row["totalTokens"], cost_nano=round(row["costUsd"] * 10**9))
        for row in by_day(days).iter_rows(named=True)
    }


def first_used(days: pl.DataFrame) -> date | None:
    """The first day with a message or with usage."""
    busy = days.filter((pl.col("messages") > 0) | (pl.col("totalTokens") > 0))
    return None if busy.is_empty() else busy["day"].min()  # type: ignore[return-value]  # a column of dates


def last_days(days: pl.DataFrame, number: int) -> pl.DataFrame:
    """The rows of the last `number` days of the frame."""
    return days.filter(pl.col("day") > pl.col("day").max() - pl.duration(days=number))
