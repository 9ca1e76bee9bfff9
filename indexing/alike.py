"""Texts that are nearly the same: a pasted prompt, one tool's output in ten sessions. Pure.

A text's shape is the set of its runs of three words, each with how often it was met before. Two texts are alike when
their shapes share 0.85 of what either holds (Jaccard); a short or monotonous one only when the shapes are equal,
since there a single word is what tells two texts apart.

Who may be alike is found by prefix filtering (Chaudhuri, Ganti, Kaushik: A primitive operator for similarity joins,
2006): in one order of all runs, two sets that share so much share one of their first few. Nothing is estimated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import ceil

from indexing.fulltext.analysis import forms

Shape = frozenset[int]

SHARED = 0.85
"""Of all the runs of both."""
RUN_WORDS = 3
LEAST_WORDS = 16
"""Different ones, for a text to be alike another that is not equal."""
MOST_CHARACTERS = 20_000
"""A longer text is known by its beginning and its length."""


def shape(text: str) -> Shape:
    """The shape of a text, the same whatever its case, spaces, signs and accents; empty for a text without words.

    Comparable within one process: runs are numbered by Python's own hash.

    >>> shape("Run it again!") == shape("run  IT again"), shape("Run it again") == shape("Run it")
    (True, False)
    """
    words = forms(text[:MOST_CHARACTERS])
    if not words:
        return frozenset()
    runs: Counter[tuple[str, ...]] = Counter()
    found = set()
    for start in range(max(len(words) - RUN_WORDS + 1, 1)):
        run = tuple(words[start : start + RUN_WORDS])
        found.add(hash((run, runs[run])))
        runs[run] += 1
    if len(set(words)) < LEAST_WORDS or len(text) > MOST_CHARACTERS:
        # What is alike only itself is one run of its own.
        return frozenset({hash((len(text) if len(text) > MOST_CHARACTERS else 0, *words))})
    return frozenset(found)


def are_alike(one: Shape, other: Shape) -> bool:
    """
    >>> are_alike(shape("ok"), shape("OK.")), are_alike(shape("step 1"), shape("step 2")), are_alike(shape(""), shape(""))
    (True, False, False)
    """
    shared = len(one & other)
    return shared > 0 and shared >= SHARED * (len(one) + len(other) - shared)


class Seen:
    """Shapes that were met, to ask of each new one whether it is alike one of them.

    >>> seen = Seen()
    >>> [seen.first(shape(text)) for text in ("a b c", "d", "A, B, C!", "")]
    [None, None, 0, None]
    """

    def __init__(self, shapes: Iterable[Shape] = ()) -> None:
        self._shapes: list[Shape] = []
        self._by_run: dict[int, list[int]] = {}
        for each in shapes:
            self.add(each)

    def first(self, shape: Shape) -> int | None:
        """The place of the first shape that this one is alike; where there is none, it is taken up itself."""
        place = self.find(shape)
        if place is None:
            self.add(shape)
        return place

    def find(self, shape: Shape) -> int | None:
        among = {place for run in _telling(shape) for place in self._by_run.get(run, ())}
        return next((place for place in sorted(among) if are_alike(self._shapes[place], shape)), None)

    def add(self, shape: Shape) -> None:
        for run in _telling(shape):
            self._by_run.setdefault(run, []).append(len(self._shapes))
        self._shapes.append(shape)


def _telling(shape: Shape) -> list[int]:
    """The first runs in the order of numbers, of which two alike shapes share one."""
    return sorted(shape)[: len(shape) - ceil(SHARED * len(shape)) + 1] if shape else []
