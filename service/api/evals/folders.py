"""Where a set lies until it is sent: a folder below the home, gone when it is sent, or when its process was killed.

Rule: who makes a set holds a lock on its folder, which ends with the process however it ends; a folder whose lock nobody
holds is removed at the next start or export. Young ones are let be: their lock may be about to be taken.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PREFIX, LOCK = "export-", "lock"
YOUNG_S = 10


class Folder:
    """A new folder; `with` removes it, and so does forgetting it."""

    def __init__(self, home: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=home)
        self.path = Path(self._folder.name)
        self._lock = (self.path / LOCK).open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._lock.close()
        self._folder.cleanup()


def sweep(home: Path) -> None:
    """Remove what exports of killed processes left."""
    for folder in home.glob(f"{PREFIX}*"):
        if left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def left(folder: Path) -> bool:
    """Whether nobody makes or sends what lies in it."""
    with suppress(FileNotFoundError):
        if time.time() - folder.stat().st_mtime < YOUNG_S:
            return False
        with (folder / LOCK).open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
    return True
