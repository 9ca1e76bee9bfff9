"""The times of a transcript's messages, in the transcript's order.

Rule: order is the file's. A message that claims to be older than the one before it in its session (clocks move,
records are copied) stands at that one's time; so sorting by (createdAt, arrival) gives the transcript's order.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)


class Clock:
    """The latest time of each session so far. `state` and `Clock(state)` carry it over; values are epoch ms."""

    def __init__(self, state: dict[str, int] | None = None) -> None:
        self.state: dict[str, int] = dict(state or {})

    def at(self, session: str, time: datetime | None) -> datetime | None:
        """The time to store for the session's next message; None when no time was ever told.

        >>> clock = Clock()
        >>> clock.at("s", from_iso("2026-01-02T00:00:00Z")) == clock.at("s", from_iso("2026-01-01T00:00:00Z"))
        True
        """
        latest = self.state.get(session)
        told = latest if time is None else to_ms(time)
        if told is None:
            return None
        self.state[session] = told if latest is None else max(told, latest)
        return from_ms(self.state[session])


def from_iso(text: object) -> datetime | None:
    """An ISO 8601 time (without a zone: UTC) in whole milliseconds; None for anything else and for what no table
    can hold.

    >>> from_iso("2026-06-17T10:07:16.815Z").isoformat(timespec="milliseconds")
    '2026-06-17T10:07:16.815+00:00'
    """
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not UTC:  # nearly all end in Z
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if beyond := moment.microsecond % 1000:
        moment = moment.replace(microsecond=moment.microsecond - beyond)
    return moment if _EPOCH < moment < _LAST else None


def from_epoch(number: object) -> datetime | None:
    """Epoch milliseconds, or seconds where it can only be seconds; None for anything else."""
    if (
        isinstance(number, bool)
        or not isinstance(number, int | float)
        or not 0 < number < 253_402_214_400_000
    ):
        return None
    return from_ms(round(number * 1000 if number < 10**10 else number))


def from_ms(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def to_ms(moment: datetime) -> int:
    """
    >>> to_ms(from_ms(1_780_000_000_123))
    1780000000123
    """
    return (moment - _EPOCH) // timedelta(milliseconds=1)
