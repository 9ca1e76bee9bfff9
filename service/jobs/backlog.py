"""Words first: how often the text index commits while much comes in, and who waits meanwhile.

Rule: what came alone can be found at once; in a flood a commit takes in up to a second of it, because each one makes
a segment that is merged with others later: with 300 documents a commit, indexing costs more than twice what it costs
with 5,000. Work that may come later (passages, then vectors; usage) waits until the flood is over, or for a while.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

COMMIT_GAP_S = 0.05
"""Between two commits, at least."""
LONGEST_GAP_S = 1.0
DOCUMENTS_A_SECOND = 1_500
"""Of a flood: at such a rate a commit waits until the longest gap."""
FLOOD = 200
"""Documents at once."""
FLOOD_OVER_S = 2.0
"""Batches of one import are up to a second apart on a busy machine."""


def commit_gap_s(documents: int) -> float:
    """How long after the last commit the next one is due, by the documents that wait for it.

    >>> commit_gap_s(1), commit_gap_s(300), commit_gap_s(5_000)
    (0.05066666666666667, 0.25, 1.0)
    """
    return min(COMMIT_GAP_S + documents / DOCUMENTS_A_SECOND, LONGEST_GAP_S)


class Backlog:
    """Shared by the followers of one process: whether words flood in."""

    def __init__(self) -> None:
        self._calm = asyncio.Event()
        self._calm.set()
        self._end: asyncio.TimerHandle | None = None

    def took(self, documents: int) -> None:
        """The text index has taken in so many documents of what it is at. To be told again while it goes on: it can be
        at one tick of the log for longer than a flood takes to be over."""
        if documents <= FLOOD:
            return
        if self._end is not None:
            self._end.cancel()
        self._calm.clear()
        self._end = asyncio.get_running_loop().call_later(FLOOD_OVER_S, self._calm.set)

    async def over(self, *, at_most_s: float) -> None:
        """Wait until the flood is over, but not for ever: what waits must come to an end under steady writing too."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._calm.wait()
