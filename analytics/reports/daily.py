"""Figures by day, week or month, every one of the range present."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, tzinfo
from typing import Literal

import polars as pl

from analytics import zones
from analytics.reports.cuts import FIGURES, cut

Per = Literal["day", "week", "month"]
LENGTHS: dict[Per, str] = {"day": "1d", "week": "1w", "month": "1mo"}
SUMMED = [name for name in FIGURES if not name.startswith("duration_ms")]


def daily(
    facts: pl.DataFrame, *, first: date, last: date, zone: tzinfo, by: Sequence[str] = (), per: Per = "day"
) -> pl.DataFrame:
    """A row for each day of the range and each combination of `by` that occurs in it, in their order.

    `per`: a row a week (Monday) or month instead, dated with its first day; of the first and the last only what lies in
    the range. Columns: `day`, `by`, `FIGURES`; where nothing happened sums are 0 and percentiles null. Of a range without
    facts each day has one row, with null for `by`.
    """
    placed = zones.with_day(facts, "hour", first=first, last=last, zone=zone)
    dated = placed.with_columns(pl.col("day").dt.truncate(LENGTHS[per]))
    days = calendar(first, last, per)
    groups = dated.select(by).unique() if by else pl.DataFrame(height=1)
    if by and groups.is_empty():
        groups = pl.DataFrame({name: [None] for name in by}, schema={name: facts.schema[name] for name in by})
    rows = days.join(groups, how="cross") if by else days
    filled = rows.join(cut(dated, ["day", *by]), on=["day", *by], how="left")
    return filled.with_columns(pl.col(SUMMED).fill_null(0)).sort("day", *by)


def calendar(first: date, last: date, per: Per) -> pl.DataFrame:
    """The days of a range, or the first days of its weeks or months, as `day`.

    >>> calendar(date(2026, 5, 1), date(2026, 5, 5), "week")["day"].to_list()
    [datetime.date(2026, 4, 27), datetime.date(2026, 5, 4)]
    """
    days = pl.date_range(first, last, "1d", eager=True).dt.truncate(LENGTHS[per])
    return days.unique().sort().to_frame("day")


def count(facts: pl.DataFrame, *, first: date, last: date, by: Sequence[str], per: Per) -> int:
    """How many rows `daily` gives of these facts, which all lie in the range."""
    groups = facts.select(by).n_unique() if by else 1
    return calendar(first, last, per).height * max(1, groups)
