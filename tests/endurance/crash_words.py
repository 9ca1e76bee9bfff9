"""Texts that read like work with agents, each with a word that nothing else has."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

from service import sample

LETTERS = "bcfghjklmnpqrtvwxz"
"""No vowel and no plural: what no stemmer shortens, and no tokenizer parts."""
WIDTH = 6
LENGTH = 120
"""Of what a text begins with: short, so that computing vectors keeps up."""


class Words:
    """Texts without end, for any number of threads."""

    def __init__(self, seed: int) -> None:
        self._texts = [
            message.get("textContent") or "" for _, messages in sample.read(0) for message in messages
        ]
        self._texts = [text for text in self._texts if text]
        self._numbers = itertools.count(seed % 1000 * 100_000)
        self._lock = threading.Lock()

    def text(self) -> tuple[str, str]:
        """A word, and a text in which it stands."""
        with self._lock:
            number = next(self._numbers)
        word = spelled(number)
        return word, f"{self._texts[number % len(self._texts)][:LENGTH]} The code word is {word}."

    def texts(self, count: int) -> Iterator[tuple[str, str]]:
        return (self.text() for _ in range(count))


def spelled(number: int) -> str:
    """A number as a word of its own.

    >>> spelled(0), spelled(19)
    ('zqbbbbbb', 'zqbbbbcc')
    """
    digits = []
    for _ in range(WIDTH):
        number, digit = divmod(number, len(LETTERS))
        digits.append(LETTERS[digit])
    return "zq" + "".join(reversed(digits))
