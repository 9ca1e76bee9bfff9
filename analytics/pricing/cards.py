"""A price card: what a token of each kind costs, in steps by how long the request was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

PICO = 10**12


class Prices(NamedTuple):
    """Pico-dollars (1e-12 USD) a token: whole numbers, since tables tell at most six places of dollars a million."""

    input: int
    cache_read: int
    cache_write: int
    cache_write_1h: int
    output: int


class Card(NamedTuple):
    """`steps`: (above how many input tokens, cached ones with them; prices), ascending; the first is above -1."""

    steps: tuple[tuple[int, Prices], ...]
    version: str
    """Of the table that it is from."""

    def at(self, input_tokens: int) -> Prices:
        """The prices of a request of so many input tokens, cached ones with them.

        >>> dear = Prices(2, 2, 2, 2, 2)
        >>> Card(((-1, Prices(1, 1, 1, 1, 1)), (200_000, dear)), "v").at(200_001) == dear
        True
        """
        return next(prices for above, prices in reversed(self.steps) if input_tokens > above)


def card(
    starts: Iterable[int], price: Callable[[str, int], Decimal | None], *, version: str, tokens: int
) -> Card | None:
    """A card of the USD that `price(kind, above)` tells for `tokens` tokens; None where neither input nor output has one.

    A cached token without a price of its own costs what any other of the input does, a 1-hour write what a write does.
    """
    steps = []
    for above in sorted({-1, *starts}):
        told = {kind: price(kind, above) for kind in Prices._fields}
        if told["input"] is None and told["output"] is None:
            return None
        steps.append((above, _prices(told, tokens)))
    return Card(tuple(steps), version)


def _prices(told: dict[str, Decimal | None], tokens: int) -> Prices:
    zero = Decimal(0)
    plain = told["input"] or zero
    write = first(told["cache_write"], plain)
    usd = (
        plain,
        first(told["cache_read"], plain),
        write,
        first(told["cache_write_1h"], write),
        told["output"] or zero,
    )
    return Prices(*(round(each * PICO / tokens) for each in usd))


def first(told: Decimal | None, otherwise: Decimal) -> Decimal:
    return otherwise if told is None else told


def dearest(steps: Sequence[tuple[int, Decimal]], above: int) -> Decimal:
    """The price of the last step that begins at or below `above`; `steps` ascend, and the first is below all."""
    return next(price for start, price in reversed(steps) if start <= above)
