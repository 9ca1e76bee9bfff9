"""The sums of a session's messages: tokens in four disjoint counts, and money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from service.model.message import MessageWrite

_COUNTS = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")


class Tally(msgspec.Struct):
    """Running sums; 0 is what no message told."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost: Decimal = Decimal(0)

    def add(self, message: MessageWrite) -> None:
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + (getattr(message, name) or 0))
        self.cost += message.cost_usd or 0

    def fields(self) -> dict[str, Any]:
        """What a SessionWrite says of them: None where nothing was told.

        >>> Tally(prompt_tokens=3).fields()["prompt_tokens"], Tally().fields()["cost_usd"]
        (3, None)
        """
        return {**{name: getattr(self, name) or None for name in _COUNTS}, "cost_usd": self.cost or None}
