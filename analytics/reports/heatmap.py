"""When agents work: by weekday and hour of the day."""

from __future__ import annotations

from datetime import date, tzinfo

import polars as pl

from analytics import zones
from analytics.reports.cuts import cut

SHOWN = ("messages", "total_tokens", "cost_nano_usd")
WEEK = pl.DataFrame(
    {"weekday": [day for day in range(1, 8) for _ in range(24)], "clock": [*range(24)] * 7},
    schema={"weekday": pl.Int8, "clock": pl.Int8},
)


def heatmap(facts: pl.DataFrame, *, first: date, last: date, zone: tzinfo) -> pl.DataFrame:
    """All 168 cells in order: `weekday` (1 Monday), `clock` (0 to 23), `messages`, `total_tokens`, `cost_nano_usd`."""
    placed = zones.with_day(facts, "hour", first=first, last=last, zone=zone)
    cells = cut(zones.with_clock(placed, "hour", zone), ["weekday", "clock"]).select(
        "weekday", "clock", *SHOWN
    )
    return WEEK.join(cells, on=["weekday", "clock"], how="left").fill_null(0).sort("weekday", "clock")
