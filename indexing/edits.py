"""How many keystrokes two words are apart, and which words are near. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

SHORTEST = 3
LONG = 6
"""Letters from which on two slips are forgiven; below, one."""


def allowed(word: str) -> int:
    """How many slips in a word of this length still leave it recognisable.

    >>> [allowed(word) for word in ("ab", "abc", "abcde", "abcdef")]
    [0, 1, 1, 2]
    """
    return 0 if len(word) < SHORTEST else 1 if len(word) < LONG else 2


def near(word: str, among: Iterable[str], *, most: int) -> Iterator[tuple[str, int]]:
    """Those at most `most` slips away, with how many.

    >>> [*near("redirct", ["redirect", "redirects", "loop", "redirct"], most=2)]
    [('redirect', 1), ('redirects', 2), ('redirct', 0)]
    """
    letters = _letters(word)
    for other in among:
        # One slip changes the sets of letters by two at most, and the length by one: most words are told apart by that.
        if abs(len(other) - len(word)) <= most and (letters ^ _letters(other)).bit_count() <= 2 * most:
            slips = distance(word, other)
            if slips <= most:
                yield other, slips


def distance(one: str, other: str) -> int:
    """Letters left out, added, changed, or swapped with the next (optimal string alignment).

    >>> distance("recieve", "receive"), distance("loop", "lop"), distance("", "ab")
    (1, 1, 2)
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        before_that, before, row = before, row, [i]
        for j, wanted in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before_that[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _letters(word: str) -> int:
    found = 0
    for letter in word:
        found |= 1 << (ord(letter) & 63)
    return found
