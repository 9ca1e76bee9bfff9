"""One generation of the text index, brought from tick to tick of the change log.

Rows are read as they are when they are read, which may be newer than the change that led to them: then the later
change finds the index right already. A long backlog becomes visible as it goes, but the token moves only when all
of it is in. Where the log cannot say what changed, all ids are compared with the tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import Any, TypeVar

from indexing.fulltext import TantivyWriter
from indexing.indexer import Held
from indexing.model import Unit
from service.jobs import changed, documents
from service.jobs.changed import Work
from service.jobs.purge import Deleted
from service.jobs.threads import in_thread
from service.live.feed import Tick
from service.storage import messages, people
from service.storage.database import Database

READ_AT_ONCE = 200
"""Messages; one can be a megabyte and more."""
COMPARE_AT_ONCE = 5_000
COMMIT_EVERY = 10_000
"""Documents of a long backlog."""

T = TypeVar("T")
R = TypeVar("R")

Report = Callable[[int], None]
"""Told how many messages have been compared so far, or documents of a tick have come in."""


class Generation:
    """The index behind one writer. Not for several tasks at once."""

    def __init__(self, db: Database, writer: TantivyWriter, *, took: Report = lambda documents: None) -> None:
        """`took` is told after every lot how many documents of its tick are in: a large tick takes many seconds."""
        self.db = db
        self.writer = writer
        self._took = took
        self.uncommitted = 0
        """Documents that are in and cannot be found yet."""
        self.dropped: Deleted | None = None
        """Whether the last tick was compared, and the index held what no table has."""
        self._of_tick = 0
        self._token = writer.cursor()
        """Of the last tick that is in as a whole."""

    async def bring(self, tick: Tick, *, report: Report = lambda done: None) -> None:
        """Bring the index from the tick's beginning to its end, and commit it with the tick's token."""
        await self.take(tick, report=report)
        await self.commit()

    async def take(self, tick: Tick, *, report: Report = lambda done: None) -> None:
        """Take in what the tick brings; it is found after `commit`."""
        self._of_tick, self.dropped = 0, None
        if tick.gap:
            await self._compare(tick.since, report)
        else:
            for workspace_id, work in changed.for_words(tick.changes).items():
                await self._work_off(workspace_id, work, unseen_by=tick.since)
        self._token = tick.token

    async def commit(self) -> None:
        """Make all that is in visible and durable, with the token of the last tick that is in as a whole."""
        self.uncommitted = 0
        await in_thread(self.writer.commit, self._token)

    async def _work_off(self, workspace_id: int, work: Work, *, unseen_by: str) -> None:
        await in_thread(self.writer.remove, sessions=work.thinned_in_bulk)
        await self._put_sessions(workspace_id, work.sessions | work.thinned_in_bulk)
        more = await self._of_sessions(workspace_id, work, unseen_by=unseen_by)
        await self._put_messages(workspace_id, work.messages.union(more))

    async def _of_sessions(self, workspace_id: int, work: Work, *, unseen_by: str) -> list[int]:
        """The messages that the log names by their sessions only."""
        whole, unseen = work.filed_anew | work.thinned_in_bulk, work.written_in_bulk
        if not whole and not unseen:
            return []
        async with self.db.workspace(workspace_id) as conn:
            found = await messages.ids_of_sessions(conn, workspace_id, list(whole))
            return found + await messages.ids_of_sessions(
                conn, workspace_id, list(unseen), unseen_by=unseen_by
            )

    async def _put_sessions(self, workspace_id: int, ids: Iterable[int]) -> None:
        """Read the titles of these sessions into the index; a session that is gone goes out with its messages."""
        for some in chunks(sorted(ids), READ_AT_ONCE):
            rows = await documents.session_rows(self.db, workspace_id, some)
            found = [documents.session_document(workspace_id, row) for row in rows]
            await in_thread(self.writer.remove, sessions=set(some) - {document.id for document in found})
            await in_thread(self.writer.put, found)
            await self._show(len(some))

    async def _put_messages(self, workspace_id: int, ids: Iterable[int]) -> None:
        """Read these messages into the index; one that is gone goes out. While one lot is analysed, the next is read."""
        lots = chunks(sorted(ids), READ_AT_ONCE)
        read = ahead(lots, lambda lot: documents.message_rows(self.db, workspace_id, lot))
        async with aclosing(read):
            async for some, rows in read:
                await in_thread(self._replace_messages, workspace_id, some, rows)
                await self._show(len(some))

    def _replace_messages(self, workspace_id: int, ids: list[int], rows: list[dict[str, Any]]) -> None:
        found = [documents.message_document(workspace_id, row) for row in rows]
        self.writer.remove(messages=set(ids) - {document.id for document in found})
        self.writer.put(found)

    async def _show(self, documents: int) -> None:
        """Count what came in; of a long backlog make visible what is in from time to time."""
        self._of_tick += documents
        self._took(self._of_tick)
        self.uncommitted += documents
        if self.uncommitted >= COMMIT_EVERY:
            await self.commit()

    async def _compare(self, unseen_by: str, report: Report) -> None:
        """Take in every row that the index lacks or that changed since `unseen_by`, and let go what no table has."""
        async with self.db.system() as conn:
            workspaces = await people.workspace_ids(conn)
        surplus = await self._compare_unit("session", workspaces, unseen_by, lambda done: None)
        await in_thread(self.writer.remove, sessions=surplus)
        gone = await self._compare_unit("message", workspaces, unseen_by, report)
        await in_thread(self.writer.remove, messages=gone)
        self.dropped = "row" if surplus or gone else None

    async def _compare_unit(
        self, unit: Unit, workspaces: Iterable[int], unseen_by: str, report: Report
    ) -> list[int]:
        """Take in what is missing of one unit; what the index holds too much."""
        held = await in_thread(lambda: Held(self.writer.ids(unit)))
        put = self._put_messages if unit == "message" else self._put_sessions
        done = 0
        for workspace_id in workspaces:
            after = 0
            while page := await self._page(unit, workspace_id, after=after, unseen_by=unseen_by):
                await put(workspace_id, held.to_put(page))
                after = page[-1][0]
                done += len(page)
                report(done)
        return held.surplus()

    async def _page(
        self, unit: Unit, workspace_id: int, *, after: int, unseen_by: str
    ) -> list[tuple[int, bool]]:
        async with self.db.workspace(workspace_id) as conn:
            return await messages.ids_after(
                conn,
                workspace_id,
                after=after,
                limit=COMPARE_AT_ONCE,
                unseen_by=unseen_by,
                sessions=unit == "session",
            )


async def ahead(lots: Iterable[T], read: Callable[[T], Awaitable[R]]) -> AsyncGenerator[tuple[T, R], None]:
    """Each lot with what was read of it, the next one being read meanwhile. Errors: those of `read`."""
    reading: asyncio.Task[tuple[T, R]] | None = None
    try:
        for lot in lots:
            last, reading = reading, asyncio.create_task(_read(lot, read))
            if last is not None:
                yield await last
        if reading is not None:
            yield await reading
    finally:
        if reading is not None and not reading.done():
            reading.cancel()
            await asyncio.wait([reading])


async def _read(lot: T, read: Callable[[T], Awaitable[R]]) -> tuple[T, R]:
    return lot, await read(lot)


def chunks(ids: list[int], size: int) -> Iterator[list[int]]:
    """
    >>> list(chunks([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    return (ids[start : start + size] for start in range(0, len(ids), size))
