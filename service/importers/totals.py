"""Token counts as every write has them: four that share no token; and their sums, which are a session's totals.

Rule: counts stand in the order of `NAMES`, and 0 says as little as None. What a transcript counts otherwise (cached tokens
within the input, reasoning beside the output) its parser takes apart before it comes here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from service.model.message import MessageWrite

NAMES = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")
"""Fields of MessageWrite and SessionWrite."""

Counts = Iterable[int | None]


def plus(known: Counts, more: Counts) -> list[int]:
    """
    >>> plus([5, None, 1, 0], [2, 3, None, None])
    [7, 3, 1, 0]
    """
    return [(one or 0) + (other or 0) for one, other in zip(known, more, strict=True)]


def minus(known: Counts, less: Counts) -> list[int]:
    """
    >>> minus([5, 3, 1, None], [2, 3, None, None])
    [3, 0, 1, 0]
    """
    return [(one or 0) - (other or 0) for one, other in zip(known, less, strict=True)]


def of(fields: Mapping[str, int | None]) -> list[int]:
    """Counts that stand under their names, in order.

    >>> of({"cache_read_tokens": 4, "prompt_tokens": 6})
    [6, 0, 4, 0]
    """
    return [fields.get(name) or 0 for name in NAMES]


def fields(counts: Counts) -> dict[str, Any]:
    """Counts under their names, those that say something: as a write takes them.

    >>> fields([6, None, 4, 0])
    {'prompt_tokens': 6, 'cache_read_tokens': 4}
    """
    return {name: count for name, count in zip(NAMES, counts, strict=True) if count}


class Tally(msgspec.Struct):
    """The running sums of a session's messages, and what they cost; 0 is what no message told."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost: Decimal = Decimal(0)

    def add(self, message: MessageWrite) -> None:
        for name in NAMES:
            setattr(self, name, getattr(self, name) + (getattr(message, name) or 0))
        self.cost += message.cost_usd or 0

    def fields(self) -> dict[str, Any]:
        """What a SessionWrite says of them: None where nothing was told.

        >>> Tally(prompt_tokens=3).fields()["prompt_tokens"], Tally().fields()["cost_usd"]
        (3, None)
        """
        return {**{name: getattr(self, name) or None for name in NAMES}, "cost_usd": self.cost or None}
