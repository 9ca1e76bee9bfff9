"""What was used by model, project, source or any other name, the costliest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, tzinfo

import polars as pl

from analytics import zones
from analytics.reports.cuts import cut, with_shares


def ranking(facts: pl.DataFrame, by: Sequence[str], *, first: date, last: date, zone: tzinfo) -> pl.DataFrame:
    """A row for each combination of `by` in the range: the figures of a cut, shares, and its first and last day.

    In order of cost, then tokens, then messages, then names. Columns: as `with_shares`, `first_day`, `last_day`.
    """
    placed = zones.with_day(facts, "hour", first=first, last=last, zone=zone)
    days = placed.group_by(by).agg(
        pl.col("day").min().alias("first_day"), pl.col("day").max().alias("last_day")
    )
    rows = with_shares(cut(placed, by)).join(days, on=list(by))
    falling = ["cost_nano_usd", "total_tokens", "messages"]
    return rows.sort(*falling, *by, descending=[True] * len(falling) + [False] * len(by))
