"""Users, workspaces, members and API keys as requests meet them; and the log of what keys asked for.

A key is `osk_` and 32 letters of the URL-safe alphabet; only its SHA-256 is kept, so it is shown once. What it opens
is what its scopes say and its member's role allows, at the moment of the look-up.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from service.errors import Conflict
from service.storage import audit
from service.storage.database import Connection, Database
from service.storage.queries import load

SQL = load("people")
ALL_SCOPES = ("ingest", "read", "admin")
ROLES = ("owner", "admin", "member")
ALLOWED = {"owner": ALL_SCOPES, "admin": ALL_SCOPES, "member": ("ingest", "read")}
"""Scopes that keys of a role may have."""


class Caller(msgspec.Struct, frozen=True):
    """Who asks: what an API key opens."""

    workspace_id: int
    user_id: int
    key_id: int
    scopes: frozenset[str]
    expires_at: datetime | None


class RequestLine(msgspec.Struct, frozen=True):
    """One answered request, without its query and body."""

    workspace_id: int
    key_id: int
    at: datetime
    method: str
    route: str
    status: int
    duration_ms: float


def new_key() -> str:
    return "osk_" + secrets.token_urlsafe(24)


def key_sha256(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def opened(scopes: Collection[str], role: str) -> frozenset[str]:
    """What a key with these scopes opens for a member of this role; `admin` is all scopes, where the role has it.

    >>> sorted(opened(["admin"], "owner")), sorted(opened(["admin"], "member")), sorted(opened(["read"], "owner"))
    (['admin', 'ingest', 'read'], ['ingest', 'read'], ['read'])
    """
    return frozenset(ALL_SCOPES if "admin" in scopes else scopes) & frozenset(ALLOWED[role])


async def caller(conn: Connection, key: str) -> Caller | None:
    """What a key opens; None when it is unknown or revoked. Expiry is the caller's to compare. `conn`: system."""
    row = await (await conn.execute(SQL["find_key"], {"key_sha256": key_sha256(key)})).fetchone()
    return of_row(row) if row else None


class Known(msgspec.Struct, frozen=True):
    """A key by its number."""

    sha256: bytes
    cookie_secret: bytes
    """Of this database, for all keys."""
    caller: Caller


async def caller_by_id(conn: Connection, workspace_id: int, key_id: int) -> Known | None:
    """A key and what it opens; None as for `caller`. `conn`: system."""
    params = {"workspace_id": workspace_id, "id": key_id}
    row = await (await conn.execute(SQL["key_by_id"], params)).fetchone()
    found = of_row(row) if row else None
    return Known(row["key_sha256"], row["cookie_secret"], found) if row and found else None


async def cookie_secret(conn: Connection) -> bytes:
    """What cookies are sealed with, beside a key's hash. `conn`: system."""
    row = await (await conn.execute(SQL["cookie_secret"])).fetchone()
    assert row is not None
    return bytes(row["cookie_secret"])


async def callers(conn: Connection, key_ids: Collection[int]) -> dict[int, Caller]:
    """What these keys open, by id; one that is revoked or unknown is absent. `conn`: system."""
    rows = await (await conn.execute(SQL["keys_by_ids"], {"ids": list(key_ids)})).fetchall()
    return {row["id"]: caller for row in rows if (caller := of_row(row)) is not None}


def of_row(row: Mapping[str, Any]) -> Caller | None:
    if row["revoked_at"] is not None:
        return None
    scopes = opened(row["scopes"], row["role"])
    return Caller(row["workspace_id"], row["user_id"], row["id"], scopes, row["expires_at"])


async def names(conn: Connection, caller: Caller) -> tuple[str, str]:
    """What the caller's workspace and user are called. `conn`: system."""
    params = {"workspace_id": caller.workspace_id, "user_id": caller.user_id}
    row = await (await conn.execute(SQL["names"], params)).fetchone()
    return (row["workspace"], row["name"]) if row else ("", "")


async def touch_key(conn: Connection, workspace_id: int, key_id: int) -> None:
    await conn.execute(SQL["touch_key"], {"workspace_id": workspace_id, "id": key_id})


async def workspace_ids(conn: Connection) -> list[int]:
    """Every workspace. `conn`: system."""
    return [row["id"] for row in await (await conn.execute(SQL["workspace_ids"])).fetchall()]


async def find_workspace(conn: Connection, name: str) -> int | None:
    row = await (await conn.execute(SQL["workspace_by_name"], {"name": name})).fetchone()
    return row["id"] if row else None


async def find_user(conn: Connection, name: str) -> int | None:
    row = await (await conn.execute(SQL["user_by_name"], {"name": name})).fetchone()
    return row["id"] if row else None


async def create_workspace(db: Database, *, name: str, user: str, kind: str = "personal") -> tuple[int, int]:
    """A workspace with its owner, who is made when unknown. The ids of workspace and user.

    Errors: `Conflict` when the name is taken.
    """
    async with db.system() as conn:
        user_id = await find_user(conn, user)
    async with db.workspace(0) as conn:
        row = await (await conn.execute(SQL["next_workspace_id"])).fetchone()
        assert row is not None
        workspace_id = int(row["id"])
    try:
        async with db.workspace(workspace_id) as conn:
            await conn.execute(SQL["create_workspace"], {"id": workspace_id, "name": name, "kind": kind})
            await audit.record(conn, workspace_id, "workspace.create", workspace_id, detail=kind)
            if user_id is None:
                await conn.execute(SQL["create_user"], {"name": user})
    except psycopg.errors.UniqueViolation as error:
        raise Conflict(f"The name `{name}` is taken: choose another.") from error
    async with db.system() as conn:
        user_id = await find_user(conn, user)
    async with db.workspace(workspace_id) as conn:
        await conn.execute(
            SQL["add_member"], {"workspace_id": workspace_id, "user_id": user_id, "role": "owner"}
        )
        assert user_id is not None
        await audit.record(conn, workspace_id, "member.set", user_id, detail="owner")
    return workspace_id, user_id


async def create_key(
    conn: Connection,
    workspace_id: int,
    user_id: int,
    *,
    key: str,
    name: str = "",
    scopes: Sequence[str] = ALL_SCOPES,
    expires_at: datetime | None = None,
) -> int:
    """Store a key's hash, and that the operator made it; its id."""
    params: dict[str, Any] = {
        "workspace_id": workspace_id,
        "user_id": user_id,
        "key_sha256": key_sha256(key),
        "name": name,
        "scopes": list(scopes),
        "expires_at": expires_at,
    }
    row = await (await conn.execute(SQL["create_key"], params)).fetchone()
    assert row is not None
    await audit.record(conn, workspace_id, "key.create", row["id"], detail=", ".join(scopes))
    return int(row["id"])


async def log_requests(conn: Connection, workspace_id: int, lines: Sequence[RequestLine]) -> None:
    """Append a workspace's lines; none where it is gone."""
    names = ("at", "key_id", "method", "route", "status", "duration_ms")
    params = {name: [getattr(line, name) for line in lines] for name in names}
    await conn.execute(SQL["log_requests"], params | {"workspace_id": workspace_id})


async def forget_requests(conn: Connection, *, days: int) -> int:
    """Drop lines older than `days`; how many. `conn`: system."""
    return (await conn.execute(SQL["forget_requests"], {"days": days})).rowcount
