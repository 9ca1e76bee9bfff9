"""Marked hours -> usage rows -> hourly facts. A transaction a step, which takes the marks and writes what comes of them.

Whatever order messages come in, are edited or deleted in: an hour is derived from what is there now, so the facts are
those of a rebuild. A lock in the database lets one process at a time derive a workspace; another passes it by.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import polars as pl

from analytics import rollup as rollups
from analytics import usage
from analytics.pricing.book import Book
from analytics.pricing.litellm import LiteLLM
from service.bootstrap import Resources
from service.errors import DatabaseUnavailable
from service.jobs.backlog import Backlog
from service.jobs.price_file import PriceFile
from service.jobs.sweep import workspace_ids
from service.jobs.threads import in_thread
from service.live.feed import Feed
from service.storage.database import Connection, Database
from service.storage.usage import facts, marks, rows, told
from service.storage.usage.marks import EVER

FIRST_HOURS, MOST_HOURS = 250, 5_000
"""Of one workspace in one transaction."""
ROWS_AT_ONCE = 100_000
"""About so many: they are held in memory, 1 kB each at most."""
AT_ONCE = 2
"""Workspaces: while Postgres is busy with one, Python is with another."""
LOOK_S = 2.0
"""A mark is seen after so long at most, where nothing rings."""
FEW_ROWS = 2_000
QUICK_S, REST, MOST_REST_S = 0.1, 9.0, 15.0
"""One that derived more than `FEW_ROWS` and took longer than `QUICK_S` is followed by a rest so many times as long:
while thousands of messages a second come in, a tenth of a core derives. One that derived less and took long waited for
others: a late message shall not wait for its rest, too."""
QUIET_S = 0.3
"""A rest ends when nothing was marked for so long."""
PATIENCE_S, MOST_PATIENCE_S = 60.0, 300.0
"""Between two rollups while words flood in, and where the last one took long. What is imported touches the same hours again
and again, and each time an hour is derived whole: at the end of an import that is done once."""

Report = Callable[["Derived"], None]


async def roll_up_for_ever(resources: Resources, feed: Feed, backlog: Backlog) -> None:
    """Derive what is marked soon after it was, for ever; while words flood in (`backlog`), now and then."""
    prices = PriceFile(resources.settings.price_file)
    token, took_s = "", 0.0
    while True:
        await backlog.over(at_most_s=patience_s(took_s))
        started_s, steps = time.monotonic(), list[Derived]()
        if await roll_up(resources.db, await in_thread(prices.read), report=steps.append):
            resources.bell.ring()
        took_s = time.monotonic() - started_s
        await rest(resources.db, rest_s(took_s, rows=sum(step.rows for step in steps)))
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                token = (await feed.next(token)).token


def patience_s(took_s: float) -> float:
    """How long to let words flood in after a rollup that took so long.

    >>> patience_s(0.5), patience_s(12.0), patience_s(100.0)
    (60.0, 108.0, 300.0)
    """
    return min(max(PATIENCE_S, REST * took_s), MOST_PATIENCE_S)


async def rest(db: Database, seconds: float) -> None:
    """Let others work so long; no longer than until nothing was marked for `QUIET_S`, since then nobody writes."""
    until_s, seen = time.monotonic() + seconds, -1
    while (left_s := until_s - time.monotonic()) > 0:
        await asyncio.sleep(min(left_s, QUIET_S))
        if left_s > QUIET_S:
            async with db.system() as conn:
                before, seen = seen, await marks.waiting(conn)
            if seen == before:
                return


def rest_s(took_s: float, *, rows: int) -> float:
    """How long to let others work after a rollup.

    >>> rest_s(0.02, rows=90_000), rest_s(0.5, rows=90_000), rest_s(60.0, rows=90_000), rest_s(0.5, rows=100)
    (0.02, 4.5, 15.0, 0.1)
    """
    if rows <= FEW_ROWS or took_s <= QUICK_S:
        return min(took_s, QUICK_S)
    return min(REST * took_s, MOST_REST_S)


def unheard(step: Derived) -> None:
    """For who does not follow how far it is."""


async def roll_up(db: Database, file: LiteLLM | None = None, *, report: Report = unheard) -> int:
    """Derive every marked hour of every workspace; how many hours were.

    Errors: an `ExceptionGroup` of what workspaces failed with; the others are derived all the same. `DatabaseUnavailable`
    ends it at once.
    """
    async with db.system() as conn:
        marked = await marks.workspaces(conn)
    turns, away = asyncio.Semaphore(AT_ONCE), list[DatabaseUnavailable]()

    async def derived(id: int) -> int:
        async with turns:
            if away:
                raise away[0]
            try:
                return await roll_up_workspace(db, id, file, report=report)
            except DatabaseUnavailable as error:
                away.append(error)
                raise

    ended = await asyncio.gather(*map(derived, marked), return_exceptions=True)
    if away:
        raise away[0]
    if failed := [each for each in ended if isinstance(each, Exception)]:
        raise ExceptionGroup("in the rollup", failed)
    return sum(each for each in ended if isinstance(each, int))


async def roll_up_workspace(
    db: Database,
    workspace_id: int,
    file: LiteLLM | None = None,
    *,
    wait: bool = False,
    report: Report = unheard,
) -> int:
    """Derive the marked hours of a workspace; none when another process is at it, unless we `wait` for it."""
    done, limit = 0, FIRST_HOURS
    while (derived := await step(db, workspace_id, file, wait=wait, limit=limit)).hours:
        done += derived.hours
        report(derived)
        if derived.hours < limit:  # no mark was left; who set one since rings
            break
        limit = next_limit(derived)
    return done


class Derived(NamedTuple):
    hours: int
    rows: int


def next_limit(last: Derived) -> int:
    """How many hours to take next.

    >>> next_limit(Derived(250, 1_000_000)), next_limit(Derived(250, 10))
    (25, 5000)
    """
    return max(1, min(ROWS_AT_ONCE * last.hours // max(last.rows, 1), MOST_HOURS))


async def rebuild(
    db: Database, file: LiteLLM | None = None, *, since: datetime = EVER, report: Report = unheard
) -> int:
    """Derive everything from `since` on again, with the prices of now; how many hours."""
    done = 0
    for id in await workspace_ids(db):
        async with db.workspace(id) as conn:
            await marks.mark_all(conn, id, since=since)
        done += await roll_up_workspace(db, id, file, wait=True, report=report)
    return done


async def check_all(resources: Resources) -> None:
    """Mark hours whose facts are not what their messages say: they are derived next."""
    await check(resources.db)


async def check(db: Database) -> int:
    """As `check_all`; how many hours there were."""
    found = 0
    for id in await workspace_ids(db):
        async with db.workspace(id) as conn:
            found += await marks.mark_differing(conn, id)
    return found


async def step(db: Database, workspace_id: int, file: LiteLLM | None, *, wait: bool, limit: int) -> Derived:
    async with db.workspace(workspace_id) as conn:
        if not await marks.only_one(conn, workspace_id, wait=wait):
            return Derived(0, 0)
        hours = await marks.take(conn, workspace_id, limit=limit)
        if not hours:
            return Derived(0, 0)
        book = Book(await told.rates(conn, workspace_id), file)
        return Derived(len(hours), await derive(conn, workspace_id, hours, book))


async def derive(conn: Connection, workspace_id: int, hours: Collection[datetime], book: Book) -> int:
    """The rows of these hours, and the facts of all hours that they move; how many rows those have."""
    moved = await derive_rows(conn, workspace_id, hours, book)
    counted = await rows.counted(conn, workspace_id, moved)
    calls = await rows.tool_calls(conn, workspace_id, moved)
    await facts.replace(conn, workspace_id, moved, *await in_thread(sum_up, counted, calls))
    await facts.told(conn, workspace_id, price_version=book.version)
    return len(counted)


async def derive_rows(
    conn: Connection, workspace_id: int, hours: Collection[datetime], book: Book
) -> set[datetime]:
    messages = await rows.messages(conn, workspace_id, hours)
    records = await rows.records(conn, workspace_id, hours)
    stored = await rows.replace(
        conn, workspace_id, hours, await in_thread(of_messages_and_records, messages, records, book)
    )
    moved = {*hours, *await rows.settle_copies(conn, workspace_id, stored.copy_keys)}
    sessions = await rows.sessions_with_totals(conn, workspace_id, hours, stored.session_ids)
    if not sessions:
        return moved
    totals = await rows.totals(conn, workspace_id, sessions)
    beyond = await in_thread(usage.of_totals, totals, book)
    return moved | await rows.replace_totals(conn, workspace_id, sessions, beyond)


def of_messages_and_records(messages: pl.DataFrame, records: pl.DataFrame, book: Book) -> pl.DataFrame:
    return pl.concat([usage.of_messages(messages, book), usage.of_records(records, book)])


def sum_up(counted: pl.DataFrame, calls: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    return rollups.facts(counted.lazy()).collect(), rollups.tool_facts(calls.lazy()).collect()
