"""The change feed: every committed change reaches every follower, whatever the order of the commits.

**What it guarantees.** A follower names the last token that it has worked off, and gets a `Tick`: what is
visible now and was not then, and the token that says so. Keep the token with the work (in the same commit), ask
with it again: nothing is missed, and nothing comes twice but after a crash between the work and the keeping.

**Why ids are not enough.** Transaction A takes id 1, B takes id 2, B commits first. Who remembers "seen up to 2"
never sees A. A horizon ("everything below the oldest running transaction") misses nothing and stands still for
as long as anybody has a transaction open. A `pg_snapshot` knows each transaction by name: B comes now, A when it
commits. Both snapshots and changes are read by one statement, so that they are of the same moment.

**When to look.** Whoever commits rings a `Bell` afterwards: in the process at once, for others by one NOTIFY for
all commits of 5 ms, outside of any transaction (inside, it would serialise all commits). A bell is a hint and may
be lost; every 250 ms the feed looks unasked.

**What happens when something fails.**
    writer dies between commit and bell   the next look finds the change
    connection lost, Postgres restarted   followers wait; the feed connects, LISTENs, and looks at once
    follower dies                         it asks again with the token that it kept
    follower away for longer than the log is kept, or the log of another database (a restored backup, a cluster
    set back): the tick has `gap`, no changes, and `since`, the part of its past that still counts. The follower
    compares with the tables, then goes on from the tick's token.

The connection stays in autocommit: a listener inside a transaction would fill the NOTIFY queue of the cluster.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Self

import msgspec

from service.live.bell import CHANNEL, Bell
from service.live.tasks import cancelled
from service.model import snapshot
from service.storage import change_log
from service.storage.change_log import Change
from service.storage.database import Connection, read_epoch
from service.storage.standing import stand

POLL_S = 0.25
WHOLE_S = 60.0
"""A token that this connection gave out so recently is whole: the log is kept for hours."""
NOTHING_SEEN = "3:3:"
"""The snapshot that sees no transaction: 3 is the first that a cluster gives out."""


class Tick(msgspec.Struct, frozen=True):
    """What a follower gets: the changes between two snapshots, in no order."""

    epoch: str
    since: str
    """The snapshot that the follower had seen; `NOTHING_SEEN` where none of this database."""
    cursor: str
    """The snapshot that it has seen when it has worked this off."""
    changes: list[Change]
    gap: bool = False
    """The log does not reach back to `since`, or holds too much: compare with the tables; `changes` is empty."""

    @property
    def token(self) -> str:
        return snapshot.token(self.epoch, self.cursor)


class Question(msgspec.Struct, frozen=True):
    """A follower that waits; `patient`: until there is something new."""

    token: str
    answer: asyncio.Future[Tick]
    patient: bool = True


class Feed:
    """One process's view of the change log: one connection for any number of followers."""

    def __init__(self, url: str, *, bell: Bell | None = None) -> None:
        self._url = url
        self._bell = bell
        self._asked: list[Question] = []
        self._wake = asyncio.Event()
        self._called = self._heard = False
        self._latest = ""
        self._given: dict[str, float] = {}
        self._due = 0.0
        if bell is not None:
            bell.hearers.append(self.wake)

    async def follow(self, token: str) -> AsyncIterator[Tick]:
        """Ticks from `token` on ("": from nothing), for ever. Asking for the next says that one is worked off."""
        while True:
            tick = await self.next(token)
            yield tick
            token = tick.token

    async def next(self, token: str) -> Tick:
        """The next tick after `token`; waits until there is something new, be it another's transaction (no changes)."""
        question = Question(token, asyncio.get_running_loop().create_future())
        self._asked.append(question)
        if token != self._latest:
            self.wake()
        return await question.answer

    async def now(self, token: str) -> Tick:
        """As `next`, without waiting for something new: a tick that may hold nothing."""
        question = Question(token, asyncio.get_running_loop().create_future(), patient=False)
        self._asked.append(question)
        self.wake()
        return await question.answer

    def wake(self) -> None:
        """Look now."""
        self._called = True
        self._wake.set()

    def _hear(self) -> None:
        self._heard = True
        self._wake.set()

    async def run(self) -> None:
        """Serve followers until cancelled, through losses of the connection."""
        await stand(self._url, self._listen, role="backscroll_system", name="feed")

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run(), name="feed")
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancelled(self._task)

    async def _listen(self, conn: Connection) -> None:
        await conn.execute(f"listen {CHANNEL}")
        epoch = await read_epoch(conn)
        self._given.clear()
        self._due = 0.0
        while True:
            if await self._rung(conn) or time.monotonic() >= self._due:
                await self._answer(conn, epoch)
                self._due = time.monotonic() + POLL_S

    async def _rung(self, conn: Connection) -> bool:
        """Wait for a bell, a question or the time to poll; whether it was one of the first two."""
        if await self._heard_of_another(conn):  # rung while we were asking
            return True
        loop = asyncio.get_running_loop()
        loop.add_reader(conn.fileno(), self._hear)  # a bell, or the end of the connection
        try:
            # Not `wait_for`: before Python 3.12 it loses a cancellation that comes together with the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._due - time.monotonic())):
                    await self._wake.wait()
        finally:
            loop.remove_reader(conn.fileno())
        called, heard = self._called, self._heard
        self._called = self._heard = False
        self._wake.clear()
        return (heard and await self._heard_of_another(conn)) or called

    async def _heard_of_another(self, conn: Connection) -> bool:
        """Did another process ring? Our own bell has called already, in the process."""
        own = self._bell.backend_pid if self._bell else None
        return any([notify.pid != own async for notify in conn.notifies(timeout=0)])

    async def _answer(self, conn: Connection, epoch: str) -> None:
        """Read once for each distinct token, and answer whoever asked with it; nothing new: they go on waiting."""
        self._asked = [question for question in self._asked if not question.answer.done()]
        if not self._asked:
            self._latest = ""  # something was heard that nobody has read
        for token in {question.token for question in self._asked}:
            tick = await self._read(conn, epoch, token)
            new = tick.gap or tick.token != token
            if new:
                self._give(tick.token)
            for question in self._asked:
                if question.token == token and (new or not question.patient) and not question.answer.done():
                    question.answer.set_result(tick)

    def _give(self, token: str) -> None:
        self._latest, now_s = token, time.time()
        self._given = {given: at_s for given, at_s in self._given.items() if now_s - at_s < WHOLE_S} | {
            token: now_s
        }

    def _is_whole(self, token: str) -> bool:
        return time.time() - self._given.get(token, 0.0) < WHOLE_S

    async def _read(self, conn: Connection, epoch: str, token: str) -> Tick:
        return await read(conn, epoch, token, is_whole=lambda: self._is_whole(token))


