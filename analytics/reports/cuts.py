"""Figures of a day or of any other cut of the facts: the one place where sums, distinct counts and percentiles are made.

Rule: sums add up; sessions and percentiles do not, and are made of the single sessions and durations that the facts
hold. docs/metrics.md defines each figure.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analytics.schema import SUMS, TOKENS
from analytics.sums import summed

FIGURES: tuple[str, ...] = (
    "sessions", "messages", *TOKENS, "total_tokens", "cost_nano_usd", "unpriced_messages",
    "duration_ms_p50", "duration_ms_p95", "tool_calls", "tool_errors", "quantity",
)  # fmt: skip
"""The columns of a cut, after those that it is cut by."""


def cut(facts: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """One row for each combination of `by` that occurs; without `by` one row, also of no facts.

    Columns: `by`, then `FIGURES`. Percentiles are null where no duration is known. No order of rows.
    """
    grouped = facts.group_by(list(by)).agg(sums()) if by else facts.select(sums())
    return grouped.select(*by, *FIGURES)


def sums() -> list[pl.Expr]:
    """What is told of a group of facts."""
    durations = pl.col("durations_ms").explode(empty_as_null=False, keep_nulls=False)
    return [
        pl.col("session_ids").explode(empty_as_null=False, keep_nulls=False).n_unique().cast(pl.Int64).alias("sessions"),
        *(summed(name) for name in SUMS if name not in ("priced_messages", "quantity")),
        pl.col("quantity").sum(),
        pl.sum_horizontal(map(summed, TOKENS)).alias("total_tokens"),
        percentile(durations, 0.5).alias("duration_ms_p50"),
        percentile(durations, 0.95).alias("duration_ms_p95"),
    ]  # fmt: skip


def percentile(values: pl.Expr, share: float) -> pl.Expr:
    """In whole milliseconds, between the two nearest values where none is hit, as Postgres' `percentile_cont`."""
    return values.quantile(share, interpolation="linear").round(mode="half_away_from_zero").cast(pl.Int64)


def with_shares(cuts: pl.DataFrame) -> pl.DataFrame:
    """Rows with their parts of the sum of all rows (null where that is 0), and what the cache gave of their input."""
    given = pl.col("input_tokens") + pl.col("cache_read_tokens") + pl.col("cache_write_tokens")
    return cuts.with_columns(
        share(pl.col("cache_read_tokens"), given).alias("cache_hit_share"),
        share(pl.col("total_tokens"), pl.col("total_tokens").sum()).alias("token_share"),
        share(pl.col("cost_nano_usd"), pl.col("cost_nano_usd").sum()).alias("cost_share"),
    )


def share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole)
