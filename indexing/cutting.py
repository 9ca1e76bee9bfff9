"""Where to cut a text, so that a reader is not thrown into the middle: at sentences where they are near, else at words. Pure.

Never inside a written character: a letter and its accents, an emoji and what is joined to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SPACES = re.compile(r"\s+")
_SENTENCE_START = re.compile(r"[.!?…。！？\n](?:(?<=[.!?…])\s+|(?<=[。！？])|(?<=\n)\s*)(?=\S)")
"""Ends where a sentence starts. Begins with the sign before, because a class is much faster to scan for than a look-behind."""
_LAST_BORDER = re.compile(r"\s(?=\S*$)")
_BELONGS = re.compile(r"[\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff\ufe00-\ufe0f\u200d\U0001f3fb-\U0001f3ff]")


def around(text: str, start: int, end: int, *, limit: int) -> tuple[int, int]:
    """Where to cut out about `limit` characters with what stands from `start` to `end` in them (or its beginning).

    >>> text = "First this. Then the redirect loops. And more."
    >>> low, high = around(text, 21, 29, limit=30)
    >>> text[low:high]
    'Then the redirect loops.'
    """
    if len(text) <= limit:
        return 0, len(text)
    low = start_near(text, start, reach=max(limit - (end - start), 0) // 2)
    return low, end_near(text, low, limit, beyond=end)


def start_near(text: str, at: int, *, reach: int) -> int:
    """The nearest sentence start within reach before `at`, else a word's start."""
    low = max(at - reach, 0)
    before = text[low:at]
    starts = [match.end() for match in _SENTENCE_START.finditer(text[low : at + 1])]
    if starts or low == 0:
        return low + starts[-1] if starts else 0
    # Not to lose what leads to the match, at most a third of the reach is spent on a cut at a word.
    space = _SPACES.search(before, 0, max(reach // 3, 1))
    return low + space.end() if space else off_marks(text, low)


def end_near(text: str, start: int, limit: int, *, beyond: int) -> int:
    """At most `limit` characters after `start`: the last sentence's end in the last third, else a word's end."""
    end = min(start + limit, len(text))
    if end == len(text):
        return end
    least = max(beyond, start + limit * 2 // 3) - start
    shown = text[start:end]
    ends = [
        match.start() + (match[0][0] != "\n") for match in _SENTENCE_START.finditer(text[start : end + 2])
    ]
    good = [each for each in ends if least <= each <= limit]
    if good:
        return start + good[-1]
    border = _LAST_BORDER.search(shown) if not text[end].isspace() else None
    return (
        start + border.start()
        if border and border.start() >= min(least, limit - 40)
        else off_marks(text, end)
    )


def off_marks(text: str, at: int) -> int:
    """Not between a letter and its accents, nor inside a joined emoji."""
    while 0 < at < len(text) and (_BELONGS.match(text, at) or text[at - 1] == "\u200d"):
        at -= 1
    return at


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentences and lines of a stretch of a text.

    >>> [*sentences("One. Two! Three", 0, 15)]
    [(0, 5), (5, 10), (10, 15)]
    """
    at = start
    for border in _SENTENCE_START.finditer(text, start, end):
        yield at, border.end()
        at = border.end()
    if at < end:
        yield at, end
