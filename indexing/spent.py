"""What the steps of one search took, for whoever collects it: seconds by step, on the wall's clock.

Rule: steps run beside each other (words and vectors), so that their sum may be more than the whole. Threads and tasks
that are started within `collected` tell the same collection.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Step = Literal["embed", "words", "vectors", "neighbours", "count", "rows", "snippets"]
_collecting: ContextVar[dict[Step, float] | None] = ContextVar("_collecting", default=None)


@contextmanager
def collected() -> Iterator[dict[Step, float]]:
    """The steps taken within the block; a step that was taken twice counts both times.

    >>> with collected() as steps:
    ...     with step("words"):
    ...         pass
    >>> [*steps]
    ['words']
    """
    steps: dict[Step, float] = {}
    token = _collecting.set(steps)
    try:
        yield steps
    finally:
        _collecting.reset(token)


@contextmanager
def step(name: Step) -> Iterator[None]:
    """The block is this step, if anybody collects."""
    steps = _collecting.get()
    if steps is None:
        yield
        return
    started_s = time.perf_counter()
    try:
        yield
    finally:
        steps[name] = steps.get(name, 0.0) + time.perf_counter() - started_s
