"""Figures by day, worked out by hand: sums, distinct sessions, percentiles, gaps, and days of 23, 24 and 25 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from statistics import quantiles
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from usage_rows import Row, facts, row, told

from analytics import zones
from analytics.reports.cuts import cut
from analytics.reports.daily import count, daily
from analytics.reports.heatmap import heatmap

MAY_4, MAY_5, MAY_6 = date(2026, 5, 4), date(2026, 5, 5), date(2026, 5, 6)
NEW_YORK, BERLIN, KATHMANDU = map(ZoneInfo, ("America/New_York", "Europe/Berlin", "Asia/Kathmandu"))


def test_it_sums_a_day() -> None:
    """Sums add up, unknown costs are left out and counted, a percentile lies between its neighbours."""
    rows = [
        row(
            "2026-05-04T08:00", input_tokens=10, cache_read_tokens=100, cost_nano_usd=2_500_000, duration_ms=1
        ),
        row(
            "2026-05-04T08:59", cache_write_tokens=7, output_tokens=3, unpriced=1, duration_ms=2, tool_calls=2
        ),
        row("2026-05-04T23:59", session_id=2, cost_nano_usd=1_000_000, duration_ms=10, tool_errors=1),
    ]
    (day,) = daily(facts(rows), first=MAY_4, last=MAY_4, zone=UTC).to_dicts()
    assert day == {
        "day": MAY_4, "sessions": 2, "messages": 3, "input_tokens": 10, "cache_read_tokens": 100, "cache_write_tokens": 7,
        "output_tokens": 3, "total_tokens": 120, "cost_nano_usd": 3_500_000, "unpriced_messages": 1, "duration_ms_p50": 2,
        "duration_ms_p95": 9, "tool_calls": 2, "tool_errors": 1, "quantity": 0.0,
    }  # fmt: skip


def test_it_counts_a_session_on_each_day_on_which_it_was_active() -> None:
    """A session that goes past midnight is in both days, and once in the range."""
    made = facts([row("2026-05-04T23:50"), row("2026-05-05T00:10"), row("2026-05-05T00:20")])
    days = daily(made, first=MAY_4, last=MAY_5, zone=UTC)
    assert told(days, "sessions", "messages") == [(1, 1), (1, 2)]
    assert told(cut(made), "sessions", "messages") == [(1, 3)]


def test_it_leaves_no_gap() -> None:
    """Days on which nothing happened are there, with zeros and no percentiles; what lies outside of the range is not."""
    made = facts([row("2026-05-03T23:59"), row("2026-05-05T12:00", duration_ms=5), row("2026-05-07T00:00")])
    days = daily(made, first=MAY_4, last=MAY_6, zone=UTC)
    assert told(days, "day", "messages", "duration_ms_p50") == [
        (MAY_4, 0, None),
        (MAY_5, 1, 5),
        (MAY_6, 0, None),
    ]


def test_it_fills_each_combination_of_names() -> None:
    """Cut by names, every combination that occurs has every day; where none occurs a day has one row without names."""
    made = facts([row("2026-05-04", source="pi", model="a"), row("2026-05-05", source="aider", model="b")])
    days = daily(made, first=MAY_4, last=MAY_5, zone=UTC, by=["source", "model"])
    assert told(days, "day", "source", "model", "messages") == [
        (MAY_4, "aider", "b", 0), (MAY_4, "pi", "a", 1), (MAY_5, "aider", "b", 1), (MAY_5, "pi", "a", 0),
    ]  # fmt: skip
    assert count(made, first=MAY_4, last=MAY_5, by=["source", "model"], per="day") == 4
    empty = daily(made, first=MAY_6, last=MAY_6, zone=UTC, by=["source"])
    assert told(empty, "day", "source", "messages") == [(MAY_6, None, 0)]


def test_it_gathers_days_into_weeks_and_months() -> None:
    """A week begins on Monday, a month on its first; sessions of a week are counted anew, not added."""
    made = facts([row("2026-05-03T12:00"), row("2026-05-04T12:00"), row("2026-05-06T12:00")])
    weeks = daily(made, first=date(2026, 5, 1), last=MAY_6, zone=UTC, per="week")
    assert told(weeks, "day", "sessions", "messages") == [(date(2026, 4, 27), 1, 1), (MAY_4, 1, 2)]
    months = daily(made, first=date(2026, 4, 30), last=MAY_6, zone=UTC, per="month")
    assert told(months, "day", "messages") == [(date(2026, 4, 1), 0), (date(2026, 5, 1), 3)]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (NEW_YORK, date(2026, 3, 8), 23),
        (NEW_YORK, date(2026, 11, 1), 25),
        (BERLIN, date(2026, 3, 29), 23),
        (BERLIN, date(2026, 10, 25), 25),
        (ZoneInfo("Africa/Cairo"), date(2026, 4, 24), 23),  # clocks go forward at midnight itself
        (ZoneInfo("Pacific/Apia"), date(2011, 12, 30), 0),  # never was
        (KATHMANDU, date(2026, 5, 4), 24),
    ],
    ids=str,
)  # fmt: skip
def test_it_gives_a_day_its_hours(zone: ZoneInfo, day: date, hours: int) -> None:
    """A message in each quarter of an hour around a day: the day has those of its own hours, its neighbours the rest."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=40)
    quarters = [row(begin + n * timedelta(minutes=15)) for n in range(4 * 104)]
    every = "15m" if zone is KATHMANDU else "1h"
    days = daily(facts(quarters, every=every), first=day, last=day, zone=zone)
    assert told(days, "messages") == [(4 * hours,)]


