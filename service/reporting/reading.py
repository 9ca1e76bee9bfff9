"""What questions read: each kind of frame once for all questions of a zone, over the days that they span together.

A question's own names are then kept of the frame (`Only`), so that twenty questions with different filters cost one
statement. What is read of single sessions and of all time is read for each filter, since it is too much to share.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import msgspec
import polars as pl
from msgspec import UNSET

from analytics import zones
from service.reporting.question import Names, Question, begin_of, end_of
from service.storage.database import Connection
from service.storage.usage import facts as hourly
from service.storage.usage import reports, rows
from service.storage.usage.reports import Only

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
NOBODY = -1


class Span(msgspec.Struct, frozen=True):
    """Days of a zone that are read, both included."""

    first: date
    last: date
    zone: tzinfo


class Ground(msgspec.Struct):
    """What the answers of one moment share."""

    computed_at: datetime
    price_version: str
    users: dict[int, str]
    """Names of members by id; read only where a question names users or is cut by them."""

    def only(self, names: Names) -> Only:
        """Names as the columns of facts know them; a user whom nobody knows lets nothing through."""
        ids = {name: id for id, name in self.users.items()}
        given: dict[str, Sequence[str] | Sequence[int]] = {
            "source": names.sources,
            "provider": names.providers,
            "model": names.models,
            "project": names.projects,
            "user_id": tuple(ids.get(name, NOBODY) for name in names.users),
            "service": names.services,
        }
        return {column: values for column, values in given.items() if values}


async def ground(conn: Connection, workspace_id: int, questions: Sequence[Question]) -> Ground:
    asks_for_users = any("user" in question.by or question.names.users for question in questions)
    state = await hourly.state(conn, workspace_id)
    return Ground(
        # Before the first rollup there is nothing to compute: as of now.
        computed_at=state.computed_at if state else datetime.now(UTC),
        price_version=state.price_version if state else "",
        users=await reports.user_names(conn, workspace_id) if asks_for_users else {},
    )


async def facts(
    conn: Connection, workspace_id: int, asked: Sequence[tuple[Names, Span]], found: Ground
) -> list[pl.DataFrame]:
    """Hourly facts for each of `asked`, with at least its days; hours that a midnight of its zone cuts are quarters."""

    async def read(start: datetime, end: datetime, zone: str) -> pl.DataFrame:
        return await hourly.read(conn, workspace_id, start=start, end=end, zone=zone)

    return await each_zone_once(asked, found, read)


async def tools(
    conn: Connection, workspace_id: int, asked: Sequence[tuple[Names, Span]], found: Ground
) -> list[pl.DataFrame]:
    """Tool facts for each of `asked`, likewise."""

    async def read(start: datetime, end: datetime, zone: str) -> pl.DataFrame:
        return await hourly.read_tools(conn, workspace_id, start=start, end=end, zone=zone)

    return await each_zone_once(asked, found, read)


async def each_zone_once(
    asked: Sequence[tuple[Names, Span]], found: Ground,
    read: Callable[[datetime, datetime, str], Awaitable[pl.DataFrame]],
) -> list[pl.DataFrame]:  # fmt: skip
    together: dict[str, list[Span]] = {}
    for _, span in asked:
        together.setdefault(str(span.zone), []).append(span)
    frames = {
        zone: await read(
            min(begin_of(span.first, span.zone) for span in spans),
            max(end_of(span.last, span.zone) for span in spans),
            zone,
        )
        for zone, spans in together.items()
    }
    return [kept(frames[str(span.zone)], found.only(names)) for names, span in asked]


def kept(frame: pl.DataFrame, only: Only) -> pl.DataFrame:
    """The rows whose columns have the values that count; a column that the frame has not is not asked."""
    for column, values in only.items():
        if column in frame.columns:
            frame = frame.filter(pl.col(column).is_in(values))
    return frame


async def active_hours(
    conn: Connection, workspace_id: int, asked: Sequence[tuple[Names, date, tzinfo]], found: Ground
) -> list[pl.DataFrame]:
    """Hours with a message up to a day of a zone, for each of `asked`, cut as facts are: `hour`."""
    return [
        await hours_until(conn, workspace_id, last, zone, found.only(names)) for names, last, zone in asked
    ]


async def hours_until(
    conn: Connection, workspace_id: int, last: date, zone: tzinfo, only: Only
) -> pl.DataFrame:
    whole = await reports.active_hours(conn, workspace_id, end=end_of(last, zone), only=only)
    if whole.is_empty():
        return whole
    first = zones.day_of(min(whole["hour"]), zone)
    cut = sorted(set(zones.cut_hours(first, max(first, last), zone)) & set(whole["hour"]))
    if not cut:
        return whole
    single = kept(await rows.counted(conn, workspace_id, cut), only).filter(pl.col("messages") > 0)
    quarters = single.select(hour=pl.col("occurred_at").dt.truncate("15m"))
    return pl.concat([whole.filter(~pl.col("hour").is_in(cut)), quarters])


async def sessions(
    conn: Connection, workspace_id: int, questions: Sequence[Question], found: Ground
) -> list[pl.DataFrame]:
    """What each session used within each question's range."""
    frames: dict[tuple[Names, Span], pl.DataFrame] = {}
    for names, span in spans(questions):
        if (names, span) not in frames:
            start, end = zones.bounds(span.first, span.last, span.zone)
            frames[names, span] = await reports.sessions(
                conn, workspace_id, start=start, end=end, only=found.only(names)
            )
    return [frames[asked] for asked in spans(questions)]


def spans(questions: Sequence[Question]) -> list[tuple[Names, Span]]:
    """What questions ask for: their names, over their ranges."""
    return [(each.names, Span(each.first, each.last, each.zone)) for each in questions]


def head(question: Question, found: Ground) -> dict[str, Any]:
    """The fields of `bodies.Head`."""
    return {
        "tz": str(question.zone),
        "computed_at": (found.computed_at - EPOCH) // MS,
        "price_version": found.price_version or UNSET,
    }


def ranged(question: Question, found: Ground) -> dict[str, Any]:
    """The fields of `bodies.Ranged`."""
    return {"first": question.first, "last": question.last, **head(question, found)}
