"""What the doctor asks the database: its version, its guards, and what is missing or left over. Reads only."""

from __future__ import annotations

from datetime import date

import msgspec

from service.storage.database import Connection
from service.storage.queries import load

SQL = load("doctor")


class Follower(msgspec.Struct, frozen=True):
    """Who follows the change log."""

    name: str
    still_s: float
    """Since it last moved."""
    is_behind: bool
    """There is something that it has not read."""
    is_too_old: bool
    """Changes that it has not seen were dropped: it compares with the tables when it comes back."""


async def versions(conn: Connection) -> tuple[str, str | None]:
    """Of Postgres and of pgvector."""
    row = await (await conn.execute(SQL["server"])).fetchone()
    assert row is not None
    return row["postgres"], row["vector"]


async def unprotected_tables(conn: Connection) -> list[str]:
    """Tables that row-level security does not guard; there should be none."""
    return [row["name"] for row in await (await conn.execute(SQL["unprotected_tables"])).fetchall()]


async def last_partition(conn: Connection) -> date | None:
    """The last day for which the change log has a partition."""
    row = await (await conn.execute(SQL["last_partition"])).fetchone()
    return row["day"] if row else None


async def followers(conn: Connection) -> list[Follower]:
    """By name. `conn`: system."""
    return [Follower(**row) for row in await (await conn.execute(SQL["cursors"])).fetchall()]


async def missing_vectors(conn: Connection, workspace_id: int) -> int:
    """How many texts nobody will ever embed, unless they are queued again."""
    return await _texts(conn, "missing_vectors", workspace_id)


async def orphaned_vectors(conn: Connection, workspace_id: int) -> int:
    """How many vectors stand for a text that is gone."""
    return await _texts(conn, "orphaned_vectors", workspace_id)


async def damaged_vector_indexes(conn: Connection) -> list[str]:
    return [row["name"] for row in await (await conn.execute(SQL["damaged_vector_indexes"])).fetchall()]


async def has_vector_index(conn: Connection, name: str) -> bool:
    row = await (await conn.execute(SQL["has_vector_index"], {"name": name})).fetchone()
    assert row is not None
    return bool(row["there"])


async def miscounted(conn: Connection, workspace_id: int) -> int:
    """How many sessions have another count of messages than messages."""
    row = await (await conn.execute(SQL["miscounted"], {"workspace_id": workspace_id})).fetchone()
    assert row is not None
    return int(row["sessions"])


async def recount(conn: Connection, workspace_id: int) -> int:
    """Write down what there is; of how many sessions that was something else."""
    return (await conn.execute(SQL["recount"], {"workspace_id": workspace_id})).rowcount


async def unsplit(conn: Connection, workspace_id: int, cursor: str) -> list[int]:
    """Messages without passages that whoever splits them, at `cursor`, has passed."""
    params = {"workspace_id": workspace_id, "cursor": cursor}
    return [row["id"] for row in await (await conn.execute(SQL["unsplit"], params)).fetchall()]


async def _texts(conn: Connection, statement: str, workspace_id: int) -> int:
    row = await (await conn.execute(SQL[statement], {"workspace_id": workspace_id})).fetchone()
    assert row is not None
    return int(row["texts"])
