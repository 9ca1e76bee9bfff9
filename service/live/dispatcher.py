"""The dispatcher: one of a process, it turns what was committed into what each stream is told.

**A tick.** Woken by a bell, or 250 ms after the last one, it opens one REPEATABLE READ transaction and reads there, in this
order: the log behind its cursor; which keys were revoked, of those that it names or that have just come; what streams
that came with a token have missed; and the answers of all entries that became dirty, one statement a query and
workspace for as many arguments as there are. So all answers of a tick, and the token that is sent with them, are of one
snapshot. Where the log says that single messages of a session are all that changed, those are read and no others. Then,
without a pause in which anybody else could run, answers and cursor are put in place, and the streams are woken, 200 at
a time so that requests keep their turn.

**Nothing is missed.** A subscription is in the book before its first tick begins. What was committed before that tick's
snapshot is in its first answer, and what is committed after it is in the log behind the cursor that the tick leaves.

**What happens when something fails.**
    connection lost, Postgres restarted   the cursor has not moved: the next tick reads the same changes again
    the log is too short, or another's    everything is dirty, every key is looked up, every answer compared
    a statement fails                     its entries are asked one by one; the one at fault answers `error`
    the process dies                      readers resume with their tokens, here or elsewhere

It holds two connections (for ticks, and to hear other processes' bells) while anybody subscribes, however many do, and none before that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from contextvars import Context
from datetime import UTC, datetime
from typing import Any, NamedTuple

from service.live import feed as feeds
from service.live import ticks
from service.live.apart import Apart
from service.live.bell import Bell, heard
from service.live.entries import Book, Cursor, Entry
from service.live.feed import Tick
from service.live.figures import Figures
from service.live.query import Outcome, Query
from service.live.streams import Stream, Subscription, blank
from service.live.tasks import cancelled
from service.live.ticks import Past
from service.model import snapshot
from service.storage import moments
from service.storage.database import Connection, read_epoch
from service.storage.moments import Moment
from service.storage.standing import stand

SLICE = 200
"""Streams that are woken at once."""
CLOCK_S = 1.0
"""Between two looks at the calendar."""
LONG_S, LONGEST_PAUSE_S = 0.02, 0.1
"""A tick that took longer than the first is followed by a pause of its length, up to the second."""


class Wanted(NamedTuple):
    """One query of a stream as it is asked."""

    id: str
    query: Query
    asked: Any


class Dispatcher:
    """One process's live queries: `open` and `close` streams. It starts when the first is opened."""

    def __init__(self, url: str, *, bell: Bell | None = None) -> None:
        self._url, self._bell = url, bell
        self._wake = asyncio.Event()
        self.book = Book()
        self.cursor = Cursor(0, "")
        self.figures = Figures()
        self._read_s = 0.0
        self._streams: dict[int, set[Stream]] = {}
        self._coming: list[Stream] = []
        self._apart = Apart(self.book, self._publish, self._wake.set)
        self._clock_s = 0.0
        self._oldest = 0, 0.0
        """The oldest transaction that was still running, and since when it is that one."""
        self._task: asyncio.Task[None] | None = None

    def open(self, stream: Stream, wanted: Iterable[Wanted]) -> None:
        """Begin to tell a stream of these queries."""
        for id, query, asked in wanted:
            entry = self.book.enter(query, asked, stream.reader.workspace_id)
            subscription = Subscription(stream, entry, id)
            entry.subscribers.add(subscription)
            stream.subscriptions.append(subscription)
        self._streams.setdefault(stream.reader.key_id, set()).add(stream)
        self._coming.append(stream)
        self.figures.streams += 1
        self._wake.set()
        if self._task is None or self._task.done():
            # In a context of its own: what a request keeps there is not for a task that outlives it.
            self._task = asyncio.create_task(self._run(), name="live", context=Context())
            self._task.add_done_callback(lambda _: self._let_go())

    def close(self, stream: Stream) -> None:
        """Forget a stream, and the entries that nobody else subscribes to."""
        of_key = self._streams.get(stream.reader.key_id, set())
        if stream not in of_key:
            return
        of_key.discard(stream)
        if not of_key:
            del self._streams[stream.reader.key_id]
        self.figures.streams -= 1
        for subscription in stream.subscriptions:
            entry = subscription.entry
            entry.subscribers.discard(subscription)
            if not entry.subscribers:
                self.book.leave(entry)
                self._apart.forget(entry)

    def count(self, key_id: int) -> int:
        """How many streams a key has open here."""
        return len(self._streams.get(key_id, ()))

    def reached(self, stream: Stream) -> str:
        """The token up to which all that the stream subscribes to is in what it has been told."""
        rights = [right for each in stream.subscriptions if (right := each.entry.right_until) is not None]
        return min(rights, default=self.cursor).token or blank(self.cursor.token)

    async def stop(self) -> None:
        """End all streams, and let the connections go."""
        self._let_go()
        if self._task is not None:
            await cancelled(self._task)

    def _let_go(self) -> None:
        for stream in self.open_streams():
            stream.close()
        self._apart.forget_all()

    def open_streams(self) -> list[Stream]:
        return [stream for streams in self._streams.values() for stream in streams]

    async def _run(self) -> None:
        async with heard(self._url, self._bell, self._wake.set):
            await stand(self._url, self._serve, role="backscroll_app", name="live")

    async def _serve(self, conn: Connection) -> None:
        epoch = await read_epoch(conn)
        self._wake.set()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._idle_s() if self._streams else None):
                    await self._wake.wait()
            self._wake.clear()
            if not self._streams:
                continue
            started_s = time.monotonic()
            await self._tick(conn, epoch)
            took_s = time.monotonic() - started_s
            self.figures.tick(took_s)
            if took_s > LONG_S:
                await asyncio.sleep(min(took_s, LONGEST_PAUSE_S))

    def _idle_s(self) -> float:
        """Until it is time to look unasked, or some entry may be computed again."""
        dues = [entry.due_s for entry in self.book.dirty if entry.computing_since is None]
        left_s = min(dues, default=float("inf")) - time.monotonic()
        return max(0.0, min(left_s, feeds.POLL_S))

    async def _tick(self, conn: Connection, epoch: str) -> None:
        coming, self._coming = self._coming, []
        try:
            async with moments.moment(conn) as moment:
                tick = await feeds.read(conn, epoch, self.cursor.token, is_whole=self._is_whole)
                self._cut_off(await ticks.revoked(conn, tick, self._streams, coming))
                past = await ticks.past(moment, self.book, coming, epoch=epoch, cursor=tick.cursor)
                await self._soil(moment, tick)
                due = self._due(coming)
                outcomes = await ticks.answers(moment, due, self.figures)
                woken = self._put_in_place(tick, outcomes, coming, past)
                await self._fan_out(woken)  # nobody waits for the transaction's end
        except ticks.Again:
            self._coming = coming + self._coming
            self._wake.set()
            return
        except BaseException:
            self._coming = coming + self._coming
            raise
        self._apart.start(self.cursor)

    def _is_whole(self) -> bool:
        return time.monotonic() - self._read_s < feeds.WHOLE_S

    def _cut_off(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            if not stream.revoked:
                self.figures.ended("revoked")
                stream.revoke()

    async def _soil(self, moment: Moment, tick: Tick) -> None:
        """Mark what the changes of a tick make dirty."""
        touched: dict[Entry, set[int] | None]
        if tick.gap:
            touched = dict.fromkeys(self.book.entries.values())
        else:
            touched = self.book.touched(tick.changes)
            touched |= dict.fromkeys(await ticks.newly_named(moment, self.book, tick.changes))
        now_s = time.monotonic()
        if now_s - self._clock_s > CLOCK_S:
            self._clock_s = now_s
            touched |= dict.fromkeys(self.book.turned(datetime.now(UTC)))
        for entry, messages in touched.items():
            entry.due_s = min(entry.due_s, now_s + entry.query.window_s)
            self.book.soil(entry, self.cursor, messages)

    def _due(self, coming: Iterable[Stream]) -> list[Entry]:
        """The dirty entries whose turn it is; those that somebody new waits for are not kept back by their window."""
        now_s = time.monotonic()
        awaited = {each.entry for stream in coming for each in stream.subscriptions}
        return [
            entry
            for entry in self.book.dirty
            if entry.query.answers is not None and (entry.due_s <= now_s or entry in awaited)
        ]

    def _put_in_place(
        self,
        tick: Tick,
        outcomes: Sequence[tuple[Entry, Outcome]],
        coming: Sequence[Stream],
        past: Past,
    ) -> list[Stream]:
        """Answers, cursor and subscriptions as of this tick, all at once; the streams that have something to tell."""
        self.cursor = Cursor(self.cursor.number + 1, tick.token)
        self._read_s = now_s = time.monotonic()
        woken: dict[Stream, None] = {}
        for entry, outcome in outcomes:
            if entry.key in self.book.entries:
                entry.due_s = now_s + entry.query.window_s
                woken |= self._take(entry, outcome)
        missed = past.missed(self.book)
        for stream in coming:
            for each in stream.subscriptions:
                each.ready = True
                each.reset = past.resets.get(stream, "")
                if past.knows(stream, each.entry) and (stream, each.entry) not in missed:
                    each.version = each.entry.version
                else:
                    stream.has_news(each)
            woken[stream] = None
        xmin = snapshot.parse(tick.cursor).xmin
        if xmin != self._oldest[0] or tick.cursor == f"{xmin}:{xmin}:":
            self._oldest = xmin, now_s
        self.figures.held_s = now_s - self._oldest[1]
        if outcomes and tick.changes:
            self.figures.lag(min(change.at for change in tick.changes))
        return list(woken)

    def _take(self, entry: Entry, outcome: Outcome) -> dict[Stream, None]:
        """Put an answer in place; the streams to be told of it."""
        if not self.book.take(entry, outcome):
            return {}
        for each in entry.subscribers:
            each.stream.has_news(each)
        return dict.fromkeys(each.stream for each in entry.subscribers)

    async def _fan_out(self, streams: Sequence[Stream]) -> None:
        """Wake streams in slices; between two of them everybody else has a turn."""
        for first in range(0, len(streams), SLICE):
            for stream in streams[first : first + SLICE]:
                stream.look()
            if first + SLICE < len(streams):
                await asyncio.sleep(0)

    async def _publish(self, entry: Entry, outcome: Outcome) -> None:
        """The answer of an entry that is computed apart."""
        if entry.key in self.book.entries:
            await self._fan_out(list(self._take(entry, outcome)))
