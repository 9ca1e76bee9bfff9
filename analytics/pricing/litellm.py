"""Prices from a file in the form of LiteLLM's `model_prices_and_context_window.json`, which an operator keeps.

Its fields are USD a token; `..._above_200k_tokens` holds for a whole request of more input tokens than that, and
`cache_creation_input_token_cost_above_1hr` for writes that live an hour. It tells no dates: it holds for all time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from analytics.pricing.cards import Card, card

_NAMES = {
    "input": "input_cost_per_token", "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr", "output": "output_cost_per_token",
}  # fmt: skip
_STEP = re.compile(r"_above_(\d{1,9})k_tokens$")


class LiteLLM:
    """The cards of one file. Errors: ValueError, OSError when it cannot be read as such a file."""

    def __init__(self, text: bytes) -> None:
        told = json.loads(text, parse_float=Decimal)
        if not isinstance(told, dict):
            raise ValueError("a price file must be an object of models")
        self.version = f"litellm {hashlib.sha256(text).hexdigest()[:8]}"
        self._cards = {
            model.lower(): found
            for model, fields in told.items()
            if isinstance(fields, dict) and (found := _card(fields, self.version))
        }

    def card(self, model: str, provider: str) -> Card | None:
        model = model.lower()
        return self._cards.get(f"{provider.lower()}/{model}") or self._cards.get(model)


def read(path: Path) -> LiteLLM:
    return LiteLLM(path.read_bytes())


def _card(fields: Mapping[str, Any], version: str) -> Card | None:
    starts = {int(step[1]) * 1000 for name in fields if (step := _STEP.search(name))}

    def price(kind: str, above: int) -> Decimal | None:
        name = _NAMES[kind]
        stepped = f"{name}_above_{above // 1000}k_tokens"
        return _usd(fields.get(stepped)) if above >= 0 and stepped in fields else _usd(fields.get(name))

    return card(starts, price, version=version, tokens=1)


def _usd(told: Any) -> Decimal | None:
    """A price; None for what is none.

    >>> _usd(0), _usd(Decimal("3e-06")), _usd("x"), _usd(True)
    (Decimal('0'), Decimal('0.000003'), None, None)
    """
    if isinstance(told, bool) or not isinstance(told, int | Decimal):
        return None
    usd = Decimal(told)
    return usd if usd.is_finite() and 0 <= usd < 1 else None
