"""Items stored together where they can be, and apart where Postgres refuses one of them.

Rule: all of it is one transaction. Only when an item is refused is it cut in halves, and those again, until the
refused ones stand alone and every other is stored; their order is kept, so what must come last comes last.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from service.storage.attempts import Refused

T = TypeVar("T")
R = TypeVar("R")


async def each(
    items: Sequence[T], store: Callable[[Sequence[T]], Awaitable[R]]
) -> list[tuple[Sequence[T], R | Refused]]:
    """The items in pieces, in order, each with what `store` gave for it; a refused one alone with its error."""
    try:
        return [(items, await store(items))]
    except Refused as error:
        if len(items) <= 1:
            return [(items, error)]
    middle = len(items) // 2
    return [*await each(items[:middle], store), *await each(items[middle:], store)]
