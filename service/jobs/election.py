"""One indexer a machine: who holds the lock of the text index's directory.

The kernel lets go of the lock when the process ends, however it ends; the next one takes over within a second.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

LOCK_FILE = "indexer.lock"
ASK_AGAIN_S = 0.5


@asynccontextmanager
async def elected(directory: Path) -> AsyncIterator[None]:
    """Wait until no other process indexes here; then it is ours while the block lasts."""
    while True:
        with if_elected(directory) as ours:
            if ours:
                yield
                return
        await asyncio.sleep(ASK_AGAIN_S)


@contextmanager
def if_elected(directory: Path) -> Iterator[bool]:
    """Whether no other process indexes here; then it is ours while the block lasts."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)  # the terms of all messages lie in it
    with (directory / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
