"""The text index follows the change log: what is committed can be found by its words within 100 ms, and while
thousands of messages a second come in, within some seconds (`backlog.py` says why).

The token up to which the index is complete is written after each of its commits: a crash repeats work and skips none.

Building it anew fills another generation beside the one that answers, which is fed meanwhile, and swaps.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path

import structlog

from indexing.fulltext import IndexDamaged, new_generation, open_writer, swap
from service.jobs import changed, marker, purge
from service.jobs.backlog import Backlog, commit_gap_s
from service.jobs.election import elected
from service.jobs.generation import Generation
from service.jobs.threads import in_thread
from service.live.feed import Feed, Tick
from service.storage import change_log, passages, people
from service.storage.database import Database

log = structlog.get_logger()

REST_S = 0.05
"""Between two ticks, at most: under steady writing one tick takes in several transactions."""
LOOK_S = 0.5
KEEP_CURSOR_S = 5.0
STILL_HERE_S = 3600.0
"""An idle follower says so often that it is still there (`change_log.forget_cursors`)."""
CATCH_UP_ROUNDS = 20


async def index_words(db: Database, feed: Feed, directory: Path, backlog: Backlog | None = None) -> None:
    """Keep the text index of this machine up to date, for ever; one process a machine does.

    `backlog` is told how much there is to do.
    """
    async with elected(directory):
        await WordIndex(db, feed, directory, backlog).run()


async def rebuild_words(db: Database, feed: Feed, directory: Path) -> None:
    """Build the text index of this machine anew. The caller holds the directory's lock."""
    index = WordIndex(db, feed, directory)
    try:
        await index.rebuild()
    finally:
        await index.close()


class WordIndex:
    """The text index of one machine, to write to. The caller holds its directory's lock."""

    def __init__(self, db: Database, feed: Feed, directory: Path, backlog: Backlog | None = None) -> None:
        self._db = db
        self._feed = feed
        self._directory = directory
        self._backlog = backlog or Backlog()
        self._current: Generation | None = None
        self._turn = asyncio.Lock()
        """Held by who changes or replaces the current generation."""
        self._took = asyncio.Event()
        self._last: Tick | None = None
        """The last tick that is in and not committed."""
        self._behind_the_log: Tick | None = None
        """The last tick that brought something, until the database knows."""

    async def run(self) -> None:
        try:
            await self._open()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                group.create_task(self._commit_when_due())
                group.create_task(self._heed_requests())
                group.create_task(self._keep_cursor())
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of the writer: without this, nobody else can write."""
        if self._current is not None:
            await in_thread(self._current.writer.close)
            self._current = None

    async def rebuild(self) -> None:
        """Fill a new generation from the tables, bring it up to the present, put it in the place of the old one."""
        started_s, total = time.monotonic(), await self._messages_in_all()
        purge.begin(self._directory)
        writer = await in_thread(new_generation, self._directory)
        new = Generation(self._db, writer, took=self._backlog.took)
        done_with: Generation | None = new
        try:
            await self._fill(new, total)
            async with self._turn:
                await new.bring(await self._feed.now(new.writer.cursor()))
                if self._current is not None:
                    await self._current.commit()  # its files go: nothing may be left to write to them
                await in_thread(swap, self._directory, new.writer)
                done_with, self._current = self._current, new
        finally:
            if done_with is not None:
                await in_thread(done_with.writer.close)
        marker.clear(self._directory)
        purge.end(self._directory)
        log.info("text_index_rebuilt", messages=total, seconds=round(time.monotonic() - started_s, 1))

    async def _open(self) -> None:
        """The current generation; one that is damaged is replaced by a new one, built from the tables."""
        try:
            writer = await in_thread(open_writer, self._directory)
            self._current = Generation(self._db, writer, took=self._backlog.took)
        except IndexDamaged:
            log.warning("text_index_damaged", remedy="it is built anew")
            await self.rebuild()

    async def _follow(self) -> None:
        assert self._current is not None
        async for tick in self._feed.follow(self._current.writer.cursor()):
            started_s = time.monotonic()
            async with self._turn:
                await self._current.take(tick)
                self._last = tick
                if deleted := self._current.dropped or changed.deleted(tick.changes):
                    await in_thread(purge.note, self._directory, deleted)
            self._took.set()
            await asyncio.sleep(min(REST_S, time.monotonic() - started_s))

    async def _commit_when_due(self) -> None:
        """What came alone at once; of a flood as much as comes in a while."""
        committed_s, last = 0.0, 0
        while True:
            await self._took.wait()
            assert self._current is not None
            # Of a flood the next commit will bring as much as the last one, at least.
            gap_s = commit_gap_s(max(last, self._current.uncommitted))
            await asyncio.sleep(max(committed_s + gap_s - time.monotonic(), 0.0))
            async with self._turn:
                self._took.clear()
                tick, self._last, last = self._last, None, self._current.uncommitted
                await self._current.commit()
            committed_s = time.monotonic()
            if tick is not None and (tick.changes or tick.gap):
                self._behind_the_log = tick

    async def _heed_requests(self) -> None:
        """Rebuild whenever `marker` asks for it, or what was deleted shall leave the files."""
        while True:
            if marker.read(self._directory) is not None or purge.is_due(self._directory):
                await self.rebuild()
            await asyncio.sleep(LOOK_S)

    async def _fill(self, new: Generation, total: int) -> None:
        """All there is, then what came meanwhile, until little is left for the moment of the swap."""

        def report(done: int) -> None:
            marker.write(self._directory, marker.Progress(done, max(done, total)))

        tick = await self._feed.now("")
        await new.bring(tick, report=report)
        for _ in range(CATCH_UP_ROUNDS):
            tick = await self._feed.now(tick.token)
            await new.bring(tick)
            if not tick.changes and not tick.gap:
                return

    async def _messages_in_all(self) -> int:
        async with self._db.system() as conn:
            workspaces = await people.workspace_ids(conn)
        total = 0
        for workspace_id in workspaces:
            async with self._db.workspace(workspace_id) as conn:
                total += await passages.messages_in_all(conn, workspace_id)
        return total

    async def _keep_cursor(self) -> None:
        """Tell the database how far this machine is, so that the log is kept for it. Nothing new: nothing is written."""
        name, told_at_s, last = f"text:{home_id(self._directory)}", 0.0, None
        while True:
            tick, self._behind_the_log = self._behind_the_log, None
            if tick is None and time.monotonic() - told_at_s > STILL_HERE_S:
                tick = last
            if tick is not None:
                async with self._db.system() as conn:
                    await change_log.move_cursor(conn, name, tick.cursor)
                told_at_s, last = time.monotonic(), tick
            await asyncio.sleep(KEEP_CURSOR_S)


def home_id(directory: Path) -> str:
    """What this machine's index is called in the database; made once."""
    file = directory / "ID"
    if not file.exists():
        file.write_text(secrets.token_hex(8))
    return file.read_text().strip()
