"""Reports that put several things together: the summary of a range, its sessions, the day in one page.

As in `reports.py`: many questions in, a body for each out; SQL first, then frames in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import polars as pl
from msgspec import UNSET, UnsetType

from analytics import zones
from analytics.reports import projection as ahead
from analytics.reports import sessions as single
from analytics.reports import streaks as runs
from analytics.reports import summary as whole
from service.model import ids
from service.reporting import bodies, reading
from service.reporting.bodies import usd
from service.reporting.question import By, Question
from service.reporting.reading import Ground, Span, ground, head, ranged, spans
from service.reporting.reports import active_days, in_thread, ranking, streak
from service.reporting.rows import rows
from service.storage.database import Connection
from service.storage.usage import facts as hourly
from service.storage.usage import reports as stored

T = TypeVar("T", bound=msgspec.Struct)
TOP = 5
SESSION_SUMS = (
    "messages", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "total_tokens",
    "unpriced_messages", "tool_calls", "tool_errors", "span_ms",
)  # fmt: skip
Named = Mapping[int, Mapping[str, Any]]
"""Ids, title, source and project of sessions."""


async def summary(
    conn: Connection, workspace_id: int, questions: Sequence[Question]
) -> list[bodies.UsageSummary]:
    """A range as one; how fast it burns and what the month of today may come to, whatever the range."""
    found = await ground(conn, workspace_id, questions)
    frames = await reading.facts(conn, workspace_id, spans(questions), found)
    sessions = await reading.sessions(conn, workspace_id, questions, found)
    lately = [(q.names, Span(whole.outlook_from(q.today), q.today, q.zone)) for q in questions]
    recent = await reading.facts(conn, workspace_id, lately, found)
    hours = await hourly.hours(conn, workspace_id)

    def answer(question: Question, *read: pl.DataFrame) -> bodies.UsageSummary:
        range, sessions, recent = read
        first_day = zones.day_of(hours[0], question.zone) if hours else None
        burn, month = whole.outlook(recent, today=question.today, zone=question.zone, first_day=first_day)
        return bodies.UsageSummary(
            **range_as_one(question, range),
            burn_rate=UNSET if burn is None else burn_rate(burn),
            projection=UNSET if month is None else projection(month),
            archetypes=single.archetypes(sessions),
            **ranged(question, found),
        )

    return await in_thread(answer, questions, frames, sessions, recent)


async def sessions(
    conn: Connection, workspace_id: int, questions: Sequence[Question]
) -> list[bodies.UsageSessions]:
    """What each session used in the range, the costliest first."""
    found = await ground(conn, workspace_id, questions)
    used = await reading.sessions(conn, workspace_id, questions, found)
    first = [single.costliest(frame).head(q.limit) for q, frame in zip(questions, used, strict=True)]
    shown = {id for frame in first for id in frame["session_id"]}
    named = await stored.session_names(conn, workspace_id, sorted(shown))

    def answer(question: Question, all: pl.DataFrame, first: pl.DataFrame) -> bodies.UsageSessions:
        return bodies.UsageSessions(
            sessions=[
                session(row, named) for row in first.iter_rows(named=True) if row["session_id"] in named
            ],
            total=all.height,
            archetypes=single.archetypes(all),
            **ranged(question, found),
        )

    return await in_thread(answer, questions, used, first)


async def wrapped(conn: Connection, workspace_id: int, questions: Sequence[Question]) -> list[bodies.Wrapped]:
    """The day `last` of each question in one page."""
    questions = [msgspec.structs.replace(question, first=question.last, limit=TOP) for question in questions]
    found = await ground(conn, workspace_id, questions)
    frames = await reading.facts(conn, workspace_id, spans(questions), found)
    used = await reading.sessions(conn, workspace_id, questions, found)
    hours = await reading.active_hours(
        conn, workspace_id, [(q.names, q.last, q.zone) for q in questions], found
    )
    longest = [single.longest(frame) for frame in used]
    named = await stored.session_names(
        conn, workspace_id, sorted({row["session_id"] for row in longest if row})
    )

    def answer(question: Question, *read: pl.DataFrame) -> bodies.Wrapped:
        day, used, hours = read
        days = active_days(hours, question.last, question.zone)
        run = runs.streaks(days, today=question.last).current
        return bodies.Wrapped(
            day=question.last,
            **day_as_one(question, day, found),
            longest_session=longest_session(single.longest(used), named),
            streak=streak(run if run and run.last == question.last else None),
            archetypes=single.archetypes(used),
            **head(question, found),
        )

    return await in_thread(answer, questions, frames, used, hours)


def range_as_one(question: Question, facts: pl.DataFrame) -> dict[str, Any]:
    """The fields of `bodies.UsageSummary` that are figures of the range."""
    found = whole.summary(facts, first=question.first, last=question.last, zone=question.zone)
    totals = only(found.figures, bodies.Totals)
    return {
        **msgspec.structs.asdict(totals),
        "active_days": found.active_days,
        "active_hours": found.active_hours,
        "per_active_day": UNSET if not found.active_days else bodies.PerActiveDay(
            messages=round(totals.messages / found.active_days, 1),
            total_tokens=round(totals.total_tokens / found.active_days, 1),
            cost_usd=round(totals.cost_usd / found.active_days, bodies.PLACES),
        ),
    }  # fmt: skip


def day_as_one(question: Question, facts: pl.DataFrame, found: Ground) -> dict[str, Any]:
    """The fields of `bodies.Wrapped` that are figures of the day."""
    day = whole.summary(facts, first=question.last, last=question.last, zone=question.zone)
    return {
        "totals": only(day.figures, bodies.Totals),
        "active_hours": day.active_hours,
        "top_models": top(question, facts, found, "model"),
        "top_projects": top(question, facts, found, "project"),
    }


def top(question: Question, facts: pl.DataFrame, found: Ground, name: By) -> list[bodies.UsageOf]:
    """The first of those that have a name."""
    shown, _ = ranking(question, facts.filter(pl.col(name) != ""), found, (name,))
    return shown


def only(figures: pl.DataFrame, type: type[T]) -> T:
    (found,) = rows(figures, type)
    return found


def burn_rate(rate: ahead.BurnRate) -> bodies.Burn:
    burn = bodies.Burn(
        days=rate.days,
        tokens_per_day=round(rate.tokens / rate.days, 1),
        cost_usd_per_day=usd(rate.cost_nano / rate.days),
    )
    if rate.active_hours:
        burn.tokens_per_active_hour = round(rate.tokens / rate.active_hours, 1)
        burn.cost_usd_per_active_hour = usd(rate.cost_nano / rate.active_hours)
    return burn


def projection(month: ahead.Projection) -> bodies.MonthProjection:
    return bodies.MonthProjection(
        month=f"{month.month:%Y-%m}",
        basis_days=month.basis_days,
        cost_usd_so_far=usd(month.cost_nano_so_far),
        cost_usd=usd(month.cost_nano),
        cost_usd_low=usd(month.cost_nano_low),
        cost_usd_high=usd(month.cost_nano_high),
        total_tokens_so_far=month.tokens_so_far,
        total_tokens=month.tokens,
    )


def session(row: dict[str, Any], named: Named) -> bodies.UsageOfSession:
    return bodies.UsageOfSession(
        **who(row["session_id"], named),
        archetype=known(row["archetype"]),
        cost_usd=usd(row["cost_nano_usd"]),
        first_at=known(row["first_ms"]),
        last_at=known(row["last_ms"]),
        **{name: row[name] for name in SESSION_SUMS},
    )


def longest_session(row: dict[str, Any] | None, named: Named) -> bodies.LongestSession | UnsetType:
    if row is None or row["session_id"] not in named:
        return UNSET
    return bodies.LongestSession(
        **who(row["session_id"], named), messages=row["messages"], span_ms=row["span_ms"]
    )


def who(session_id: int, named: Named) -> dict[str, Any]:
    """What a session is called."""
    row = named[session_id]
    return {
        "id": ids.session(session_id),
        "external_id": row["external_id"],
        "title": known(row["title"]),
        "source": row["source"],
        "project": known(row["project_name"] or row["project_path"]),
    }


def known(value: Any) -> Any:
    """What the answer leaves out where it is not known."""
    return UNSET if value is None else value
