"""What questions read: each kind of frame once for all questions with the same filter, over the days that they span."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import msgspec
import polars as pl
from msgspec import UNSET

from analytics import rollup
from analytics.reports import zones
from service.reporting.question import Names, Question, begin_of, end_of
from service.storage import usage_reports
from service.storage.database import Connection
from service.storage.usage_reports import State, UsageFilter

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
EVER = date(1970, 1, 2)

Reader = Callable[[Connection, int, datetime, datetime, UsageFilter], Awaitable[pl.DataFrame]]


class Span(msgspec.Struct, frozen=True):
    """Days of a zone that are read, both included."""

    first: date
    last: date
    zone: tzinfo


class Ground(msgspec.Struct):
    """What the answers of one moment share."""

    state: State
    users: dict[int, str]
    """Names of members by id; read only where a question names users or is cut by them."""


async def ground(conn: Connection, workspace_id: int, questions: Sequence[Question]) -> Ground:
    asks_for_users = any("user" in question.by or question.names.users for question in questions)
    return Ground(
        state=await usage_reports.state(conn, workspace_id),
        users=await usage_reports.user_names(conn, workspace_id) if asks_for_users else {},
    )


async def read(
    conn: Connection, workspace_id: int, reader: Reader, asked: Sequence[tuple[Names, Span]], found: Ground
) -> list[pl.DataFrame]:
    """A frame for each of `asked`, with at least its days; those with the same names share one."""
    together: dict[UsageFilter, list[Span]] = {}
    for names, span in asked:
        together.setdefault(filter_of(names, found), []).append(span)
    frames = {
        filter: await reader(
            conn,
            workspace_id,
            min(begin_of(span.first, span.zone) for span in spans),
            max(end_of(span.last, span.zone) for span in spans),
            filter,
        )
        for filter, spans in together.items()
    }
    return [frames[filter_of(names, found)] for names, _ in asked]


async def facts(
    conn: Connection, workspace_id: int, asked: Sequence[tuple[Names, Span]], found: Ground
) -> list[pl.DataFrame]:
    """Hourly facts for each of `asked`; hours that a midnight of its zone cuts in two are there as quarters."""
    hourly = await read(conn, workspace_id, usage_reports.facts, asked, found)
    exact = []
    for frame, (names, span) in zip(hourly, asked, strict=True):
        if cut := zones.cut_hours(span.first, span.last, span.zone):
            rows = await usage_reports.rows(conn, workspace_id, cut, filter_of(names, found))
            quarters = rollup.facts(rows.lazy(), every="15m").collect()
            frame = pl.concat([frame.filter(~pl.col("hour").is_in(cut)), quarters])
        exact.append(frame)
    return exact


async def active_hours(
    conn: Connection, workspace_id: int, asked: Sequence[tuple[Names, date, tzinfo]], found: Ground
) -> list[pl.DataFrame]:
    """Hours with a message up to a day of a zone, for each of `asked`, cut like facts: `hour`."""
    until = [(names, Span(EVER, last, zone)) for names, last, zone in asked]
    hourly = await read(conn, workspace_id, usage_reports.active_hours, until, found)
    exact = []
    for frame, (names, last, zone) in zip(hourly, asked, strict=True):
        first = zones.day_of(min(frame["hour"], default=EPOCH), zone)
        if cut := zones.cut_hours(first, max(first, last), zone):
            rows = await usage_reports.rows(conn, workspace_id, cut, filter_of(names, found))
            quarters = rows.filter(pl.col("messages") > 0).select(
                pl.col("occurred_at").dt.truncate("15m").alias("hour")
            )
            frame = pl.concat([frame.filter(~pl.col("hour").is_in(cut)), quarters])
        exact.append(frame)
    return exact


def filter_of(names: Names, found: Ground) -> UsageFilter:
    """Names of users as ids; a name that nobody has lets nothing through."""
    ids = {name: id for id, name in found.users.items()}
    return UsageFilter(
        sources=names.sources,
        providers=names.providers,
        models=names.models,
        projects=names.projects,
        services=names.services,
        user_ids=tuple(ids.get(name, -1) for name in names.users) if names.users else None,
    )


def spans(questions: Sequence[Question]) -> list[tuple[Names, Span]]:
    """What questions ask for: their names, over their ranges."""
    return [(each.names, Span(each.first, each.last, each.zone)) for each in questions]


def head(question: Question, found: Ground) -> dict[str, Any]:
    """The fields of `bodies.Head`."""
    version = found.state.price_version
    return {
        "tz": str(question.zone),
        "computed_at": (found.state.computed_at - EPOCH) // MS,
        "price_version": version or UNSET,
    }


def ranged(question: Question, found: Ground) -> dict[str, Any]:
    """The fields of `bodies.Ranged`."""
    return {"first": question.first, "last": question.last, **head(question, found)}
