"""Retention: what a workspace no longer keeps is deleted, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.errors import NotFound, SettingError
from service.jobs import people as people_jobs
from service.jobs import retention
from service.model.session import SessionWrite
from service.storage import people, sync
from service.storage.database import open_database


async def test_it_deletes_what_is_older_than_a_workspace_keeps(database_url: str) -> None:
    """Of the one workspace only, with tombstones: what a client sends again stays away; off by default, and again when it is off."""
    db = await open_database(database_url, pool_size=2)
    (a, ann), (b, bob) = [await people.create_workspace(db, name=name, user=name) for name in ("a", "b")]
    old = datetime.now(UTC) - timedelta(days=31)

    async def send(workspace_id: int, user_id: int) -> None:
        for at, ids in ((old, [f"old{n}" for n in range(60)]), (datetime.now(UTC), ["new"])):
            sent = [SessionWrite(external_id=id, created_at=at) for id in ids]
            await sync.apply(db, workspace_id=workspace_id, user_id=user_id, now=at, sessions=sent)

    async def left(workspace_id: int) -> int:
        async with db.workspace(workspace_id) as conn:
            return len(await (await conn.execute("select from sessions")).fetchall())

    for place in ((a, ann), (b, bob)):
        await send(*place)
    assert await retention.delete_all_aged(db) == 0
    assert await retention.keep(db, "a", "30") == retention.Kept("a", 30)
    assert await retention.delete_all_aged(db) == 60
    assert (await left(a), await left(b)) == (1, 61)
    acts = [line.action for line in await people_jobs.acts(db, workspace="a", limit=100)]
    assert (acts.count("session.expire"), acts.count("workspace.retention")) == (60, 1)
    await send(a, ann)
    assert await left(a) == 1
    assert (await retention.keep(db, "a", None)).days == 30
    assert (await retention.keep(db, "a", "off")).days is None
    for wrong in ("0", "-1", "36501", "x", "1.5", "\u0663", ""):
        with pytest.raises(SettingError, match="--days"):
            await retention.keep(db, "a", wrong)
    with pytest.raises(NotFound):
        await retention.keep(db, "c", "30")
    await db.close()
