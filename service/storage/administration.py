"""Acts of whoever runs the service: users, workspaces, members and keys, listed, made and taken away.

Rule: lists are read as the system, across workspaces; an act is a transaction of the workspace that it changes, and
leaves its line in the audit log. That a workspace keeps an owner is decided under a lock on its row.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from service.errors import Conflict
from service.storage import audit
from service.storage.database import Connection, Database
from service.storage.people import opened
from service.storage.queries import load

SQL = load("administration")
SESSIONS_AT_ONCE = 50


class User(msgspec.Struct, frozen=True, rename="camel"):
    id: int
    name: str
    created_at: datetime
    workspaces: list[str]


class Workspace(msgspec.Struct, frozen=True, rename="camel"):
    id: int
    name: str
    kind: str
    created_at: datetime
    members: list[str]


class Member(msgspec.Struct, frozen=True, rename="camel"):
    workspace: str
    workspace_id: int
    user: str
    user_id: int
    role: str
    created_at: datetime


class Key(msgspec.Struct, frozen=True, rename="camel"):
    """A key without its text; `scopes` as its member's role allows them now."""

    id: int
    workspace_id: int
    workspace: str
    user: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def state(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


async def users(db: Database) -> list[User]:
    """By name."""
    async with db.system() as conn:
        return [User(**row) for row in await (await conn.execute(SQL["users"])).fetchall()]


async def workspaces(db: Database) -> list[Workspace]:
    """By name."""
    async with db.system() as conn:
        return [Workspace(**row) for row in await (await conn.execute(SQL["workspaces"])).fetchall()]


async def members(db: Database, workspace_id: int | None = None) -> list[Member]:
    """Of one workspace or of all, owners first."""
    async with db.system() as conn:
        rows = await (await conn.execute(SQL["members"], {"workspace_id": workspace_id})).fetchall()
    return [Member(**row) for row in rows]


async def keys(db: Database, workspace_id: int | None = None) -> list[Key]:
    """Of one workspace or of all, in the order in which they were made."""
    async with db.system() as conn:
        rows = await (await conn.execute(SQL["keys"], {"workspace_id": workspace_id})).fetchall()
    return [Key(**row | {"scopes": in_order(opened(row["scopes"], row.pop("role")))}) for row in rows]


def in_order(scopes: Collection[str]) -> list[str]:
    """
    >>> in_order({"admin", "read", "ingest"})
    ['ingest', 'read', 'admin']
    """
    return sorted(scopes, key=["ingest", "read", "admin"].index)


async def create_user(db: Database, name: str) -> None:
    """Errors: `Conflict` when the name is taken."""
    try:
        async with db.workspace(0) as conn:
            await conn.execute(SQL["create_user"], {"name": name})
            row = await (await conn.execute(SQL["created_user"])).fetchone()
            assert row is not None
            await audit.record(conn, audit.OF_NO_WORKSPACE, "user.create", row["id"])
    except psycopg.errors.UniqueViolation as error:
        raise Conflict(f"There is a user `{name}` already.") from error


async def set_member(db: Database, workspace_id: int, user_id: int, role: str) -> None:
    """Make somebody a member, or give a member another role. Errors: `Conflict` when no owner would be left."""
    params = {"workspace_id": workspace_id, "user_id": user_id, "role": role}
    async with db.workspace(workspace_id) as conn:
        await alone(conn, workspace_id)
        if role != "owner":
            await keep_an_owner(conn, workspace_id, without=user_id)
        if (await conn.execute(SQL["set_member"], params)).rowcount:
            await audit.record(conn, workspace_id, "member.set", user_id, detail=role)


async def remove_member(db: Database, workspace_id: int, user_id: int) -> bool:
    """With their keys; False when they were none. Errors: `Conflict` when no owner would be left."""
    async with db.workspace(workspace_id) as conn:
        await alone(conn, workspace_id)
        await keep_an_owner(conn, workspace_id, without=user_id)
        params = {"workspace_id": workspace_id, "user_id": user_id}
        removed = (await conn.execute(SQL["remove_member"], params)).rowcount > 0
        if removed:
            await audit.record(conn, workspace_id, "member.remove", user_id)
        return removed


async def alone(conn: Connection, workspace_id: int) -> None:
    """Errors: `Conflict` when the workspace is gone."""
    found = await (await conn.execute(SQL["lock_workspace"], {"workspace_id": workspace_id})).fetchone()
    if found is None:
        raise Conflict("The workspace was deleted meanwhile.")


async def keep_an_owner(conn: Connection, workspace_id: int, *, without: int) -> None:
    rows = await (await conn.execute(SQL["owners"], {"workspace_id": workspace_id})).fetchall()
    if [row["user_id"] for row in rows] == [without]:
        raise Conflict("A workspace keeps an owner: make somebody else one first, with --role owner.")


async def revoke_key(db: Database, key: Key) -> bool:
    """False when it was revoked before."""
    async with db.workspace(key.workspace_id) as conn:
        params = {"workspace_id": key.workspace_id, "id": key.id}
        revoked = (await conn.execute(SQL["revoke_key"], params)).rowcount > 0
        if revoked:
            await audit.record(conn, key.workspace_id, "key.revoke", key.id)
        return revoked


async def close_workspace(db: Database, workspace_id: int) -> None:
    """Take its members away, and with them all keys; processes notice within a second."""
    async with db.workspace(workspace_id) as conn:
        if (await conn.execute(SQL["remove_members"], {"workspace_id": workspace_id})).rowcount:
            await audit.record(conn, workspace_id, "workspace.close", workspace_id)


async def delete_some_sessions(db: Database, workspace_id: int) -> int:
    """Delete a slice with all that hangs on it; how many sessions. 0: none is left."""
    return await run(db, workspace_id, "delete_some_sessions", limit=SESSIONS_AT_ONCE)


async def delete_workspace(db: Database, workspace_id: int) -> None:
    """The row, and whatever still hangs on it; followers of the change log are told."""
    async with db.workspace(workspace_id) as conn:
        params = {"workspace_id": workspace_id}
        if (await conn.execute(SQL["delete_workspace"], params)).rowcount:
            await conn.execute(SQL["delete_marks"], params)
            await conn.execute(SQL["tell_of_deletion"], params)
            await audit.record(conn, workspace_id, "workspace.delete", workspace_id)


async def run(db: Database, workspace_id: int, name: str, **params: Any) -> int:
    """One statement in a transaction of its own; the rows that it touched."""
    async with db.workspace(workspace_id) as conn:
        return (await conn.execute(SQL[name], params | {"workspace_id": workspace_id})).rowcount
