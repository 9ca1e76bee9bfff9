"""A worker's sign of life: a row in the database every few seconds, since a worker answers no HTTP.

It comes from the worker's event loop, as all its parts do: where that stands still, so does this.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime

from service.errors import DatabaseError
from service.storage import workers
from service.storage.database import Database


class Heartbeat:
    """Of this process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._started_at = datetime.now(UTC)
        self._failures = 0

    def failed(self) -> None:
        """A part of the worker failed; told with the next beat."""
        self._failures += 1

    async def run(self) -> None:
        """Beat until cancelled, then say that it was meant."""
        try:
            while True:
                async with self._db.system() as conn:
                    await workers.beat(
                        conn, name=self._name, started_at=self._started_at, failures=self._failures
                    )
                await asyncio.sleep(workers.BEAT_S)
        except asyncio.CancelledError:
            with suppress(DatabaseError, TimeoutError):
                async with asyncio.timeout(1.0), self._db.system() as conn:
                    await workers.leave(conn, self._name)
            raise
