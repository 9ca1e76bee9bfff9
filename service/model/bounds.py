"""What a field may hold, wherever it comes from: /sync, /api/import.

Rule: nothing is cut. A value out of bounds refuses its item with a sentence that names the field and not the value.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

MAX_ID_CHARS = 512
MAX_SOURCE_CHARS = 100
MAX_NAME_CHARS = 500
"""Of a model, a provider, a project."""
MAX_LINE_CHARS = 10_000
"""Of a title, a path."""
MAX_PARTS = 10_000
MAX_COUNT = 10**15
"""Tokens or milliseconds: sums of many still fit a bigint, and each is exact in JavaScript."""
MAX_COST_USD = 10**9

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MS = 253_402_300_799_999
"""Of the year 9999, where a datetime ends."""
COST_UNIT = Decimal("1e-10")
"""As the tables keep it."""


def cost_usd(value: int | float) -> Decimal | None:
    """US dollars, exact to the ten places that are kept; 0 says nothing.

    >>> cost_usd(0.1), cost_usd(0)
    (Decimal('0.1000000000'), None)
    """
    return Decimal(str(value)).quantize(COST_UNIT) or None
