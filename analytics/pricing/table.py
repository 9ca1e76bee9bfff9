"""The price table: `genai-prices`, as it is installed. Nothing is asked of the network.

Its `UpdatePrices` would; it is not used. A name that the told provider does not know is looked up without the provider,
since many resell others' models under their names.
https://github.com/pydantic/genai-prices
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import genai_prices
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from analytics.pricing.cards import Card, card, dearest

VERSION = f"genai-prices {genai_prices.__version__}"
MTOK = 1_000_000
_NAMES = {
    "input": "input_mtok", "cache_read": "cache_read_mtok", "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok", "output": "output_mtok",
}  # fmt: skip
_SUFFIX = re.compile(r"\[[^\]]*\]$")
_MADE_UP = re.compile(r"^(?:unknown|auto|default|test)?$")


def price_card(model: str, provider: str, at: datetime, context: Mapping[str, str]) -> Card | None:
    """What the table says of a model at a time; None where it does not know it."""
    found = _found(model, provider)
    return None if found is None else _card(found[1].get_prices(at, context))


def provider_of(model: str, provider: str) -> str:
    """Who serves a model: the provider that was told, in the table's spelling where it knows it, else by the model.

    >>> provider_of("claude-sonnet-4-20250514", ""), provider_of("gpt-5", "my-proxy"), provider_of("x", "")
    ('anthropic', 'my-proxy', '')
    """
    if provider:
        return provider
    found = _found(model, "")
    return found[0] if found else ""


@lru_cache(maxsize=4096)
def _found(model: str, provider: str) -> tuple[str, ModelInfo] | None:
    if _MADE_UP.match(model):
        return None
    for name, served_by in _attempts(model, provider):
        try:
            found = genai_prices.calc_price(genai_prices.Usage(), name, provider_id=served_by)
        except LookupError:
            continue
        return found.provider.id, found.model
    return None


def _attempts(model: str, provider: str) -> Iterator[tuple[str, str | None]]:
    """As it is written; without a mark like `[1m]`; without the `maker/` before it."""
    bare = _SUFFIX.sub("", model)
    names = dict.fromkeys((model, bare, bare.rpartition("/")[2]))
    if provider:
        yield from ((name, provider) for name in names)
    yield from ((name, None) for name in names)


def _card(told: ModelPrice) -> Card | None:
    told_prices = [getattr(told, name) for name in _NAMES.values()]
    starts = {tier.start for each in told_prices if isinstance(each, TieredPrices) for tier in each.tiers}

    def price(kind: str, above: int) -> Decimal | None:
        found = getattr(told, _NAMES[kind])
        if not isinstance(found, TieredPrices):
            return found if isinstance(found, Decimal) else None
        return dearest([(-1, found.base), *((tier.start, tier.price) for tier in found.tiers)], above)

    return card(starts, price, version=VERSION, tokens=MTOK)
