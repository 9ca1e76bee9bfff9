"""What an answer used, as four counts that share no token.

Rule: Anthropic counts cached tokens beside the input, not in it. The usage object itself stays in `attrs`,
with the split of cache writes, the tier and whatever else it says.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from service.importers import record

_MOST_BYTES = 8_000


class Usage(msgspec.Struct, frozen=True):
    prompt: int | None = None
    completion: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None


def counts(usage: Any) -> Usage | None:
    """The counts of a usage object; None where there is none, or where it counts nothing.

    >>> counts({"input_tokens": 3, "cache_creation": {"ephemeral_1h_input_tokens": 5}, "output_tokens": 0})
    Usage(prompt=3, completion=None, cache_read=None, cache_write=5)
    """
    if not isinstance(usage, dict):
        return None
    found = Usage(
        prompt=record.count(usage.get("input_tokens")),
        completion=record.count(usage.get("output_tokens")),
        cache_read=record.count(usage.get("cache_read_input_tokens")),
        cache_write=record.count(usage.get("cache_creation_input_tokens"))
        or _of_split(usage.get("cache_creation")),
    )
    return None if found == Usage() else found


def kept(usage: Any) -> dict[str, Any] | None:
    """The object for `attrs`, unless it is no usage at all."""
    if not isinstance(usage, dict) or not usage:
        return None
    return usage if len(msgspec.json.encode(usage)) <= _MOST_BYTES else None


def cost_usd(told: Any) -> Decimal | None:
    """What old rows say that an answer cost; 0 is unknown.

    >>> cost_usd(0.0125), cost_usd(0), cost_usd("x")
    (Decimal('0.0125000000'), None, None)
    """
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 < told < 10**6:
        return None
    try:
        return round(Decimal(str(told)), 10) or None
    except InvalidOperation:
        return None


def _of_split(split: Any) -> int | None:
    if not isinstance(split, dict):
        return None
    return sum(record.count(tokens) or 0 for tokens in split.values()) or None
