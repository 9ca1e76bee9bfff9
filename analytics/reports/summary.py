"""A range in figures, and where the month of today is going."""

from __future__ import annotations

from datetime import date, tzinfo
from typing import NamedTuple

import polars as pl

from analytics import zones
from analytics.reports import projection
from analytics.reports.cuts import cut, with_shares
from analytics.reports.projection import BurnRate, Projection, Used


class Summary(NamedTuple):
    figures: pl.DataFrame
    """One row, as of `cuts.with_shares`."""
    active_days: int
    active_hours: int


def summary(facts: pl.DataFrame, *, first: date, last: date, zone: tzinfo) -> Summary:
    """The whole range as one cut."""
    placed = zones.with_day(facts, "hour", first=first, last=last, zone=zone)
    active = placed.filter(pl.col("messages") > 0)
    return Summary(
        figures=with_shares(cut(placed)).drop("quantity"),
        active_days=active["day"].n_unique(),
        active_hours=active["hour"].dt.truncate("1h").n_unique(),
    )


def outlook_from(today: date) -> date:
    """The first day of which `outlook` needs the facts."""
    return min(today.replace(day=1), today - projection.RATE_DAYS * zones.DAY)


def outlook(
    facts: pl.DataFrame, *, today: date, zone: tzinfo, first_day: date | None
) -> tuple[BurnRate | None, Projection | None]:
    """How fast it burns and what the month may come to, of the facts from `outlook_from(today)` on.

    `first_day`: of the first message or usage of all; days before it do not count.
    """
    placed = zones.with_day(facts, "hour", first=outlook_from(today), last=today, zone=zone)
    hours = placed.filter(pl.col("messages") > 0).group_by("day").agg(
        pl.col("hour").dt.truncate("1h").n_unique().cast(pl.Int64).alias("active_hours")
    )  # fmt: skip
    days = cut(placed, ["day"]).join(hours, on="day", how="left").fill_null(0)
    used = {
        row["day"]: Used(row["total_tokens"], row["cost_nano_usd"], row["active_hours"])
        for row in days.iter_rows(named=True)
    }
    return (
        projection.burn_rate(used, today=today, first_day=first_day),
        projection.projection(used, today=today, first_day=first_day),
    )
