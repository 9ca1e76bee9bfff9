"""Answers that are computed apart from the ticks: asked of an index that follows the log by itself, as search is.

Rule: one computation of an entry at a time. What changes meanwhile makes it dirty again, and it is computed again when
its window allows; so does a result that is not settled, because the index it came from is behind.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from service.errors import BackscrollError, DatabaseUnavailable, NotYet, RequestError
from service.live.entries import Book, Cursor, Entry
from service.live.query import Outcome
from service.live.ticks import FAILED

RETRY_S = 1.0
MOST_DOUBLINGS = 5
"""Of the window, while an answer does not settle."""
log = structlog.get_logger()


class Apart:
    """The computations that run now."""

    def __init__(
        self,
        book: Book,
        publish: Callable[[Entry, Outcome], Awaitable[None]],
        wake: Callable[[], None],
    ) -> None:
        self._book, self._publish, self._wake = book, publish, wake
        self._running: dict[Entry, asyncio.Task[None]] = {}

    def start(self, cursor: Cursor) -> None:
        """Begin with what is dirty and due; each answer will contain `cursor`."""
        now_s = time.monotonic()
        for entry in list(self._book.dirty):
            if entry.query.compute is not None and entry.due_s <= now_s and entry not in self._running:
                self._book.begin(entry)
                self._running[entry] = asyncio.create_task(self._compute(entry, cursor), name="live-apart")

    def forget(self, entry: Entry) -> None:
        if task := self._running.pop(entry, None):
            task.cancel()

    def forget_all(self) -> None:
        for entry in list(self._running):
            self.forget(entry)

    async def _compute(self, entry: Entry, cursor: Cursor) -> None:
        since = entry.computing_since
        outcome = await self._outcome(entry, cursor)
        self._running.pop(entry, None)
        pause_s = RETRY_S if outcome is None else entry.query.window_s
        entry.due_s = time.monotonic() + pause_s
        if outcome is None:
            entry.computing_since = None
            self._book.soil(entry, since or cursor)
        else:
            await self._publish(entry, outcome)
            if not outcome.settled and entry.key in self._book.entries:
                entry.due_s += entry.query.window_s * (2**entry.unsettled - 1)
                entry.unsettled = min(entry.unsettled + 1, MOST_DOUBLINGS)
                self._book.soil(entry, cursor)
            else:
                entry.unsettled = 0
        self._wake()

    async def _outcome(self, entry: Entry, cursor: Cursor) -> Outcome | None:
        """None: not now."""
        assert entry.query.compute is not None
        try:
            return await entry.query.compute(entry.workspace_id, entry.asked, cursor.token)
        except (NotYet, DatabaseUnavailable):
            return None
        except BackscrollError as error:
            return Outcome(error)
        except Exception as error:
            log.error("live_query_failed", query=entry.query.name, error=type(error).__name__, entries=1)
            return Outcome(RequestError(FAILED))
