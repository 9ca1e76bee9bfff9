"""How fast it burns, and what the month may come to. The burn rate is measured; the month is an estimate."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from analytics.zones import DAY

RATE_DAYS = 7


class Used(NamedTuple):
    """Of a day."""

    tokens: int = 0
    cost_nano: int = 0
    active_hours: int = 0


class BurnRate(NamedTuple):
    """Means over complete days: integers divided once, at the edge."""

    days: int
    tokens: int
    cost_nano: int
    active_hours: int


class Projection(NamedTuple):
    """Of the calendar month of today: nano-dollars and tokens."""

    month: date
    basis_days: int
    cost_nano_so_far: int
    cost_nano: int
    cost_nano_low: int
    cost_nano_high: int
    tokens_so_far: int
    tokens: int


def rate_days(today: date, first_day: date | None) -> list[date]:
    """The complete days before today that a rate is made of: seven, or those since the first of all.

    >>> [day.day for day in rate_days(date(2026, 5, 20), date(2026, 5, 18))]
    [18, 19]
    """
    days = [today - n * DAY for n in range(RATE_DAYS, 0, -1)]
    return [day for day in days if first_day is not None and day >= first_day]


def burn_rate(used: Mapping[date, Used], *, today: date, first_day: date | None) -> BurnRate | None:
    """What the days before today used; None before there is a complete day. `used`: by day, none for an empty one."""
    days = [used.get(day, Used()) for day in rate_days(today, first_day)]
    if not days:
        return None
    return BurnRate(
        days=len(days),
        tokens=sum(day.tokens for day in days),
        cost_nano=sum(day.cost_nano for day in days),
        active_hours=sum(day.active_hours for day in days),
    )


def projection(used: Mapping[date, Used], *, today: date, first_day: date | None) -> Projection | None:
    """The month of today: what was, and the rate for what is to come; None before there is a complete day.

    >>> used = {date(2026, 4, 28): Used(cost_nano=10), date(2026, 4, 29): Used(cost_nano=30)}
    >>> found = projection(used, today=date(2026, 4, 30), first_day=date(2026, 4, 28))
    >>> found.cost_nano_so_far, found.cost_nano, found.cost_nano_low, found.cost_nano_high
    (40, 60, 50, 70)
    """
    rate = burn_rate(used, today=today, first_day=first_day)
    if rate is None:
        return None
    month = today.replace(day=1)
    so_far = [used.get(month + n * DAY, Used()) for n in range(today.day)]
    ahead = monthrange(today.year, today.month)[1] - today.day
    costs = [used.get(day, Used()).cost_nano for day in rate_days(today, first_day)]

    def month_at(a_day: int, spent: list[int]) -> int:
        return sum(spent[:-1]) + max(spent[-1], a_day) + ahead * a_day

    spent_nano, spent_tokens = [day.cost_nano for day in so_far], [day.tokens for day in so_far]
    return Projection(
        month=month,
        basis_days=rate.days,
        cost_nano_so_far=sum(spent_nano),
        cost_nano=month_at(rate.cost_nano // rate.days, spent_nano),
        cost_nano_low=month_at(min(costs), spent_nano),
        cost_nano_high=month_at(max(costs), spent_nano),
        tokens_so_far=sum(spent_tokens),
        tokens=month_at(rate.tokens // rate.days, spent_tokens),
    )
