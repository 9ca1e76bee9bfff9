"""Rounds, percentiles and progress.

Times are milliseconds. A figure is the median over rounds, since machines are noisy; within a round the thing and
its baseline take turns, so that noise meets both.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

T = TypeVar("T")
R = TypeVar("R")
LINE_EVERY_S = 10.0
"""Of progress where it is no terminal that looks."""


def percentile(values: Sequence[float], percent: float) -> float:
    """Of at least one value, interpolated.

    >>> percentile([1.0, 2.0, 3.0], 50)
    2.0
    """
    return float(np.percentile(values, percent))


def timed(act: Callable[[T], R], asked: Iterable[T]) -> tuple[list[float], list[R]]:
    """How long each took, one after the other, and what it gave."""
    took_ms: list[float] = []
    given: list[R] = []
    for each in asked:
        start = time.perf_counter()
        given.append(act(each))
        took_ms.append(1000 * (time.perf_counter() - start))
    return took_ms, given


def latencies(act: Callable[[T], object], asked: Iterable[T]) -> list[float]:
    """How long each took, one after the other."""
    return timed(act, asked)[0]


def together(act: Callable[[Sequence[T]], R], shares: Sequence[Sequence[T]]) -> tuple[float, list[R]]:
    """Seconds until all shares are done, each in a thread of its own; what each gave. What one raises is raised here."""
    start = time.perf_counter()
    with ThreadPoolExecutor(len(shares)) as pool:
        given = list(pool.map(act, shares))
    return time.perf_counter() - start, given


def shared_out(things: Sequence[T], among: int) -> list[Sequence[T]]:
    """Every thing once, in turn.

    >>> shared_out([1, 2, 3], among=2)
    [[1, 3], [2]]
    """
    return [things[place::among] for place in range(among)]


def in_batches(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]


class Progress:
    """One line on stderr: what, how many, at which rate, how long it will still take."""

    def __init__(self, what: str, total: int, unit: str = "") -> None:
        self.what, self.total, self.unit = what, total, unit
        self.start = self.said = time.perf_counter()
        self.live = sys.stderr.isatty()

    def at(self, done: int) -> None:
        now = time.perf_counter()
        if now - self.said < (0.2 if self.live else LINE_EVERY_S) and not (self.live and done >= self.total):
            return
        self.said = now
        rate = done / max(now - self.start, 1e-9)
        left_s = (self.total - done) / rate if rate else 0.0
        bar = "#" * round(20 * done / max(self.total, 1))
        line = (
            f"{self.what} [{bar:<20}] {done:,}/{self.total:,} {self.unit} {rate:,.0f}/s, {left_s:,.0f} s left"
        )
        print(
            f"\r{line:<110}" if self.live else line,
            end="" if self.live and done < self.total else "\n",
            file=sys.stderr,
            flush=True,
        )


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)
