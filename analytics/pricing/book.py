"""`Book`: which prices hold for what was used at a time.

Rule: an operator's rate goes before a price file, a price file before the price table; a rate replaces its own metric
only. A rate holds from its date until the next of the same service, metric and model; one for a model goes before one
for every model (the empty name). Nothing known is None, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from analytics.pricing import table
from analytics.pricing.cards import PICO, Card, Prices
from analytics.pricing.litellm import LiteLLM
from analytics.pricing.rates import LLM, METRICS, Rate

RATES = "rates"
_NO_CARD = Card(((-1, Prices(0, 0, 0, 0, 0)),), RATES)


class Book:
    def __init__(self, rates: Iterable[Rate] = (), file: LiteLLM | None = None) -> None:
        self._rates: dict[tuple[str, str, str], list[Rate]] = {}
        for rate in sorted(rates, key=lambda rate: rate.valid_from):
            self._rates.setdefault((rate.service, rate.metric, rate.model), []).append(rate)
        self._file = file

    @property
    def version(self) -> str:
        """What the prices are from, with the table's version."""
        told = [table.VERSION]
        if self._file:
            told.insert(0, self._file.version)
        if self._rates:
            told.insert(0, RATES)
        return " + ".join(told)

    def rate(self, service: str, metric: str, model: str, at: datetime) -> Decimal | None:
        """What an operator says that a unit costs, in USD."""
        for name in dict.fromkeys((model, "")):
            for rate in reversed(self._rates.get((service, metric, name), ())):
                if rate.valid_from <= at:
                    return rate.usd_per_unit
        return None

    def card(
        self, model: str, provider: str, at: datetime, *, tier: str = "", service: str = LLM
    ) -> Card | None:
        """What tokens of a model cost at a time; `tier` as `context` reads it."""
        base = self._file.card(model, provider) if self._file else None
        base = base or table.price_card(model, provider, at, context(tier))
        told = {
            field: usd
            for metric, field in METRICS.items()
            if (usd := self.rate(service, metric, model, at)) is not None
        }
        if not told:
            return base
        if base is None and not {"input", "output"} <= told.keys():
            return None
        pico = {field: round(usd * PICO) for field, usd in told.items()}
        if base is None:
            plain = pico["input"]
            pico = {"cache_read": plain, "cache_write": plain, **pico}
            pico.setdefault("cache_write_1h", pico["cache_write"])
        steps = (base or _NO_CARD).steps
        return Card(tuple((above, prices._replace(**pico)) for above, prices in steps), RATES)


def context(tier: str) -> dict[str, str]:
    """The price table's context of a request: `tier` is `<service tier>/<speed>` as the usage told them.

    >>> context("batch/standard"), context("priority/"), context("standard/fast"), context("")
    ({'processing': 'batch'}, {'service_tier': 'priority'}, {'speed': 'fast'}, {})
    """
    service_tier, _, speed = tier.partition("/")
    found = {}
    if service_tier == "batch":
        found["processing"] = "batch"
    elif service_tier in ("priority", "flex", "fast"):
        found["service_tier"] = service_tier
    if speed == "fast":
        found["speed"] = "fast"
    return found
