"""The bell: tells feeds that something was committed, those of this process at once, others by a coalesced NOTIFY.

It is rung after a commit and outside of any transaction, once for all commits of 5 ms: a NOTIFY inside each would
serialise them (2,531 transactions a second became 475, measured with 8 clients). It is a hint, and may be lost.

Its transaction is written through, though it says nothing: Postgres commits a bare NOTIFY in memory and gives its number
(xid) to another transaction when it crashes before the next write. Who had seen the first would take the second for seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from service.live.tasks import cancelled
from service.storage.database import Connection
from service.storage.standing import stand

CHANNEL = "backscroll_bell"
GAP_S = 0.005
_NOTIFY = f"select pg_logical_emit_message(true, '{CHANNEL}', ''), pg_notify('{CHANNEL}', '')"
"""The message of no bytes makes the commit one that waits for the disk:
https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION."""


class Bell:
    """One process's bell. It connects when it is first rung."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._rings = 0
        self._rung = asyncio.Event()
        """There are rings that nobody outside has been told of."""
        self._task: asyncio.Task[None] | None = None
        self.hearers: list[Callable[[], None]] = []
        """Called by each ring, in the same process."""
        self.backend_pid: int | None = None
        """Of the last connection that rang."""

    def ring(self) -> None:
        """Call it after a commit, in the event loop's thread."""
        for hear in self.hearers:
            hear()
        self._rings += 1
        self._rung.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(
                stand(self._url, self._notify, role="backscroll_app", name="bell"), name="bell"
            )

    async def close(self) -> None:
        if self._task is not None:
            await cancelled(self._task)

    async def _notify(self, conn: Connection) -> None:
        self.backend_pid = conn.info.backend_pid
        while True:
            await self._rung.wait()
            rings = self._rings
            await conn.execute(_NOTIFY)
            if self._rings == rings:
                self._rung.clear()
            await asyncio.sleep(GAP_S)


@asynccontextmanager
async def heard(url: str, own: Bell | None, hear: Callable[[], None]) -> AsyncIterator[None]:
    """Within it `hear` is called by each ring: of our own bell at once, of other processes' by their NOTIFY."""

    async def listen(conn: Connection) -> None:
        await conn.execute(f"listen {CHANNEL}")
        hear()  # for what rang before
        async for notify in conn.notifies():
            if own is None or notify.pid != own.backend_pid:
                hear()

    if own is not None:
        own.hearers.append(hear)
    task = asyncio.create_task(stand(url, listen, role="backscroll_system", name="live-ear"))
    try:
        yield
    finally:
        if own is not None:
            own.hearers.remove(hear)
        await cancelled(task)
