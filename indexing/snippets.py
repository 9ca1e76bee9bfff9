"""The piece of a message that shows why it was found, with the matches in it. Pure.

The window with the most different matches wins, rare ones counting more; without any match, the sentence that
stands at the passage which was found by meaning, else the beginning. Cut at sentences where they are near, else at
words; whitespace is made single spaces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import fsum

import msgspec

from indexing import cutting
from indexing.marks import Mark, Marker, marker
from indexing.model import Field, Term

SNIPPET_CHARACTERS = 240
SCAN_CHARACTERS = 50_000
"""A longer text is looked at only around where the terms stand literally."""
RUN_LETTERS = 4
_AROUND = 1_000
_PLACES_PER_TERM = 3
_PASSAGE_BONUS = 0.5
_KIND_WEIGHT = {"text": 1.0, "reasoning": 0.9, "tool-call": 0.8, "tool-result": 0.8}


class Snippet(msgspec.Struct, frozen=True):
    field: int
    """`Field.ordinal`: where it was taken from."""
    text: str
    highlights: list[tuple[int, int]]
    """Start and end of each match in `text`, in code points, end exclusive."""


class Window(msgspec.Struct, frozen=True, gc=False):
    field: Field
    start: int
    """Of the first match; where nothing matches, of the text to show."""
    end: int
    """Of the last match."""
    score: float


def snippet(
    fields: Sequence[Field],
    terms: Sequence[Term],
    *,
    passage: tuple[int, int, int] | None = None,
    limit: int = SNIPPET_CHARACTERS,
) -> Snippet:
    """The best `limit` characters of a message. `passage`: field ordinal, start and end of what was found by meaning.

    >>> snippet([Field(-1, "text", "First this. Then the redirect loops.")], [Term("redirects")], limit=30)
    Snippet(field=-1, text='…Then the redirect loops.', highlights=[(10, 18)])
    """
    window = best_window(fields, terms, passage=passage, limit=limit)
    if window is None:
        return Snippet(field=-1, text="", highlights=[])
    text = _shown(window, limit)
    return Snippet(
        field=window.field.ordinal, text=text, highlights=_joined(text, marker(tuple(terms)).marks(text))
    )


def best_window(
    fields: Sequence[Field],
    terms: Sequence[Term],
    *,
    passage: tuple[int, int, int] | None = None,
    limit: int = SNIPPET_CHARACTERS,
) -> Window | None:
    """The best place to show, where most of what was looked for stands within `limit` characters; None: there is no text."""
    marked = marker(tuple(terms))
    best = None
    for field in fields:
        for window in _windows(field, terms, marked, passage, limit):
            if best is None or window.score > best.score:
                best = window
    return best or _beginning(fields, passage, terms)


def _windows(
    field: Field, terms: Sequence[Term], marker: Marker, passage: tuple[int, int, int] | None, limit: int
) -> Iterator[Window]:
    """For each match, the window that begins with it."""
    inside = passage[1:] if passage and passage[0] == field.ordinal else (0, 0)
    for low, high in _regions(field.text, terms):
        marks = marker.marks(field.text[low:high])
        if low:
            marks = [Mark(mark.start + low, mark.end + low, mark.what) for mark in marks]
        counts = Counter(mark.what for mark in marks)
        last = 0
        for first, mark in enumerate(marks):
            last = max(last, first)
            while last + 1 < len(marks) and marks[last + 1].end - mark.start <= limit * 4 // 5:
                last += 1
            what = {each.what for each in marks[first : last + 1]}
            score = fsum(1 + 1 / counts[each] for each in what) * _KIND_WEIGHT[field.kind]
            bonus = _PASSAGE_BONUS if inside[0] <= mark.start < inside[1] else 0.0
            yield Window(field=field, start=mark.start, end=marks[last].end, score=score + bonus)


def _regions(text: str, terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    """The stretches of a text that are worth analysing: all of it, or around literal occurrences when it is long."""
    if len(text) <= SCAN_CHARACTERS:
        yield 0, len(text)
        return
    lower = text.lower()
    for term in terms:
        # An ending that the stemmer would take off is not looked for: `redirects` is found in `redirected`.
        needle = (
            term.text.lower() if term.kind == "phrase" else term.text.lower()[: max(4, len(term.text) - 3)]
        )
        at = -1
        for _ in range(_PLACES_PER_TERM):
            at = lower.find(needle, at + 1)
            if at < 0 or not needle:
                break
            yield max(at - _AROUND, 0), min(at + _AROUND, len(text))


def _beginning(
    fields: Sequence[Field], passage: tuple[int, int, int] | None, terms: Sequence[Term]
) -> Window | None:
    """Where nothing matches: the passage that was found by meaning, else the first field that says anything."""
    for field in fields:
        if passage and field.ordinal == passage[0] and field.text[passage[1] : passage[2]].strip():
            start, end = _likest_sentence(field.text, passage[1], passage[2], terms)
            return Window(field=field, start=start, end=end, score=0.0)
    return next(
        (Window(field=field, start=0, end=0, score=0.0) for field in fields if field.text.strip()), None
    )


def _likest_sentence(text: str, start: int, end: int, terms: Sequence[Term]) -> tuple[int, int]:
    """Of a passage in which no word matches: the sentence that shares most letters in a row with what was looked for
    (`authenticate` with `authentication`), each kind once; where none does, the first. Empty at its beginning: it is shown
    from there, and needs no more room.
    """
    wanted = _wanted_runs(tuple(terms))
    best, best_shared = start, 0.0
    for low, high in cutting.sentences(text, start, end):
        sentence = text[low:high].lower()
        shared = sum([run in sentence for run in wanted]) / (high - low + 100)
        if shared > best_shared:
            best, best_shared = low, shared
    return best, best


@lru_cache(maxsize=16)
def _wanted_runs(terms: tuple[Term, ...]) -> frozenset[str]:
    """Of a query: once for all the snippets of a search."""
    return frozenset(run for term in terms if term.occur != "must_not" for run in _runs(term.text))


def _runs(text: str) -> set[str]:
    lower = text.lower()
    return {
        run for at in range(len(lower) - RUN_LETTERS + 1) if (run := lower[at : at + RUN_LETTERS]).isalpha()
    }


def _shown(window: Window, limit: int) -> str:
    """The text around a window, cut at good places and on one line."""
    text = window.field.text
    if len(text) <= limit:
        return " ".join(text.split())
    start, end = cutting.around(text, window.start, window.end, limit=limit)
    body = " ".join(text[start:end].split())
    before, after = text[:start].strip() != "", text[end:].strip() != ""
    return f"{'…' if before else ''}{body}{'…' if after else ''}"


def _joined(text: str, marks: Sequence[Mark]) -> list[tuple[int, int]]:
    """Matches with at most a sign between them are one highlight: `foo.bar`, `user_name`, 東京都."""
    joined: list[tuple[int, int]] = []
    for mark in marks:
        between = text[joined[-1][1] : mark.start] if joined else " "
        if joined and len(between) <= 1 and not between.isspace() and between != "…":
            joined[-1] = (joined[-1][0], mark.end)
        else:
            joined.append((mark.start, mark.end))
    return joined
