"""Where a query's terms stand in a text, found with the analysis of the index. Pure.

A word is marked whole when it matches whole; in `handleCallback` a search for `callback` marks the piece. Words of a
phrase are marked only where they follow each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from indexing.fulltext.analysis import (
    CHUNK,
    MARK,
    SIGN,
    forms,
    is_sign_word,
    is_unspaced,
    normal,
    pieces,
    sign_word,
    stem,
    stems,
)
from indexing.model import Term

CHUNKS_KNOWN = 5_000
_PLAIN_CHUNK = re.compile(r"[^\W_]+")
"""What `CHUNK` is in a text without combining marks."""
_SIGN = re.compile(rf"({SIGN.pattern})[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]*")
"""With its skin tone and the mark of its form."""
_FOREIGN = re.compile(r"[^\W\x00-\x7f]+")
"""Letters beyond ASCII, and not the `…` that begins most snippets."""
_IRREGULAR = {"die": "dying", "lie": "lying", "tie": "tying"}
"""Stems that are not how their words begin."""


class Mark(NamedTuple):
    """A match: offsets in code points, end exclusive, and what matched (equal for matches of the same thing)."""

    start: int
    end: int
    what: str


class Marker:
    """Finds the wanted and required terms of a query in any text; excluded ones are never marked."""

    def __init__(self, terms: Iterable[Term]) -> None:
        positive = [term for term in terms if term.occur != "must_not"]
        words = [term.text for term in positive if term.kind == "word"]
        split = [(term.kind, tuple(forms(term.text))) for term in positive if term.kind != "word"]
        self._stems = {found for word in words for found in stems(word)}
        self._forms = {found[0] for word in words if len(found := forms(word)) == 1}
        self._forms |= {found[0] for kind, found in split if kind == "phrase" and len(found) == 1}
        self._prefixes = tuple(found[0] for kind, found in split if kind == "prefix" and len(found) == 1)
        self._phrases = {found for _, found in split if len(found) > 1}
        self._needles = _needles(self._stems, {*self._forms, *self._prefixes})
        self._signs = {each for each in self._stems | self._forms if is_sign_word(each)}
        self._known: dict[str, tuple[Mark, ...]] = {}

    def marks(self, text: str) -> list[Mark]:
        """All matches in a text, in order and without overlaps.

        >>> Marker([Term("redirects"), Term("callback")]).marks("redirect in handleCallback")
        [Mark(start=0, end=8, what='redirect'), Mark(start=18, end=26, what='callback')]
        """
        found = [
            Mark(mark.start + at, mark.end + at, mark.what)
            for at, chunk in self._candidates(text).items()
            for mark in self._inside(chunk)
        ]
        if self._phrases:
            found += self._phrases_in(text)
        if self._signs and not text.isascii():
            found += [
                Mark(sign.start(), sign.end(), sign[1])
                for sign in _SIGN.finditer(text)
                if sign_word(sign[1]) in self._signs
            ]
        return _without_overlaps(sorted(found, key=lambda mark: (mark.start, -mark.end)))

    def _candidates(self, text: str) -> Mapping[int, str]:
        """The chunks in which something may be marked, by where they begin. Looking for letters is much cheaper than analysing."""
        lower = text.lower()
        if len(lower) != len(text) or not (text.isascii() or MARK.search(text) is None):
            return {match.start(): match.group() for match in CHUNK.finditer(text)}
        found: dict[int, str] = {}
        for needle in self._needles:
            at = lower.find(needle)
            while at >= 0:
                if at and text[at - 1].isalnum() and not text[at].isupper():
                    at = lower.find(needle, at + 1)  # not where a word or a piece of one begins
                    continue
                start, end = _chunk_around(text, at)
                found[start] = text[start:end]
                at = lower.find(needle, end)
        if not text.isascii():
            # How other letters are folded, only the analysis knows.
            for run in _FOREIGN.finditer(text):
                start, end = _chunk_around(text, run.start())[0], _chunk_around(text, run.end() - 1)[1]
                found.update(
                    (match.start(), match.group()) for match in _PLAIN_CHUNK.finditer(text, start, end)
                )
        return found

    def _inside(self, chunk: str) -> tuple[Mark, ...]:
        """The marks in a chunk, kept: texts that match one query share most of their words."""
        found = self._known.get(chunk)
        if found is None:
            if len(self._known) >= CHUNKS_KNOWN:
                self._known.clear()
            found = self._known[chunk] = tuple(self._in_chunk(chunk, 0))
        return found

    def _in_chunk(self, chunk: str, at: int) -> Iterator[Mark]:
        if not chunk.isascii() and any(map(is_unspaced, chunk)):
            yield from self._in_unspaced(chunk, at)
            return
        whole, whole_stem, parts = _analysed(chunk)
        if (
            whole in self._forms
            or whole_stem in self._stems
            or (self._prefixes and whole.startswith(self._prefixes))
        ):
            yield Mark(at, at + len(chunk), whole_stem)
            return
        for start, end, part in parts:
            if part in self._stems or (self._prefixes and part.startswith(self._prefixes)):
                yield Mark(at + start, at + end, part)

    def _in_unspaced(self, chunk: str, at: int) -> Iterator[Mark]:
        """Pairs of letters, as they are indexed; a single letter only when it was asked for alone."""
        for index, (first, second) in enumerate(pairwise([*chunk, ""])):
            if second and (pair := normal(first + second)) in self._stems:
                yield Mark(at + index, at + index + 2, pair)
            elif (letter := normal(first)) in self._forms:
                yield Mark(at + index, at + index + 1, letter)

    def _phrases_in(self, text: str) -> Iterator[Mark]:
        if text.isascii() and not any(
            all(word in text.lower() for word in phrase) for phrase in self._phrases
        ):
            return
        words = list(_forms_in(text))
        for index, (start, _, word) in enumerate(words):
            for phrase in self._phrases:
                if (
                    phrase[0] == word
                    and tuple(each for _, _, each in words[index : index + len(phrase)]) == phrase
                ):
                    yield Mark(start, words[index + len(phrase) - 1][1], " ".join(phrase))


@lru_cache(maxsize=16)
def marker(terms: tuple[Term, ...]) -> Marker:
    """The marker of these terms: one for all the snippets of a search."""
    return Marker(terms)


def _needles(stems: Iterable[str], forms: Iterable[str]) -> list[str]:
    """Letters of which each chunk of ASCII that matches holds some: the English stemmer changes the last one at most.

    >>> _needles({"happi", "go"}, {"happiness"})
    ['go', 'happ']
    """
    begins = {stem[: max(2, len(stem) - 1)] for stem in stems} | {
        _IRREGULAR[stem] for stem in stems if stem in _IRREGULAR
    }
    wanted = {needle for needle in (*begins, *forms) if needle.isascii()}
    return sorted(
        needle
        for needle in wanted
        if not any(needle.startswith(other) for other in wanted if other != needle)
    )


def _chunk_around(text: str, at: int) -> tuple[int, int]:
    """Where the letters and digits around a place begin and end."""
    start = at
    while start and text[start - 1].isalnum():
        start -= 1
    inside = _PLAIN_CHUNK.match(text, start)
    return start, inside.end() if inside else at + 1


def _forms_in(text: str) -> Iterator[tuple[int, int, str]]:
    """The forms of a text with where they stand."""
    for match in CHUNK.finditer(text):
        chunk, at = match.group(), match.start()
        if not chunk.isascii() and any(map(is_unspaced, chunk)):
            yield from ((at + index, at + index + 1, normal(letter)) for index, letter in enumerate(chunk))
        else:
            yield at, match.end(), _analysed(chunk)[0]


@lru_cache(maxsize=50_000)
def _analysed(chunk: str) -> tuple[str, str, Sequence[tuple[int, int, str]]]:
    """A chunk's form, its stem as one word, and start, end and stem of its pieces (none for a word of one piece)."""
    found = forms(chunk)
    whole = found[0] if found else ""
    borders = pieces(chunk)
    parts = [(start, end, stem(chunk[start:end])) for start, end in borders] if len(borders) > 1 else []
    return whole, stem(whole), parts


def _without_overlaps(marks: Sequence[Mark]) -> list[Mark]:
    """Of marks that overlap, one over all that they cover."""
    kept: list[Mark] = []
    for mark in marks:
        if kept and mark.start < kept[-1].end:
            kept[-1] = kept[-1]._replace(end=max(kept[-1].end, mark.end))
        else:
            kept.append(mark)
    return kept
