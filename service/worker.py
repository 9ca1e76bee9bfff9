"""The worker: what happens after a write. Words are indexed at once; the embedding model loads beside that.

    index_words      change log -> text index                  one worker a machine
    split_messages   change log -> passages and their queue    one worker of all
    embed            queue -> vectors                          every worker
    rollup           marked hours -> usage and its facts       every worker, one a workspace
    schedule         upkeep at intervals                       one worker of all for each job
    heartbeat        that it lives, for those who watch        every worker

A part that fails (Postgres restarts, the disk is full) is started again, after a pause that grows; the others go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from service.bootstrap import Resources
from service.errors import DatabaseUnavailable
from service.jobs import schedule
from service.jobs.backlog import Backlog
from service.jobs.embed import embed_for_ever
from service.jobs.heartbeat import Heartbeat
from service.jobs.index_words import index_words
from service.jobs.rollup import roll_up_for_ever
from service.jobs.split_messages import split_messages
from service.live.feed import Feed

log = structlog.get_logger()

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
LONGEST_PAUSE_WITHOUT_DATABASE_S = 2.0
"""Postgres that is away comes back, and to ask whether it has costs nothing."""
STEADY_S = 60.0
"""A part that ran for so long before it failed starts again after the first pause."""

Part = Callable[[], Coroutine[Any, Any, None]]


async def run_worker(resources: Resources) -> None:
    """Work until cancelled; then stop within seconds, with nothing lost: what was not finished is repeated."""
    feed, heartbeat = Feed(resources.url), Heartbeat(resources.db)
    queued, backlog = asyncio.Event(), Backlog()
    parts: dict[str, Part] = {
        "feed": feed.run,
        "index_words": lambda: index_words(resources.db, feed, resources.settings.text_index_dir, backlog),
        "split_messages": lambda: split_messages(resources.db, resources.url, feed, queued, backlog),
        "embed": lambda: embed_for_ever(resources, queued),
        "rollup": lambda: roll_up_for_ever(resources, feed, backlog),
        "heartbeat": heartbeat.run,
    }
    scheduler = schedule.start(resources)
    try:
        async with asyncio.TaskGroup() as group:
            for name, part in parts.items():
                group.create_task(kept_running(name, part, failed=heartbeat.failed))
    finally:
        scheduler.shutdown(wait=False)


async def kept_running(name: str, part: Part, *, failed: Callable[[], None] = lambda: None) -> None:
    """Run a part; start it again whenever it fails, and tell `failed`. Returns when the part does."""
    pause_s = FIRST_PAUSE_S
    while True:
        started_s = time.monotonic()
        task = asyncio.create_task(part(), name=name)
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            await asyncio.wait([task])
        error = task.exception()
        if error is None:
            return
        pause_s = next_pause_s(pause_s, error, ran_s=time.monotonic() - started_s)
        failed()
        log.warning("part_failed", part=name, error=named(error), again_in_s=pause_s)
        await asyncio.sleep(pause_s)


def next_pause_s(last_s: float, error: BaseException, *, ran_s: float) -> float:
    """How long to wait after a part has failed.

    >>> next_pause_s(20.0, OSError(), ran_s=1.0), next_pause_s(20.0, DatabaseUnavailable(), ran_s=1.0)
    (30.0, 2.0)
    """
    if ran_s > STEADY_S:
        return FIRST_PAUSE_S
    longest_s = LONGEST_PAUSE_WITHOUT_DATABASE_S if is_of_database(error) else LONGEST_PAUSE_S
    return min(2 * last_s, longest_s)


def is_of_database(error: BaseException) -> bool:
    """Whether nothing but the absence of Postgres ended a part, be it in several of its tasks."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_of_database(each) for each in error.exceptions)
    return isinstance(error, DatabaseUnavailable)


def named(error: BaseException) -> str:
    """The kinds of an error and not its text, in which a value may stand.

    >>> named(ExceptionGroup("in a task group", [KeyError("secret")]))
    'KeyError'
    """
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(named(each) for each in error.exceptions)
    return type(error).__name__
