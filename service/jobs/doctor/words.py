"""The text index: whether it can be read, and how far it is behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from indexing.fulltext import IndexDamaged, generations, open_reader
from service.jobs import marker
from service.jobs.doctor.finding import Finding, fail, ok, warn
from service.model import snapshot
from service.settings import Settings
from service.storage import change_log, people
from service.storage.database import Database

MANY = 10_000


async def examine(db: Database, settings: Settings) -> Finding:
    if generations.current(settings.text_index_dir) is None:
        return warn("text index", "there is none yet", "The worker builds it; start `backscroll serve`.")
    try:
        token = await asyncio.to_thread(read_whole, settings.text_index_dir)
    except IndexDamaged:
        advice = "Run `backscroll doctor --repair` beside a running service, which then builds it anew."
        return fail("text index", "damaged", advice)
    return await examine_lag(db, token)


async def repair(settings: Settings) -> list[Finding]:
    """Ask the worker to build the index anew when it is damaged."""
    try:
        await asyncio.to_thread(read_whole, settings.text_index_dir)
    except IndexDamaged:
        marker.ask(settings.text_index_dir)
        return [ok("text index", "the worker builds it anew")]
    return []


def read_whole(directory: Path) -> str:
    """Read every file of the current generation; the token of what it holds. Errors: `IndexDamaged`."""
    current = generations.current(directory)
    if current is not None:
        generations.verify(current)
    return open_reader(directory).cursor()


async def examine_lag(db: Database, token: str) -> Finding:
    match = snapshot.TOKEN.fullmatch(token)
    if match is None or match[1] != db.epoch:
        return warn(
            "text index",
            "it is of another database, or of none",
            "The worker compares it with this one; start `backscroll serve`.",
        )
    async with db.system() as conn:
        workspaces, too_short = (
            await people.workspace_ids(conn),
            await change_log.is_too_short(conn, match[2]),
        )
    if too_short:
        return warn(
            "text index",
            "too far behind for the change log",
            "The worker compares it with the tables; start `backscroll serve`.",
        )
    lag = 0
    for workspace_id in workspaces:
        async with db.workspace(workspace_id) as conn:
            lag += await change_log.waiting(conn, workspace_id, match[2])
    return judge_lag(lag)


def judge_lag(messages: int) -> Finding:
    """
    >>> judge_lag(0).found, judge_lag(20_000).state
    ('readable and complete', 'warn')
    """
    if messages >= MANY:
        return warn(
            "text index",
            f"readable, {messages} messages behind",
            "Look whether the worker runs, and at what it logs.",
        )
    return ok("text index", f"readable, {messages} messages behind" if messages else "readable and complete")
