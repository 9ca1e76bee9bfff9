"""What a request asks of usage, as parameters and as a `Question`."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from analytics.reports.daily import Per
from service.api.gate import params
from service.api.gate.params import Moment, Zone
from service.errors import RequestError
from service.model import sources
from service.reporting import question
from service.reporting.question import By, Question

Names = Annotated[list[params.Name], Meta(max_length=200)]


class Which(msgspec.Struct, kw_only=True, rename="camel"):
    """Which usage counts."""

    tz: Annotated[
        Zone, Meta(description="The time zone, as in the IANA list, in which a day begins and ends.")
    ] = "UTC"
    source: Names = []
    provider: Names = []
    model: Names = []
    project: Annotated[Names, Meta(description="By name; by path where it has none.")] = []
    user: Annotated[Names, Meta(description="By name.")] = []
    service: Annotated[Names, Meta(description="`llm`, or what POST /api/usage called it.")] = []


class Ranged(Which, kw_only=True):
    first: Annotated[
        Moment,
        Meta(
            description="The first day. Without it: 30 days, the last of which is `to`; 12 weeks or months where it is told by these."
        ),
    ] = msgspec.field(default=None, name="from")
    last: Annotated[Moment, Meta(description="The last day, which is included. Without it: today.")] = (
        msgspec.field(default=None, name="to")
    )


class DaysAsked(Ranged, kw_only=True):
    by: Annotated[list[By], Meta(max_length=7, description="Names to cut each day by, with commas.")] = []
    per: Annotated[
        Per, Meta(description="A row a day, a week (from Monday) or a month, dated with its first day.")
    ] = "day"


class RangeAsked(Ranged, kw_only=True):
    """A range as a whole."""


class RankingAsked(Ranged, kw_only=True):
    limit: Annotated[int, Meta(ge=0, le=1000, description="Rows at most.")] = 100


class StreaksAsked(Which, kw_only=True):
    """Over all time."""


class WrappedAsked(Which, kw_only=True):
    date: Annotated[Moment, Meta(description="The day. Without it: today.")] = None


Asked = DaysAsked | RangeAsked | RankingAsked | StreaksAsked | WrappedAsked


def read(asked: Asked, *, now: datetime) -> Question:
    """Errors: `RequestError` for a zone that is not known, a day that is none, and a range that cannot be told."""
    zone = params.zone(asked.tz)
    today = now.astimezone(zone).date()
    more: dict[str, Any] = {}
    if isinstance(asked, WrappedAsked):
        first = last = day("date", asked.date, asked.tz, zone) or today
    elif isinstance(asked, StreaksAsked):
        first = last = today
    else:
        last = day("to", asked.last, asked.tz, zone) or today
        per: Per = asked.per if isinstance(asked, DaysAsked) else "day"
        first = day("from", asked.first, asked.tz, zone) or question.default_first(last, per)
    if isinstance(asked, DaysAsked):
        more = {"by": tuple(dict.fromkeys(asked.by)), "per": asked.per}
    if isinstance(asked, RankingAsked):
        more = {"limit": asked.limit}
    check(first, last)
    return Question(first=first, last=last, today=today, zone=zone, names=names(asked), **more)


def day(name: str, given: str | int | None, tz: str, zone: tzinfo) -> date | None:
    """The day of the zone in which the moment lies that is given; a day is itself."""
    moment = params.moment(name, given, tz=tz)
    if moment is None:
        return None
    try:
        found = moment.astimezone(zone).date()
    except OverflowError:  # the last hours of 9999, east of Greenwich
        found = date.max
    if not question.EARLIEST <= found <= question.LATEST:
        raise RequestError(f"{name} must lie between {question.EARLIEST} and {question.LATEST}.")
    return found


def check(first: date, last: date) -> None:
    if first > last:
        raise RequestError(f"from ({first}) must not be after to ({last}).")
    if (last - first).days >= question.MOST_DAYS:
        raise RequestError(f"A range has at most {question.MOST_DAYS:,} days: let from be later.")


def names(asked: Which) -> question.Names:
    return question.Names(
        sources=tuple(map(sources.canonical, asked.source)),
        providers=tuple(asked.provider),
        models=tuple(asked.model),
        projects=tuple(asked.project),
        users=tuple(asked.user),
        services=tuple(asked.service),
    )
