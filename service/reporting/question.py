"""What is asked of usage: a range of days in a time zone, what to cut by, and which facts count."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import Literal

import msgspec

from analytics.reports.daily import Per
from analytics.zones import DAY, HOUR, start

MOST_DAYS = 3660
DEFAULT_DAYS, DEFAULT_WEEKS, DEFAULT_MONTHS = 30, 12, 12
EARLIEST, LATEST = date(1970, 1, 2), date(9998, 12, 30)

By = Literal["source", "provider", "model", "project", "user", "service", "metric"]


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """Which facts count. Empty: all; several: any of them."""

    sources: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Days from `first` to `last`, both included. Whoever keeps an answer asks again when `today` turns in the zone."""

    first: date
    last: date
    today: date
    zone: tzinfo
    by: tuple[By, ...] = ()
    per: Per = "day"
    names: Names = Names()
    limit: int = 100


def begin_of(first: date, zone: tzinfo) -> datetime:
    """The UTC hour in which a day begins."""
    return hour_of(start(first, zone))


def end_of(last: date, zone: tzinfo) -> datetime:
    """The first UTC hour after a day.

    >>> from zoneinfo import ZoneInfo
    >>> f"{end_of(date(2026, 5, 4), ZoneInfo('Asia/Kathmandu')):%d %H:%M}"
    '04 19:00'
    """
    end = start(last + DAY, zone)
    return hour_of(end) if end == hour_of(end) else hour_of(end) + HOUR


def hour_of(moment: datetime) -> datetime:
    """
    >>> hour_of(datetime(2026, 5, 4, 18, 15, tzinfo=UTC)).hour
    18
    """
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def default_first(last: date, per: Per = "day") -> date:
    """The first of 30 days, of 12 weeks (a Monday), of 12 months (its first day) that end with `last`.

    >>> [f"{default_first(date(2026, 5, 30), per)}" for per in ("day", "week", "month")]
    ['2026-05-01', '2026-03-09', '2025-06-01']
    """
    if per == "week":
        first = last - last.weekday() * DAY - (DEFAULT_WEEKS - 1) * 7 * DAY
    elif per == "month":
        years, month = divmod(last.year * 12 + last.month - DEFAULT_MONTHS, 12)
        first = date(years, month + 1, 1)
    else:
        first = last - (DEFAULT_DAYS - 1) * DAY
    return max(first, EARLIEST)
