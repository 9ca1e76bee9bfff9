"""The reports: many questions of one kind in, a body for each out, in their order, all of one moment.

Rule: SQL first, within the caller's transaction; then frames, in a thread, so that the event loop goes on. The answer
of a question is a pure function of what was read. A question that asks for more rows than `MOST_ROWS` gets a
`RequestError` in its place, and spoils no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, tzinfo
from typing import Any, TypeVar

import polars as pl

from analytics import zones
from analytics.reports import daily as days
from analytics.reports import heatmap as clock
from analytics.reports import ranking as ranked
from analytics.reports import streaks as runs
from analytics.reports import tools as called
from analytics.schema import TOKENS
from service.errors import RequestError
from service.reporting import bodies, reading
from service.reporting.question import By, Question
from service.reporting.reading import Ground, ground, head, ranged, spans
from service.reporting.rows import rows, with_users
from service.storage.database import Connection

B = TypeVar("B")
MOST_ROWS = 50_000
TOO_MANY = f"The answer would have more than {MOST_ROWS:,} rows: ask for fewer days, or cut `by` less."


async def daily(
    conn: Connection, workspace_id: int, questions: Sequence[Question]
) -> list[bodies.UsageDaily | RequestError]:
    """Figures by day, week or month (`per`), cut by `by`, without gaps."""
    return await of_facts(conn, workspace_id, questions, day_by_day)


async def models(
    conn: Connection, workspace_id: int, questions: Sequence[Question]
) -> list[bodies.UsageModels]:
    """By provider and model."""
    return await of_facts(conn, workspace_id, questions, by_model)


async def projects(
    conn: Connection, workspace_id: int, questions: Sequence[Question]
) -> list[bodies.UsageProjects]:
    return await of_facts(conn, workspace_id, questions, by_project)


async def sources(
    conn: Connection, workspace_id: int, questions: Sequence[Question]
) -> list[bodies.UsageSources]:
    return await of_facts(conn, workspace_id, questions, by_source)


async def heatmap(
    conn: Connection, workspace_id: int, questions: Sequence[Question]
) -> list[bodies.UsageHeatmap]:
    return await of_facts(conn, workspace_id, questions, by_clock)


async def tools(
    conn: Connection, workspace_id: int, questions: Sequence[Question]
) -> list[bodies.UsageTools]:
    """Of the names that a question is limited to, sources, projects and users count."""
    found = await ground(conn, workspace_id, questions)
    frames = await reading.tools(conn, workspace_id, spans(questions), found)
    return await in_thread(by_tool, questions, frames, [found] * len(questions))


async def streaks(
    conn: Connection, workspace_id: int, questions: Sequence[Question]
) -> list[bodies.UsageStreaks]:
    """Up to `today`, over all time."""
    found = await ground(conn, workspace_id, questions)
    asked = [(question.names, question.today, question.zone) for question in questions]
    frames = await reading.active_hours(conn, workspace_id, asked, found)
    return await in_thread(in_a_row, questions, frames, [found] * len(questions))


async def of_facts(
    conn: Connection, workspace_id: int, questions: Sequence[Question],
    answer: Callable[[Question, pl.DataFrame, Ground], B],
) -> list[B]:  # fmt: skip
    found = await ground(conn, workspace_id, questions)
    frames = await reading.facts(conn, workspace_id, spans(questions), found)
    return await in_thread(answer, questions, frames, [found] * len(questions))


async def in_thread(answer: Callable[..., B], *columns: Sequence[Any]) -> list[B]:
    """An answer for each question with what was read for it, computed beside the event loop."""
    return await asyncio.to_thread(lambda: [answer(*each) for each in zip(*columns, strict=True)])


def day_by_day(question: Question, facts: pl.DataFrame, found: Ground) -> bodies.UsageDaily | RequestError:
    by = columns(question.by)
    asked: dict[str, Any] = {"first": question.first, "last": question.last}
    within = zones.with_day(facts, "hour", zone=question.zone, **asked)
    if days.count(within, by=by, per=question.per, **asked) > MOST_ROWS:
        return RequestError(TOO_MANY)
    frame = days.daily(facts, zone=question.zone, by=by, per=question.per, **asked)
    return bodies.UsageDaily(
        days=rows(shown(frame, question.by, found), bodies.UsageOfDay), **ranged(question, found)
    )


def by_model(question: Question, facts: pl.DataFrame, found: Ground) -> bodies.UsageModels:
    # What people and tools said has no model and used none.
    facts = facts.filter((pl.col("model") != "") | (pl.sum_horizontal(*TOKENS) > 0))
    shown, total = ranking(question, facts, found, ("provider", "model"))
    return bodies.UsageModels(models=shown, total=total, **ranged(question, found))


def by_project(question: Question, facts: pl.DataFrame, found: Ground) -> bodies.UsageProjects:
    shown, total = ranking(question, facts, found, ("project",))
    return bodies.UsageProjects(projects=shown, total=total, **ranged(question, found))


def by_source(question: Question, facts: pl.DataFrame, found: Ground) -> bodies.UsageSources:
    shown, total = ranking(question, facts, found, ("source",))
    return bodies.UsageSources(sources=shown, total=total, **ranged(question, found))


def ranking(
    question: Question, facts: pl.DataFrame, found: Ground, by: Sequence[By]
) -> tuple[list[bodies.UsageOf], int]:
    """The first `limit` rows, and how many there are."""
    frame = ranked.ranking(facts, columns(by), first=question.first, last=question.last, zone=question.zone)
    return rows(shown(frame.head(question.limit), by, found), bodies.UsageOf), frame.height


def by_clock(question: Question, facts: pl.DataFrame, found: Ground) -> bodies.UsageHeatmap:
    cells = clock.heatmap(facts, first=question.first, last=question.last, zone=question.zone)
    return bodies.UsageHeatmap(
        cells=rows(cells.rename({"clock": "hour"}), bodies.Cell), **ranged(question, found)
    )


def by_tool(question: Question, facts: pl.DataFrame, found: Ground) -> bodies.UsageTools:
    asked: dict[str, Any] = {"first": question.first, "last": question.last, "zone": question.zone}
    each = called.tools(facts, **asked)
    (all,) = rows(called.tools(facts, by=(), **asked), bodies.ToolFigures)
    return bodies.UsageTools(
        tools=rows(each.head(question.limit), bodies.UsageOfTool),
        total=each.height,
        all=all,
        **ranged(question, found),
    )


def in_a_row(question: Question, hours: pl.DataFrame, found: Ground) -> bodies.UsageStreaks:
    streaks = runs.streaks(active_days(hours, question.today, question.zone), today=question.today)
    return bodies.UsageStreaks(
        current=streak(streaks.current),
        longest=streak(streaks.longest),
        active_days=streaks.active_days,
        today=question.today,
        **head(question, found),
    )


def active_days(hours: pl.DataFrame, until: date, zone: tzinfo) -> list[date]:
    """The days up to one with a message."""
    if hours.is_empty():
        return []
    first = zones.day_of(hours["hour"].min(), zone)  # type: ignore[arg-type]  # moments, as the column is
    placed = zones.with_day(hours, "hour", first=min(first, until), last=until, zone=zone)
    return placed["day"].unique().to_list()


def streak(found: runs.Streak | None) -> bodies.StreakOfDays:
    if found is None:
        return bodies.StreakOfDays(days=0)
    return bodies.StreakOfDays(days=found.days, first=found.first, last=found.last)


def columns(by: Sequence[By]) -> list[str]:
    """The columns of facts that a cut goes by."""
    return ["user_id" if name == "user" else name for name in by]


def shown(frame: pl.DataFrame, by: Sequence[By], found: Ground) -> pl.DataFrame:
    """A cut with names of users; a quantity is told of a metric only, since those of several do not add up."""
    return with_users(frame if "metric" in by else frame.drop("quantity"), found.users)
