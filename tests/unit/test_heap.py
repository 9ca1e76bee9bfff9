"""Memory that is given back."""

from __future__ import annotations

import ctypes

import psutil
import pytest

from service.jobs.heap import Heap


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc")
def test_it_gives_back_the_gaps_between_what_is_kept() -> None:
    """Of 100 MB of which a hundredth is kept here and there, most goes back to the system."""
    process = psutil.Process()
    blocks = [bytes(2_000) for _ in range(50_000)]
    kept = blocks[::100]
    del blocks
    before = process.memory_info().rss
    Heap().trim()
    assert before - process.memory_info().rss > 50_000_000
    assert len(kept) == 500
