"""Room on the disk of the embedded Postgres: the last of it is not for writes of clients.

Rule: Postgres stops altogether when it cannot write its log, and then nobody reads either. So what comes in is refused
before that, in a sentence, while reading and deleting go on. The server of a database URL has a disk of its own, of
which we see nothing until it says that it is full (`storage.database`).
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from service.errors import NoRoom
from service.settings import Settings

LEAST_FREE_BYTES = 64 * 1024 * 1024
"""Four files of the write-ahead log: what the worker still has to do must fit in."""
LOOK_S = 1.0
REFUSAL = "The disk is nearly full, so nothing more is taken in: make room on it, then send this again."


class Room:
    """Of one process; looks once a second."""

    def __init__(self, settings: Settings) -> None:
        self._places = () if settings.database_url else (settings.home, settings.home / "postgres")
        self._looked_s = -LOOK_S
        self._is_there = True

    def check(self) -> None:
        """Errors: `NoRoom`."""
        if time.monotonic() - self._looked_s >= LOOK_S:
            self._looked_s = time.monotonic()
            self._is_there = all(free_bytes(place) >= LEAST_FREE_BYTES for place in self._places)
        if not self._is_there:
            raise NoRoom(REFUSAL)


def free_bytes(place: Path) -> int:
    """What cannot be looked at counts as empty: it is Postgres' to complain."""
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return LEAST_FREE_BYTES
