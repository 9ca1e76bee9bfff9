"""What aider's notes tell: its version, the model, and what an answer took.

Rule: figures in notes are rounded ("2.3k", "$0.01"): they are estimates and say so.
"""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

_AMOUNT = r"([\d.,]+[kKmM]?)"
_TOKENS = re.compile(
    rf"Tokens: {_AMOUNT} sent(?:, {_AMOUNT} cache write)?(?:, {_AMOUNT} cache hit)?, {_AMOUNT} received"
)
_COST = re.compile(r"Cost: \$(\d{1,9}(?:\.\d{1,10})?) \w+, \$[\d.]+ session")
_MODEL = re.compile(r"(?:Main model|Models?): (\S{1,200}) with \S+ edit format.*")
_VERSION = re.compile(r"Aider v(\S{1,60})")
_UNITS = {"k": 1_000, "m": 1_000_000}


class Usage(msgspec.Struct):
    """Of one answer or of a run: four disjoint counts, 0 where nothing was told."""

    sent: int = 0
    received: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost_usd: Decimal = Decimal(0)

    def plus(self, other: Usage) -> Usage:
        return Usage(
            self.sent + other.sent,
            self.received + other.received,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.cost_usd + other.cost_usd,
        )


def usage(note: str) -> Usage | None:
    """What a note says of the answer before it. The cost may stand in a note of its own.

    >>> usage("Tokens: 2.3k sent, 1.1k cache hit, 512 received. Cost: $0.01 message, $0.02 session.")
    Usage(sent=1200, received=512, cache_read=1100, cache_write=0, cost_usd=Decimal('0.01'))
    """
    tokens, cost = _TOKENS.match(note), _COST.search(note)
    if tokens is None and (cost is None or cost.start() != 0):
        return None
    found = Usage()
    if tokens is not None:
        sent, written, read, received = (_amount(tokens[group]) for group in (1, 2, 3, 4))
        found = Usage(max(sent - read - written, 0), received, read, written)
    if cost is not None:
        found.cost_usd = Decimal(cost[1])
    return found


def model(note: str) -> str | None:
    """
    >>> model("Main model: gpt-4o with diff edit format, infinite output")
    'gpt-4o'
    """
    found = _MODEL.fullmatch(note)
    return found[1] if found else None


def version(note: str) -> str | None:
    found = _VERSION.fullmatch(note)
    return found[1] if found else None


def _amount(text: str | None) -> int:
    """
    >>> _amount("15k"), _amount("1,234"), _amount(None), _amount("...")
    (15000, 1234, 0, 0)
    """
    if not text:
        return 0
    unit = _UNITS.get(text[-1].lower(), 1)
    digits = text.rstrip("kKmM").replace(",", "").strip(".")
    try:
        return min(round(float(digits) * unit), 10**12)
    except (ValueError, OverflowError):
        return 0
