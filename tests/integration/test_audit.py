"""The audit log: a line for each act of administration, in its transaction, without a text or a key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from service.errors import Conflict
from service.jobs import people as jobs
from service.storage import audit, people
from service.storage.database import Database, open_database


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url, pool_size=2)
    await jobs.create_user(opened, "ann")
    yield opened
    await opened.close()


async def told(db: Database, workspace: str | None = None) -> list[tuple[str, str, str]]:
    """Actor, action and detail, the oldest first."""
    lines = await jobs.acts(db, workspace=workspace, limit=100)
    return [(line.actor, line.action, line.detail) for line in reversed(lines)]


async def test_it_tells_every_act_on_people_and_keys(db: Database) -> None:
    """Each act once and in order, by the operator; one that changed nothing leaves no line."""
    await jobs.create_workspace(db, "team", kind="shared", owner="ann")
    await jobs.create_user(db, "bob")
    for _ in range(2):
        await jobs.set_member(db, workspace="team", user="bob", role="admin")
    key = await jobs.create_key(
        db, workspace="team", user="bob", scopes=["ingest", "read"], expires_at=None, name="a laptop's name"
    )
    for _ in range(2):
        await jobs.revoke_key(db, key.id)
    await jobs.remove_member(db, workspace="team", user="bob")
    assert await told(db) == [
        ("operator", "user.create", ""),
        ("operator", "workspace.create", "shared"),
        ("operator", "member.set", "owner"),
        ("operator", "user.create", ""),
        ("operator", "member.set", "admin"),
        ("operator", "key.create", "ingest, read"),
        ("operator", "key.revoke", ""),
        ("operator", "member.remove", ""),
    ]


async def test_it_leaves_no_line_of_an_act_that_failed(db: Database) -> None:
    """What was refused did not happen, and is not told."""
    await jobs.create_workspace(db, "team", kind="shared", owner="ann")
    before = await told(db)
    with pytest.raises(Conflict):
        await jobs.remove_member(db, workspace="team", user="ann")
    with pytest.raises(Conflict):
        await jobs.create_user(db, "ann")
    assert await told(db) == before


async def test_it_outlives_the_workspace(db: Database) -> None:
    """That a workspace was closed and deleted is told after it is gone."""
    place = await jobs.create_workspace(db, "team", kind="shared", owner="ann")
    await jobs.delete_workspace(db, place)
    assert [action for _, action, _ in await told(db)][-2:] == ["workspace.close", "workspace.delete"]
    (line, *_) = await jobs.acts(db, workspace=None, limit=1)
    assert (line.workspace, line.workspace_id, line.subject_id) == (None, place.id, place.id)


async def test_it_shows_one_workspace_when_asked(db: Database) -> None:
    """`--workspace` leaves out what happened elsewhere."""
    await jobs.create_workspace(db, "team", kind="shared", owner="ann")
    await jobs.create_workspace(db, "other", kind="shared", owner="ann")
    assert [action for _, action, _ in await told(db, "team")] == ["workspace.create", "member.set"]


async def test_it_names_who_acted_by_a_key(db: Database) -> None:
    """A line of a request has the user's name and the key's number."""
    workspace_id, user_id = await people.create_workspace(db, name="w", user="bob")
    async with db.workspace(workspace_id) as conn:
        await audit.record(conn, workspace_id, "session.delete", 7, user_id=user_id, key_id=3)
    (line,) = await jobs.acts(db, workspace="w", limit=1)
    assert (line.actor, line.key_id, line.subject_kind, line.subject_id) == ("bob", 3, "session", 7)


@pytest.mark.parametrize("detail", ["osk_abc", "A name", "7", "x" * 61])
async def test_it_takes_no_text(db: Database, detail: str) -> None:
    """The table refuses what is not a few small words: neither a key nor a name that somebody chose fits."""
    with pytest.raises(psycopg.errors.CheckViolation):
        async with db.workspace(0) as conn:
            await audit.record(conn, 0, "user.create", 1, detail=detail)


async def test_it_forgets_what_is_old(db: Database, database_url: str) -> None:
    """Retention drops lines by age, in every workspace, and no others."""
    await jobs.create_workspace(db, "team", kind="shared", owner="ann")
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "update audit_log set at = %s where action = 'user.create'",
            [datetime.now(UTC) - timedelta(days=400)],
        )
    async with db.system() as system:
        assert await audit.forget(system, days=365) == 1
    assert [action for _, action, _ in await told(db)] == ["workspace.create", "member.set"]