def test_it_cuts_hours_only_where_midnight_does() -> None:
    """In Kathmandu a day begins at 18:15 UTC, within an hour; in Berlin no hour is cut."""
    assert [f"{at:%d %H}" for at in zones.cut_hours(MAY_4, MAY_4, KATHMANDU)] == ["03 18", "04 18"]
    assert zones.cut_hours(MAY_4, MAY_4, BERLIN) == []
    made = facts([row("2026-05-03T18:14"), row("2026-05-03T18:15")], every="15m")
    days = daily(made, first=date(2026, 5, 3), last=MAY_4, zone=KATHMANDU)
    assert told(days, "messages") == [(1,), (1,)]


def test_it_draws_the_week_by_the_clock_of_the_zone() -> None:
    """All 168 cells; the hour that comes twice is one cell, and a half-hour zone counts an hour where it begins."""
    both = facts([row("2026-11-01T05:30", output_tokens=1), row("2026-11-01T06:30", output_tokens=2)])
    cells = heatmap(both, first=date(2026, 11, 1), last=date(2026, 11, 1), zone=NEW_YORK)
    assert told(cells, "weekday", "clock") == [(day, hour) for day in range(1, 8) for hour in range(24)]
    busy = cells.filter(pl.col("messages") > 0)
    assert told(busy, "weekday", "clock", "messages", "total_tokens") == [(7, 1, 2, 3)]
    early = heatmap(facts([row("2026-05-04T06:50")]), first=MAY_4, last=MAY_4, zone=KATHMANDU)
    assert told(early.filter(pl.col("messages") > 0), "weekday", "clock") == [(1, 11)]  # it is 12:35 there


MOMENTS = st.datetimes(datetime(2026, 3, 6), datetime(2026, 3, 31), timezones=st.just(UTC))
ROWS = st.lists(
    st.builds(
        row, MOMENTS, session_id=st.integers(1, 3), model=st.sampled_from(["a", "b", ""]),
        output_tokens=st.integers(0, 9), duration_ms=st.none() | st.integers(0, 100),
    ),
    max_size=40,
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, zone=st.sampled_from([UTC, NEW_YORK, BERLIN, KATHMANDU, ZoneInfo("Australia/Lord_Howe")]))
def test_it_agrees_with_the_calendar(rows: list[Row], zone: ZoneInfo) -> None:
    """Of any messages in any zone: each day has those whose local date it is, with their sums, sessions and percentiles."""
    first, last = date(2026, 3, 5), date(2026, 4, 1)
    days = daily(facts(rows, every="15m"), first=first, last=last, zone=zone, by=["model"])
    found = {(day["day"], day["model"]): day for day in days.to_dicts() if day["messages"]}
    groups: dict[tuple[date, str], list[Row]] = {}
    for each in rows:
        groups.setdefault((each["occurred_at"].astimezone(zone).date(), each["model"]), []).append(each)
    assert set(found) == set(groups)
    for key, group in groups.items():
        assert found[key]["messages"] == len(group)
        assert found[key]["output_tokens"] == sum(each["output_tokens"] for each in group)
        assert found[key]["sessions"] == len({each["session_id"] for each in group})
        assert found[key]["duration_ms_p50"] == middle([each["duration_ms"] for each in group])


def middle(durations: list[int | None]) -> int | None:
    """The median, halves rounded away from 0."""
    known = [each for each in durations if each is not None]
    if not known:
        return None
    median = quantiles(known * 2 if len(known) == 1 else known, n=2, method="inclusive")[0]
    return int(median + 0.5)
