"""From usage rows by hourly facts to days: what is computed again, and hours that a midnight cuts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import rollup, schema
from analytics.reports.daily import daily


def rows(*told: dict[str, Any]) -> pl.LazyFrame:
    plain = {name: "" if type == pl.String else 0 for name, type in schema.USAGE_ROWS.items()} | {
        "messages": 1
    }
    absent = {"session_id": None, "cost_nano_usd": None, "duration_ms": None}
    return pl.LazyFrame([plain | absent | each for each in told], schema=schema.USAGE_ROWS)


def days(facts: pl.DataFrame, zone: str, by: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The days on which something was done."""
    found = daily(facts, first=date(2025, 12, 1), last=date(2026, 6, 1), zone=ZoneInfo(zone), by=by)
    return found.filter(pl.col("messages") > 0).to_dicts()


def test_it_counts_a_session_on_each_day_on_which_it_was_active() -> None:
    """Once a day, however many hours and models; not twice where two combinations are asked as one."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    told = rows(
        *({"occurred_at": noon + timedelta(hours=h), "session_id": 7, "model": m} for h in (0, 1, 24) for m in "ab"),
        {"occurred_at": noon, "session_id": 8, "model": "a"},
        {"occurred_at": noon, "service": "sandbox"},
    )  # fmt: skip
    facts = rollup.facts(told).collect()
    assert [each["sessions"] for each in days(facts, "UTC")] == [2, 1]
    by_model = [(each["model"], each["sessions"]) for each in days(facts, "UTC", by=["model"])]
    assert by_model == [("", 0), ("a", 2), ("b", 1), ("a", 1), ("b", 1)]


def test_it_computes_percentiles_of_the_day_again() -> None:
    """Of all durations, not of the hours' percentiles."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    durations = [1] * 10 + [100]
    told = rows(
        *({"occurred_at": start, "duration_ms": each} for each in durations),
        {"occurred_at": start + timedelta(hours=3), "duration_ms": 1000},
        {"occurred_at": start + timedelta(days=1)},
    )
    first, second = days(rollup.facts(told).collect(), "UTC")
    assert (first["duration_ms_p50"], first["duration_ms_p95"]) == (1, pytest.approx(505))
    assert (second["duration_ms_p50"], second["duration_ms_p95"]) == (None, None)


@given(
    st.lists(st.integers(0, 40 * 96), max_size=30),
    st.sampled_from(
        ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Europe/Berlin", "UTC"]
    ),
)
def test_it_puts_every_quarter_of_an_hour_on_its_day(quarters: list[int], zone: str) -> None:
    """With the hours in which a day begins cut into quarters, days hold what a calendar says, in zones of half hours too."""
    start = datetime(2026, 3, 20, tzinfo=UTC)
    told = rows(*({"occurred_at": start + timedelta(minutes=15 * n)} for n in quarters))
    facts = rollup.facts(told).collect()
    cut = rollup.straddling(facts["hour"], zone)
    hour = pl.col("occurred_at").dt.truncate("1h")
    whole = facts.filter(~pl.col("hour").is_in(cut))
    mended = pl.concat([whole, rollup.facts(told.filter(hour.is_in(cut)), every="15m").collect()])
    expected = told.group_by(day=pl.col("occurred_at").dt.convert_time_zone(zone).dt.date()).len().collect()
    found = {each["day"]: each["messages"] for each in days(mended, zone)}
    assert found == dict(expected.iter_rows())
