"""What the tables say of each other: counts, and messages that nobody finds by their meaning."""

from __future__ import annotations

from service.jobs.doctor.finding import Finding, ok, warn
from service.jobs.split_messages import cursor_name, split_ids
from service.storage import change_log, doctor, people
from service.storage.database import Database

REPAIR = "Run `backscroll doctor --repair`."


async def examine(db: Database) -> list[Finding]:
    miscounted = unsplit = 0
    for workspace_id in await workspace_ids(db):
        async with db.workspace(workspace_id) as conn:
            miscounted += await doctor.miscounted(conn, workspace_id)
        unsplit += len(await never_split(db, workspace_id))
    return [judge_counts(miscounted), judge_passages(unsplit)]


async def repair(db: Database) -> list[Finding]:
    """Count again, split again; what was done."""
    recounted = split = 0
    for workspace_id in await workspace_ids(db):
        async with db.workspace(workspace_id) as conn:
            recounted += await doctor.recount(conn, workspace_id)
        lost = await never_split(db, workspace_id)
        await split_ids(db, workspace_id, lost)
        split += len(lost)
    done = [ok("counts", f"counted {recounted} sessions again")] if recounted else []
    return done + ([ok("passages", f"split {split} messages again")] if split else [])


async def never_split(db: Database, workspace_id: int) -> list[int]:
    """Messages that have no passages and do not wait for any; none as long as nobody has ever split."""
    async with db.system() as conn:
        cursor = await change_log.read_cursor(conn, cursor_name(db.epoch))
    if cursor is None:
        return []
    async with db.workspace(workspace_id) as conn:
        return await doctor.unsplit(conn, workspace_id, cursor)


async def workspace_ids(db: Database) -> list[int]:
    async with db.system() as conn:
        return await people.workspace_ids(conn)


def judge_counts(sessions: int) -> Finding:
    """
    >>> judge_counts(2).found
    'of 2 sessions the count of messages is wrong'
    """
    if sessions:
        return warn("counts", f"of {sessions} sessions the count of messages is wrong", REPAIR)
    return ok("counts", "those of messages are right")


def judge_passages(messages: int) -> Finding:
    """
    >>> judge_passages(0).state, judge_passages(3).found
    ('ok', '3 messages are not found by their meaning')
    """
    if messages:
        return warn("passages", f"{messages} messages are not found by their meaning", REPAIR)
    return ok("passages", "every message has some, or waits")
