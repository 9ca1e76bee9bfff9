"""The request log and the keys' last use: kept in memory, written each second by a task of its own.

Rule: answering never waits for this, and lost lines are no harm: the buffer is bounded, and when Postgres is away
its lines go.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress

from service.errors import DatabaseError
from service.storage import people
from service.storage.database import Database
from service.storage.people import Caller, RequestLine

FLUSH_S = 1.0
TOUCH_S = 60.0
MOST_LINES = 10_000


class Ledger:
    """What is still to be written."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lines: deque[RequestLine] = deque(maxlen=MOST_LINES)
        self._used: set[tuple[int, int]] = set()
        self._touched: dict[int, float] = {}
        self._flush: asyncio.Task[None] | None = None

    def note(self, line: RequestLine) -> None:
        """Take a line, to be written within about a second."""
        self._lines.append(line)
        self._wake()

    def used(self, caller: Caller) -> None:
        """A key was used; written once a minute."""
        now_s = time.monotonic()
        if now_s - self._touched.get(caller.key_id, -TOUCH_S) >= TOUCH_S:
            self._touched[caller.key_id] = now_s
            self._used.add((caller.workspace_id, caller.key_id))
            self._wake()

    async def close(self) -> None:
        """Write what is left."""
        if self._flush is not None:
            self._flush.cancel()
        await self.flush()

    async def flush(self) -> None:
        """Write all lines and uses, a transaction a workspace."""
        lines, self._lines = self._lines, deque(maxlen=MOST_LINES)
        used, self._used = self._used, set()
        workspaces = {line.workspace_id for line in lines} | {workspace_id for workspace_id, _ in used}
        for workspace_id in sorted(workspaces):
            with suppress(DatabaseError):  # of one workspace: the others' lines are written
                async with self._db.workspace(workspace_id) as conn:
                    await people.log_requests(
                        conn, workspace_id, [line for line in lines if line.workspace_id == workspace_id]
                    )
                    for _, key_id in sorted(use for use in used if use[0] == workspace_id):
                        await people.touch_key(conn, workspace_id, key_id)

    def _wake(self) -> None:
        # A task a second rather than one for ever: what one flush meets, the next does not inherit.
        if self._flush is None or self._flush.done():
            self._flush = asyncio.get_running_loop().create_task(self._later())

    async def _later(self) -> None:
        """Write, and again while something came during the writing: it found this task and woke no other."""
        while self._lines or self._used:
            await asyncio.sleep(FLUSH_S)
            await self.flush()
