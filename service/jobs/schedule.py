"""The table of jobs that recur. APScheduler keeps the time; a lock sees to it that one worker does each at a time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from service.bootstrap import Resources
from service.jobs import retention, rollup, sweep
from service.storage import locks

log = structlog.get_logger()

HOUR_S = 3600


class Job(msgspec.Struct, frozen=True):
    name: str
    every_s: int
    run: Callable[[Resources], Awaitable[None]]


JOBS = (
    Job("partitions", HOUR_S, sweep.keep_partitions),
    Job("vectors", HOUR_S // 2, sweep.sweep_vectors),
    Job("requests", HOUR_S, sweep.forget_requests),
    Job("audit", 24 * HOUR_S, sweep.forget_audit),
    Job("usage", 24 * HOUR_S, rollup.check_all),
    Job("retention", HOUR_S, retention.delete_aged),
    Job("cursors", 24 * HOUR_S, sweep.forget_cursors),
)


def start(resources: Resources) -> AsyncIOScheduler:
    """Each job now and then at its interval; the caller shuts the scheduler down. Runs in the current event loop."""
    scheduler = AsyncIOScheduler(timezone=UTC)
    for job in JOBS:
        scheduler.add_job(
            once,
            "interval",
            args=(job, resources),
            id=job.name,
            seconds=job.every_s,
            next_run_time=datetime.now(UTC),
            jitter=60,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=job.every_s,
        )
    scheduler.add_listener(tell, EVENT_JOB_ERROR)
    scheduler.start()
    return scheduler


async def once(job: Job, resources: Resources) -> None:
    """Do a job unless another worker is at it."""
    async with locks.if_alone(resources.url, f"job {job.name}") as ours:
        if ours:
            await told(job, resources)


async def told(job: Job, resources: Resources) -> None:
    """Run a job, and tell traces of it."""
    at, started_s, failed = datetime.now(UTC), time.perf_counter(), True
    try:
        await job.run(resources)
        failed = False
    finally:
        seconds = time.perf_counter() - started_s
        resources.traces.span(f"job {job.name}", at=at, seconds=seconds, facts={}, failed=failed)


def tell(event: JobExecutionEvent) -> None:
    log.warning("job_failed", job=event.job_id, error=type(event.exception).__name__)
