"""What an operator says that a unit costs, and the names of what is counted."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

LLM = "llm"
"""The service of messages' tokens."""
METRICS = {
    "input_tokens": "input", "cache_read_tokens": "cache_read", "cache_write_tokens": "cache_write",
    "cache_write_1h_tokens": "cache_write_1h", "output_tokens": "output",
}  # fmt: skip
"""Metrics that count tokens, to the price of one."""


class Rate(NamedTuple):
    """From `valid_from` until the next of the same service, metric and model; an empty model is every model."""

    service: str
    metric: str
    model: str
    valid_from: datetime
    usd_per_unit: Decimal
