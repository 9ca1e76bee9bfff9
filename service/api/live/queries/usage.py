"""usage.daily, usage.summary, usage.models, usage.projects, usage.sources, wrapped.today.

They follow the facts, not the messages: the worker derives facts, and says so in the change log.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec

from service.api.gate import params
from service.api.usage import asked as asking
from service.api.usage.asked import Asked, DaysAsked, RangeAsked, RankingAsked, WrappedAsked
from service.api.usage.reports import Report
from service.live.query import Answers, Outcome, Query, Watches
from service.reporting import bodies, pages, reports
from service.storage.database import Connection

WINDOW_S = 1.0


def of_report(report: Report) -> Answers:
    """A report's answers to many askers, all by one reading of the facts."""

    async def answers(conn: Connection, workspace_id: int, asked: Sequence[Asked]) -> list[Outcome]:
        now = datetime.now(UTC)
        questions = [asking.read(each, now=now) for each in asked]
        return [Outcome(body) for body in await report(conn, workspace_id, questions)]

    return answers


def check(asked: Asked) -> None:
    """Errors: `RequestError`."""
    asking.read(asked, now=datetime.now(UTC))


def clock(asked: Asked) -> tzinfo:
    """A range ends today unless it says otherwise."""
    return params.zone(asked.tz)


def entry(
    name: str,
    summary: str,
    asks: type[Any],
    gives: type[msgspec.Struct],
    report: Report,
    *,
    rows: str = "",
    key: tuple[str, ...] = ("id",),
) -> Query:
    return Query(
        name=name,
        summary=summary,
        asks=asks,
        gives=gives,
        answers=of_report(report),
        check=check,
        watches=lambda asked: Watches(tables=frozenset({"usage"})),
        rows=rows,
        key=key,
        key_by=(lambda asked: (*key, *dict.fromkeys(asked.by))) if asks is DaysAsked else None,
        silent=frozenset({"computedAt"}),
        clock=clock,
        window_s=WINDOW_S,
        cost="large",
    )


QUERIES = (
    entry("usage.daily", "What was used on each day, as GET /api/usage/daily; keyed by day and `by`.", DaysAsked,
          bodies.UsageDaily, reports.daily, rows="days", key=("day",)),
    entry("usage.summary", "A range as one, as GET /api/usage/summary.", RangeAsked, bodies.UsageSummary, pages.summary),
    entry("usage.models", "What was used of each model, as GET /api/usage/models.", RankingAsked, bodies.UsageModels,
          reports.models, rows="models", key=("provider", "model")),
    entry("usage.projects", "What was used in each project, as GET /api/usage/projects.", RankingAsked, bodies.UsageProjects,
          reports.projects, rows="projects", key=("project",)),
    entry("usage.sources", "What was used by each tool, as GET /api/usage/sources.", RankingAsked, bodies.UsageSources,
          reports.sources, rows="sources", key=("source",)),
    entry("wrapped.today", "The day in one page, as GET /api/wrapped.", WrappedAsked, bodies.Wrapped, pages.wrapped),
)  # fmt: skip
