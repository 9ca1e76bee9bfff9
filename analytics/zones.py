"""Days, weekdays and hours of a time zone, laid over moments in UTC.

Rule: zones are Python's own (`zoneinfo`) and nothing else knows them; frames hold moments in UTC. A day begins at its
first moment in the zone and ends where the next begins, so that it has 23, 24 or 25 hours.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

MOMENT = pl.Datetime("us", "UTC")
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def known(name: str) -> bool:
    """Whether there is a zone of this name.

    >>> known("Asia/Kathmandu"), known("Mars/Base"), known("")
    (True, False, False)
    """
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
    return True


def start(day: date, zone: tzinfo) -> datetime:
    """The first moment of a day, in UTC; where clocks go forward at midnight that is their 01:00.

    >>> from zoneinfo import ZoneInfo
    >>> start(date(2026, 3, 9), ZoneInfo("America/New_York"))
    datetime.datetime(2026, 3, 9, 4, 0, tzinfo=datetime.timezone.utc)
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def starts(first: date, last: date, zone: tzinfo) -> list[datetime]:
    """The first moment of each day from `first` to `last`, and the end of `last`."""
    return [start(first + n * DAY, zone) for n in range((last - first).days + 2)]


def bounds(first: date, last: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """The first moment of the range, and the first after it."""
    return start(first, zone), start(last + DAY, zone)


def cut_hours(first: date, last: date, zone: tzinfo) -> list[datetime]:
    """The hours of UTC in which a day of the range begins and another ends: none where offsets are whole hours.

    >>> from zoneinfo import ZoneInfo
    >>> [f"{hour:%H:%M}" for hour in cut_hours(date(2026, 1, 1), date(2026, 1, 1), ZoneInfo("Asia/Kathmandu"))]
    ['18:00', '18:00']
    """
    hours = [(at, at.replace(minute=0, second=0, microsecond=0)) for at in starts(first, last, zone)]
    return [hour for at, hour in hours if at != hour]


def with_day(frame: pl.DataFrame, at: str, *, first: date, last: date, zone: tzinfo) -> pl.DataFrame:
    """The rows whose moment `at` lies in the range, with the `day` in which it lies."""
    bounds = pl.Series(starts(first, last, zone), dtype=MOMENT)
    # A day that a zone left out (Samoa's 2011-12-30) ends where it begins, and so has no row.
    number = bounds.search_sorted(frame[at], side="right").cast(pl.Int32) - 1
    placed = frame.with_columns(number.alias("day")).filter(pl.col("day").is_between(0, (last - first).days))
    return placed.with_columns((pl.lit(first) + pl.duration(days="day")).cast(pl.Date).alias("day"))


def with_clock(frame: pl.DataFrame, at: str, zone: tzinfo) -> pl.DataFrame:
    """Rows with `weekday` (1 Monday to 7 Sunday) and `clock`, the hour of the day (0 to 23) that their moment begins in."""
    moments = frame[at].unique().sort()
    local = [moment.astimezone(zone) for moment in moments]
    clocks = pl.DataFrame(
        {
            at: moments,
            "weekday": pl.Series([moment.isoweekday() for moment in local], dtype=pl.Int8),
            "clock": pl.Series([moment.hour for moment in local], dtype=pl.Int8),
        }
    )
    return frame.join(clocks, on=at, how="left")


def day_of(moment: datetime, zone: tzinfo) -> date:
    """The day in which a moment lies."""
    return moment.astimezone(zone).date()
