"""Passages follow the change log: messages are split, and texts without a vector are queued.

One process of all does it (an advisory lock elects it). The cursor is a row, moved last, in a transaction of its
own: a crash repeats work, which then writes nothing. Its name has the epoch: in a restored cluster there is none,
and all messages are looked at again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection

from indexing.model import Passage
from indexing.passages import split
from service.jobs import changed, documents
from service.jobs.backlog import Backlog
from service.jobs.generation import chunks
from service.jobs.threads import in_thread
from service.live.feed import Feed, Tick
from service.model import snapshot
from service.storage import change_log, locks, messages, passages, people, statistics
from service.storage.database import Connection, Database

SPLIT_AT_ONCE = 100
"""Messages in one transaction; one can be a megabyte and more."""
PAGE = 2_000
STILL_HERE_S = 3600.0
ANALYSE_S = 1.0
REST = 2.0
"""Of the time that a full batch took: computing vectors takes far longer, and words come first."""

MOST_PATIENCE_S = 5.0
"""Between two batches while words flood in."""

Report = Callable[[int], None]


async def split_messages(
    db: Database, url: str, feed: Feed, queued: asyncio.Event, backlog: Backlog | None = None
) -> None:
    """Keep passages up to date, for ever. `queued` is set when texts may wait for a vector.

    While words flood in (`backlog`), passages come slowly: words can be searched first.
    """
    async with locks.alone(url, "passages") as lock:
        async with db.system() as conn:
            cursor = await change_log.read_cursor(conn, cursor_name(db.epoch))
        told_at_s = analysed_s = 0.0
        async for tick in feed.follow(snapshot.token(db.epoch, cursor) if cursor else ""):
            if tick.changes or tick.gap:
                await locks.still(lock)
                await work_off(db, tick, backlog or Backlog())
                queued.set()
            if time.monotonic() - analysed_s > ANALYSE_S:  # of vectors no change tells, only a tick
                await statistics.refresh(lock)
                analysed_s = time.monotonic()
            if not (tick.changes or tick.gap) and time.monotonic() - told_at_s < STILL_HERE_S:
                continue
            async with db.system() as conn:
                await change_log.move_cursor(conn, cursor_name(tick.epoch), tick.cursor)
            told_at_s = time.monotonic()


async def work_off(db: Database, tick: Tick, backlog: Backlog) -> None:
    """Split what the tick says has changed, or, when the log does not reach back, what the tables say."""
    if tick.gap:
        await split_all(db, unseen_by=tick.since, backlog=backlog)
        return
    for workspace_id, work in changed.for_meaning(tick.changes).items():
        ids = work.messages
        if work.written_in_bulk:
            async with db.workspace(workspace_id) as conn:
                ids |= set(
                    await messages.ids_of_sessions(
                        conn, workspace_id, list(work.written_in_bulk), unseen_by=tick.since
                    )
                )
        await split_ids(db, workspace_id, ids, backlog)


async def split_all(
    db: Database, *, unseen_by: str, report: Report = lambda done: None, backlog: Backlog | None = None
) -> None:
    """Split every message that changed since the snapshot `unseen_by`; `report` is told how many were looked at."""
    async with db.system() as conn:
        workspaces = await people.workspace_ids(conn)
    done = 0
    for workspace_id in workspaces:
        after = 0
        while True:
            async with db.workspace(workspace_id) as conn:
                page = await messages.ids_after(
                    conn, workspace_id, after=after, limit=PAGE, unseen_by=unseen_by
                )
            if not page:
                break
            await split_ids(db, workspace_id, [id for id, unseen in page if unseen], backlog)
            after = page[-1][0]
            done += len(page)
            report(done)


async def split_ids(
    db: Database, workspace_id: int, ids: Collection[int], backlog: Backlog | None = None
) -> None:
    """Split these messages as they are now."""
    for some in chunks(sorted(ids), SPLIT_AT_ONCE):
        if backlog is not None:
            await backlog.over(at_most_s=MOST_PATIENCE_S)
        started_s = time.monotonic()
        async with db.workspace(workspace_id) as conn:
            await passages.one_writer(conn, workspace_id)
            await passages.replace(conn, workspace_id, await split_rows(conn, workspace_id, some))
        if len(some) == SPLIT_AT_ONCE:
            await asyncio.sleep(REST * (time.monotonic() - started_s))


async def split_rows(conn: Connection, workspace_id: int, ids: list[int]) -> dict[int, list[Passage]]:
    rows = await messages.to_index(conn, workspace_id, ids)
    return await in_thread(lambda: {row["id"]: split(documents.fields(row)) for row in rows})


def cursor_name(epoch: str) -> str:
    return f"passages:{epoch}"
