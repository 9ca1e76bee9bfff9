"""Streaks: consecutive days on which something was done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from analytics.zones import DAY


class Streak(NamedTuple):
    """Days in a row, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


class Streaks(NamedTuple):
    current: Streak | None
    """The one that ends today, or yesterday where nothing was done today yet."""
    longest: Streak | None
    """Of several the last."""
    active_days: int


def streaks(days: Iterable[date], *, today: date) -> Streaks:
    """Of the days on which something was done, in any order, none after today.

    >>> done = [date(2026, 5, day) for day in (1, 2, 3, 7, 8)]
    >>> found = streaks(done, today=date(2026, 5, 9))
    >>> found.current.days, found.longest.days, found.active_days
    (2, 3, 5)
    >>> streaks(done, today=date(2026, 5, 10)).current is None
    True
    """
    ordered = sorted(set(days))
    runs = in_rows(ordered)
    longest = max(runs, key=lambda run: (run.days, run.last), default=None)
    current = next((run for run in reversed(runs) if run.last >= today - DAY), None)
    return Streaks(current, longest, len(ordered))


def in_rows(ordered: list[date]) -> list[Streak]:
    """Days in ascending order as runs without a gap."""
    if not ordered:
        return []
    breaks = [(before, after) for before, after in pairwise(ordered) if after - before > DAY]
    firsts = [ordered[0], *(after for _, after in breaks)]
    lasts = [*(before for before, _ in breaks), ordered[-1]]
    return [Streak(first, last) for first, last in zip(firsts, lasts, strict=True)]
