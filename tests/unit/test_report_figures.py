"""Figures of a range, worked out by hand: rankings, the summary, what is ahead, streaks, sessions, tools, files."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from usage_rows import facts, row, told

from analytics import schema
from analytics.reports.projection import Used, burn_rate, projection
from analytics.reports.ranking import ranking
from analytics.reports.sessions import SESSIONS, archetypes, costliest, longest
from analytics.reports.streaks import streaks
from analytics.reports.summary import outlook, summary
from analytics.reports.tools import tools
from service.api.usage import examples
from service.reporting import bodies, files
from service.reporting.question import Question

MAY_4, MAY_5 = date(2026, 5, 4), date(2026, 5, 5)
RANGE: dict[str, Any] = {"first": MAY_4, "last": MAY_5, "zone": UTC}


def test_it_ranks_by_cost_then_tokens_then_messages() -> None:
    """The costliest first, with its part of all and the first and last day on which it was used."""
    made = facts([
        row("2026-05-04", model="b", output_tokens=56, cost_nano_usd=1),
        row("2026-05-05", model="b", input_tokens=10, cache_read_tokens=20, cache_write_tokens=10, cost_nano_usd=2),
        row("2026-05-05", model="a", output_tokens=16, cost_nano_usd=1),
        row("2026-05-04", model="c", output_tokens=16, unpriced=1),
        row("2026-05-04", model="d"), row("2026-05-04", model="d", messages=0), row("2026-05-04", model="e"),
    ])  # fmt: skip
    ranked = ranking(made, ["model"], **RANGE)
    assert told(ranked, "model", "token_share", "cost_share", "cache_hit_share", "first_day", "last_day") == [
        ("b", 0.75, 0.75, 0.5, MAY_4, MAY_5),
        ("a", 0.125, 0.25, None, MAY_5, MAY_5),
        ("c", 0.125, 0.0, None, MAY_4, MAY_4),
        ("d", 0.0, 0.0, None, MAY_4, MAY_4),
        ("e", 0.0, 0.0, None, MAY_4, MAY_4),
    ]


def test_it_sums_a_range() -> None:
    """Active days and hours are those with a message: a record of a service is none."""
    made = facts([
        row("2026-05-04T08:10", cost_nano_usd=5), row("2026-05-04T08:50", session_id=2), row("2026-05-04T09:00"),
        row("2026-05-05T10:00", messages=0, service="sandbox", metric="seconds", quantity=3.0, cost_nano_usd=7),
    ])  # fmt: skip
    found = summary(made, **RANGE)
    assert (found.active_days, found.active_hours) == (1, 2)
    assert told(found.figures, "sessions", "messages", "cost_nano_usd") == [(2, 3, 12)]
    assert summary(made.clear(), **RANGE).figures["token_share"].to_list() == [None]


def test_it_tells_how_fast_it_burns() -> None:
    """The mean of the seven complete days before today, of fewer where the first of all is later; today counts in none."""
    used = {date(2026, 5, day): Used(tokens=70, cost_nano=700, active_hours=2) for day in (1, 4, 9, 12)}
    rate = burn_rate(used, today=date(2026, 5, 12), first_day=date(2026, 1, 1))
    assert rate == (7, 70, 700, 2)
    assert burn_rate(used, today=date(2026, 5, 12), first_day=date(2026, 5, 9)) == (3, 70, 700, 2)
    assert burn_rate(used, today=date(2026, 5, 12), first_day=date(2026, 5, 12)) is None
    assert burn_rate({}, today=date(2026, 5, 12), first_day=None) is None


def test_it_projects_the_month() -> None:
    """So far, what is missing to the rate today, and the rate for each day that is left; low and high by single days."""
    made = facts([
        row("2026-05-20T10:00", cost_nano_usd=40, output_tokens=4), row("2026-05-26T10:00", cost_nano_usd=300, output_tokens=30),
        row("2026-05-28T23:00", cost_nano_usd=50, output_tokens=5), row("2026-05-29T01:00", cost_nano_usd=20, output_tokens=2),
    ])  # fmt: skip
    burn, month = outlook(made, today=date(2026, 5, 29), zone=UTC, first_day=date(2026, 5, 1))
    assert burn == (7, 35, 350, 2)  # of 22 to 28: 300 and 50
    assert month is not None
    assert month.cost_nano_so_far == 410
    assert month.cost_nano == 410 + 30 + 2 * 50  # today lacks 30 to the rate of 50; two days are left
    assert month.cost_nano_low == 410
    assert month.cost_nano_high == 410 + 280 + 2 * 300
    assert (month.tokens_so_far, month.tokens) == (41, 41 + 3 + 2 * 5)
    last = projection({MAY_4: Used(0, 9, 1)}, today=date(2026, 5, 31), first_day=MAY_4)
    assert last is not None
    assert last.cost_nano == 9


def test_it_finds_streaks() -> None:
    """The current one ends today or yesterday; of longest ones the last counts; no days make none."""
    days = [date(2026, 4, 29), date(2026, 4, 30), date(2026, 5, 1), date(2026, 5, 3), MAY_4, MAY_5]
    found = streaks([*days, MAY_4], today=MAY_5)
    assert (found.current, found.longest) == ((date(2026, 5, 3), MAY_5), (date(2026, 5, 3), MAY_5))
    assert found.active_days == 6
    assert streaks(days, today=date(2026, 5, 6)).current == (date(2026, 5, 3), MAY_5)
    assert streaks(days, today=date(2026, 5, 7)).current is None
    assert streaks([], today=MAY_5) == (None, None, 0)


def sessions(*told: dict[str, Any]) -> pl.DataFrame:
    absent = dict.fromkeys(SESSIONS, 0) | {"messages": 50, "active_hours": 1, "tool_calls": 10}
    rows = [absent | {"session_id": number} | each for number, each in enumerate(told, start=1)]
    return pl.DataFrame(rows, schema=SESSIONS)


@pytest.mark.parametrize(
    ("kind", "session"),
    [
        ("chat", {"tool_calls": 0, "messages": 900}),
        ("marathon", {"active_hours": 6}),
        ("marathon", {"messages": 500}),
        ("bumpy", {"tool_calls": 25, "tool_errors": 5, "messages": 19}),
        ("quick", {"tool_calls": 26, "tool_errors": 5, "messages": 19}),
        ("quick", {"tool_calls": 4, "tool_errors": 4, "messages": 19}),
        ("steady", {"messages": 20}),
    ],
)
def test_it_tells_kinds_of_sessions_apart(kind: str, session: dict[str, Any]) -> None:
    """Each session is of the first kind that fits; the borders are those of docs/metrics.md."""
    assert {name: count for name, count in archetypes(sessions(session)).items() if count} == {kind: 1}


def test_it_counts_no_kind_of_a_session_without_messages() -> None:
    """What only records or totals tell of is a session with costs, and of no kind."""
    found = sessions({"messages": 0, "cost_nano_usd": 5}, {"output_tokens": 3}, {"output_tokens": 4})
    assert sum(archetypes(found).values()) == 2
    assert told(costliest(found), "session_id", "archetype") == [(1, None), (3, "steady"), (2, "steady")]


def test_it_finds_the_longest_session() -> None:
    """The most time between its first and last message; then more messages; none of no sessions."""
    spans = [
        {"first_ms": 0, "last_ms": 60},
        {"first_ms": 10, "last_ms": 80},
        {"first_ms": 30, "last_ms": 100, "messages": 51},
    ]
    found = longest(sessions(*spans))
    assert found is not None
    assert (found["session_id"], found["span_ms"]) == (3, 70)
    assert longest(sessions({"messages": 0, "last_ms": 5})) is None


def test_it_counts_tools() -> None:
    """Calls, errors, distinct sessions; time in sum and as percentiles; null where no call has a time."""
    told_of = {"source": "pi", "project": "p", "user_id": 1}
    made = pl.DataFrame(
        [
            {"hour": datetime(2026, 5, 4, 8, tzinfo=UTC), "tool": "Bash", "calls": 3, "errors": 1, "session_ids": [1, 2], "durations_ms": [10, 30], **told_of},
            {"hour": datetime(2026, 5, 5, 8, tzinfo=UTC), "tool": "Bash", "calls": 1, "errors": 0, "session_ids": [2], "durations_ms": [20], **told_of},
            {"hour": datetime(2026, 5, 5, 8, tzinfo=UTC), "tool": "Read", "calls": 1, "errors": 0, "session_ids": [3], "durations_ms": [], **told_of},
            {"hour": datetime(2026, 5, 6, 0, tzinfo=UTC), "tool": "Read", "calls": 9, "errors": 9, "session_ids": [3], "durations_ms": [], **told_of},
        ],
        schema=schema.TOOL_FACTS,
    )  # fmt: skip
    columns = ("calls", "errors", "error_share", "sessions", "time_ms", "time_ms_p50", "time_ms_p95")
    assert told(tools(made, **RANGE), "tool", *columns) == [
        ("Bash", 4, 1, 0.25, 2, 60, 20, 29), ("Read", 1, 0, 0.0, 1, None, None, None),
    ]  # fmt: skip
    assert told(tools(made, **RANGE, by=()), *columns) == [(5, 1, 0.2, 3, 60, 20, 29)]
    assert told(tools(made.clear(), **RANGE, by=()), *columns) == [(0, 0, None, 0, None, None, None)]


BODIES = [
    (examples.DAILY, bodies.UsageDaily), (examples.SUMMARY, bodies.UsageSummary), (examples.MODELS, bodies.UsageModels),
    (examples.PROJECTS, bodies.UsageProjects), (examples.SOURCES, bodies.UsageSources),
    (examples.SESSIONS, bodies.UsageSessions), (examples.TOOLS, bodies.UsageTools), (examples.HEATMAP, bodies.UsageHeatmap),
    (examples.STREAKS, bodies.UsageStreaks), (examples.WRAPPED, bodies.Wrapped),
]  # fmt: skip


@pytest.mark.parametrize(("example", "type"), BODIES, ids=lambda value: getattr(value, "__name__", ""))
def test_it_shows_examples_that_are_answers(example: dict[str, Any], type: type[Any]) -> None:
    """An example of /schema holds what its struct holds, and nothing else."""
    assert json.loads(msgspec.json.encode(msgspec.convert(example, type))) == example


def test_it_shows_a_day_in_the_docs() -> None:
    """The day of docs/api.md is the example of /schema."""
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    shown = next(block for block in page.split("```json\n")[1:] if '"days"' in block).split("```")[0]
    day = examples.DAILY | {"to": "2026-01-31", "days": examples.DAILY["days"][:1]}
    assert json.loads(shown) == day


@pytest.mark.parametrize("format", ["csv", "parquet", "json"])
def test_it_writes_the_same_days_in_every_form(format: files.Format) -> None:
    """A file has a row a day with the columns of the answer; a name that a spreadsheet would run is harmless in CSV."""
    days = [
        {"day": "2026-05-04", "model": "=cmd()", **examples.FIGURES},
        {"day": "2026-05-05", **examples.NOTHING},
    ]
    body = msgspec.convert({**examples.RANGE, "days": days}, bodies.UsageDaily)
    question = Question(first=MAY_4, last=MAY_5, today=MAY_5, zone=UTC, by=("model",))
    written = b"".join(files.pieces(body, question, format))
    if format == "json":
        assert json.loads(written)["days"] == days
        return
    if format == "parquet":
        rows = pl.read_parquet(io.BytesIO(written)).to_dicts()
        assert [each["model"] for each in rows] == ["=cmd()", None]
    else:
        rows = list(csv.DictReader(io.StringIO(written.decode())))
        assert [each["model"] for each in rows] == ["'=cmd()", ""]
    assert list(rows[0]) == ["day", "model", *examples.FIGURES]
    assert [float(each["costUsd"]) for each in rows] == [3.054908, 0]
    assert [int(each["totalTokens"]) for each in rows] == [5381350, 0]
