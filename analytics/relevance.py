"""How good a ranking is, by what a reader marked. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import log2


def ndcg(ranked: Sequence[str], good: Collection[str], *, k: int = 10) -> float | None:
    """nDCG@k of a list, with the marked ones worth 1 (Järvelin and Kekäläinen 2002); None without a mark.

    The best list has all that is `good` first, also what this list did not find: two lists are compared under the
    same marks. 1 is best. What nobody looked at counts as bad.

    >>> ndcg(["a", "b", "c"], {"a", "c"}), ndcg(["a"], set())
    (0.9197207891481876, None)
    """
    if not good:
        return None
    best = sum(1 / log2(place + 1) for place in range(1, min(k, len(good)) + 1))
    found = sum(1 / log2(place + 1) for place, one in enumerate(ranked[:k], 1) if one in good)
    return found / best


def moved(before: Sequence[str], after: Sequence[str]) -> dict[str, int | None]:
    """For each of `after` how many places it rose (fell: negative); None where `before` lacks it.

    >>> moved(["a", "b"], ["b", "c"])
    {'b': 1, 'c': None}
    """
    places = {one: place for place, one in enumerate(before)}
    return {one: places[one] - place if one in places else None for place, one in enumerate(after)}
