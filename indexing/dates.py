"""Dates as people write them in a search, to epoch milliseconds. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

_AGO = re.compile(r"(\d{1,5})(min|h|d|w|m|y)", re.IGNORECASE)
_UNITS = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "m": timedelta(days=30),
    "y": timedelta(days=365),
}
_DAYS_AGO = {"today": 0, "yesterday": 1}
_YEAR = re.compile(r"\d{4}")
_MONTH = re.compile(r"\d{4}-\d{2}")
_EPOCH_MS = re.compile(r"-?\d{5,15}")


def parse_ms(written: str, *, now_ms: int, tz: tzinfo = UTC) -> int | None:
    """The moment that is meant, in epoch milliseconds; None when it is no date.

    Epoch milliseconds; ISO 8601 (without an offset: in `tz`); YYYY-MM-DD, YYYY-MM or YYYY (its first moment in `tz`);
    `today`, `yesterday`; `7d` (also min, h, w, m, y): so long ago.

    >>> parse_ms("2026-01-01", now_ms=0), parse_ms("1767225600000", now_ms=0), parse_ms("1d", now_ms=86_400_000)
    (1767225600000, 1767225600000, 0)
    >>> parse_ms("soon", now_ms=0) is None
    True
    """
    written = written.strip().lower()
    if _EPOCH_MS.fullmatch(written):
        return int(written)
    if ago := _AGO.fullmatch(written):
        return now_ms - int(ago[1]) * (_UNITS[ago[2]] // timedelta(milliseconds=1))
    try:
        moment = _midnight_ago(written, now_ms, tz) or datetime.fromisoformat(_completed(written).upper())
        return _to_ms(moment if moment.tzinfo else moment.replace(tzinfo=tz))
    except (ValueError, OverflowError):
        return None


def _completed(written: str) -> str:
    """2026 -> 2026-01-01, 2026-03 -> 2026-03-01."""
    if _YEAR.fullmatch(written):
        return f"{written}-01-01"
    return f"{written}-01" if _MONTH.fullmatch(written) else written


def _midnight_ago(written: str, now_ms: int, tz: tzinfo) -> datetime | None:
    if written not in _DAYS_AGO:
        return None
    today = datetime.fromtimestamp(now_ms / 1000, tz).replace(
        hour=0, minute=0, second=0, microsecond=0, tzinfo=None
    )
    return today - timedelta(days=_DAYS_AGO[written])


def _to_ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
