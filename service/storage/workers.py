"""Workers answer no HTTP: each says in a row of its own that it lives, and whoever asks the database sees it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from service.storage.database import Connection
from service.storage.queries import load

SQL = load("workers")
BEAT_S = 5.0
LATE_S = 30.0
"""A worker that has said nothing for so long does not work."""


class Worker(msgspec.Struct, frozen=True):
    """A worker that was heard of within a day."""

    name: str
    silent_s: float
    """Since it last said that it lives."""
    failures: int
    """How often one of its parts failed since its start."""

    @property
    def works(self) -> bool:
        return self.silent_s < LATE_S


async def beat(conn: Connection, *, name: str, started_at: datetime, failures: int) -> None:
    """Say that the worker of this name lives. `conn`: system."""
    await conn.execute(SQL["beat"], {"name": name, "started_at": started_at, "failures": failures})
    await conn.execute(SQL["forget"])


async def leave(conn: Connection, name: str) -> None:
    """It stops as it was told to. `conn`: system."""
    await conn.execute(SQL["leave"], {"name": name})


async def seen(conn: Connection) -> list[Worker]:
    """The one heard of last first. `conn`: system."""
    return [Worker(**row) for row in await (await conn.execute(SQL["seen"])).fetchall()]


def said_of(workers: list[Worker]) -> str:
    """Whether anybody works, in one clause.

    >>> said_of([]), said_of([Worker("a:1", 2.0, 0)]), said_of([Worker("a:1", 75.0, 0)])
    ('no worker has ever worked, or none for a day', '1 works', 'no worker has worked for 75 s')
    """
    if working := sum(worker.works for worker in workers):
        return f"{working} work" if working > 1 else "1 works"
    if not workers:
        return "no worker has ever worked, or none for a day"
    return f"no worker has worked for {workers[0].silent_s:.0f} s"