async def read(conn: Connection, epoch: str, token: str, *, is_whole: Callable[[], bool]) -> Tick:
    """What `conn` (system) sees and `token` did not; within a transaction on one snapshot, of that snapshot.

    `is_whole`: whether the log is known to reach back to the token, which else is looked up.
    """
    since = seen(token, epoch=epoch)
    if since is None:
        return Tick(epoch, NOTHING_SEEN, await change_log.snapshot(conn), [], gap=True)
    cursor, changes = await change_log.since(conn, since)
    if snapshot.parse(since).xmax > snapshot.parse(cursor).xmax:  # the cluster was set back
        return Tick(epoch, NOTHING_SEEN, cursor, [], gap=True)
    # After reading, so that what was dropped meanwhile counts.
    too_many = len(changes) > change_log.MOST_CHANGES
    if too_many or (not is_whole() and await change_log.is_too_short(conn, since)):
        return Tick(epoch, since, cursor, [], gap=True)
    return Tick(epoch, since, cursor, changes)


def seen(token: str, *, epoch: str) -> str | None:
    """The snapshot of a token; None when it is empty or of another database.

    >>> seen("c.a1-0.5:9:5,7", epoch="a1-0"), seen("c.a1-0.5:9:", epoch="a1-1"), seen("", epoch="a1-0")
    ('5:9:5,7', None, None)
    """
    match = snapshot.TOKEN.fullmatch(token)
    return match[2] if match and match[1] == epoch else None
