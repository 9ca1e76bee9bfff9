"""Memory that was freed, given back to the system.

Texts of ever other lengths leave gaps in glibc's heap that no later tensor fits: the worker grew by 66 MB a minute under
steady load, and 220 batches of random lengths left it at 575 MB where gaps are given back, at 807 where they are not.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from functools import cache

PAUSE_S = 2.0
"""Between two times, at least: it takes some milliseconds."""


class Heap:
    """This process' heap. Not for several threads at once."""

    def __init__(self) -> None:
        self._at_s = 0.0

    def trim(self) -> None:
        """Give back what is free, unless that was just done. Nothing where the C library is not glibc."""
        if time.monotonic() - self._at_s >= PAUSE_S:
            _trim()(0)
            self._at_s = time.monotonic()


@cache
def _trim() -> Callable[[int], object]:
    """https://man7.org/linux/man-pages/man3/malloc_trim.3.html"""
    found: Callable[[int], object] = getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: 0)
    return found
