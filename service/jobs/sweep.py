"""Upkeep of what is derived, and of what is kept for a time only. Each is safe to repeat."""

from __future__ import annotations

from datetime import UTC, datetime

from service.bootstrap import Resources
from service.jobs.threads import in_thread
from service.storage import audit, change_log, embeddings, passages, people
from service.storage.database import Database


async def sweep_vectors(resources: Resources) -> None:
    """Queue texts that fell between two transactions, delete vectors that nothing needs."""
    await mend_vectors(resources.db)


async def mend_vectors(db: Database) -> None:
    await enqueue_missing(db)
    for workspace_id in await workspace_ids(db):
        async with db.workspace(workspace_id) as conn:
            await passages.one_writer(conn, workspace_id)
            await embeddings.drop_unreferenced(conn, workspace_id)


async def enqueue_missing(db: Database) -> None:
    """Queue every text that has no vector of a model in use: a model is new."""
    for workspace_id in await workspace_ids(db):
        after: int | None = 0
        while after is not None:
            async with db.workspace(workspace_id) as conn:
                await passages.one_writer(conn, workspace_id)
                after = await embeddings.enqueue_missing(conn, workspace_id, after=after)


async def keep_partitions(resources: Resources) -> None:
    """Make the change log's partitions a week ahead, drop those that nobody needs."""
    hours = resources.settings.change_log_hours
    await in_thread(change_log.keep_partitions, resources.url, now=datetime.now(UTC), keep_hours=hours)


async def forget_cursors(resources: Resources) -> None:
    """Let go of followers that were not heard of for a week."""
    async with resources.db.system() as conn:
        await change_log.forget_cursors(conn)


async def forget_requests(resources: Resources) -> None:
    """Drop old lines of the request log."""
    async with resources.db.system() as conn:
        await people.forget_requests(conn, days=resources.settings.request_log_days)


async def forget_audit(resources: Resources) -> None:
    """Drop old lines of the audit log."""
    async with resources.db.system() as conn:
        await audit.forget(conn, days=resources.settings.audit_log_days)


async def workspace_ids(db: Database) -> list[int]:
    async with db.system() as conn:
        return await people.workspace_ids(conn)
