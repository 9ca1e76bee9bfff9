"""Cases that ask nearly the same, found in one pass that keeps no texts: SimHash, 64 bits, over shingles of words.

Two fingerprints that differ in at most 3 of 64 bits share one of four 16-bit bands, so only those are compared.
(Charikar 2002; Manku, Jain and Das Sarma 2007, "Detecting near-duplicates for web crawling".)
"""

from __future__ import annotations

import hashlib
import re

import msgspec
import numpy as np

WORD = re.compile(r"\w+")
MOST_CHARS = 4000
SHINGLE = 3
MOST_BITS = 3
MOST_IN_BAND = 200
"""Of one band; more are a sign of nothing."""
SHOWN = 5


class Pair(msgspec.Struct, frozen=True):
    first: str
    second: str
    leaks: bool
    """Whether they stand in different parts of the set."""


class Duplicates:
    """Give it each case's input in turn; it keeps fingerprints, not texts."""

    def __init__(self) -> None:
        self.count = 0
        """Cases that ask nearly what an earlier one asked."""
        self.leaks = 0
        self.pairs: list[Pair] = []
        self._bands: list[dict[int, list[tuple[int, str, str]]]] = [{}, {}, {}, {}]

    def add(self, id: str, text: str, split: str = "") -> None:
        mark = fingerprint(text)
        near = {
            (other, part)
            for found, other, part in self._near(mark)
            if (found ^ mark).bit_count() <= MOST_BITS
        }
        if near:
            leaks = [other for other, part in sorted(near) if part != split]
            self.count += 1
            self.leaks += bool(leaks)
            shown = leaks[0] if leaks else min(near)[0]
            if len(self.pairs) < SHOWN or (leaks and not self.pairs[-1].leaks):
                self.pairs = [Pair(shown, id, bool(leaks)), *self.pairs][:SHOWN]
        for number, band in enumerate(bands(mark)):
            held = self._bands[number].setdefault(band, [])
            if len(held) < MOST_IN_BAND:
                held.append((mark, id, split))

    def _near(self, mark: int) -> list[tuple[int, str, str]]:
        return [each for number, band in enumerate(bands(mark)) for each in self._bands[number].get(band, ())]


def fingerprint(text: str) -> int:
    """
    >>> a, b = fingerprint("Fix the login loop in the callback!"), fingerprint("fix the login loop in  the callback")
    >>> (a ^ b).bit_count(), (a ^ fingerprint("Write release notes")).bit_count() > 10
    (0, True)
    """
    words = WORD.findall(text[:MOST_CHARS].lower())
    shingles = {" ".join(words[start : start + SHINGLE]) for start in range(max(1, len(words) - SHINGLE + 1))}
    hashes = b"".join(hashlib.blake2b(each.encode(), digest_size=8).digest() for each in sorted(shingles))
    bits = np.unpackbits(np.frombuffer(hashes, dtype=np.uint8)).reshape(-1, 64)
    return int.from_bytes(np.packbits(bits.sum(axis=0) * 2 > len(bits)).tobytes())


def bands(mark: int) -> list[int]:
    return [mark >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
