"""Neighbours of messages: what stands beside a hit lends it weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from indexing.model import Standing
from service.storage import arrays
from service.storage.database import Asked, Connection, Database
from service.storage.queries import load

SQL = load("neighbours")


class PostgresNeighbours:
    """Fulfils `indexing.ports.Neighbours`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, workspace_id: int, message_ids: Sequence[int]) -> Mapping[int, Standing]:
        """The message before and after each, in its session's order, and its time; one that is gone or foreign is absent."""
        if not message_ids:
            return {}
        params = {"workspace_id": workspace_id, "ids": arrays.ids(message_ids)}
        (rows,) = await self._db.read(workspace_id, Asked(SQL["of"], params))
        return {row["id"]: Standing(row["before"], row["after"], row["said_at_ms"]) for row in rows}


async def within(
    conn: Connection, workspace_id: int, message_ids: Sequence[int], *, window: int
) -> list[tuple[int, int, int]]:
    """(message, one beside it, how many places away) for all that stand within `window` places of the messages."""
    if not message_ids or window <= 0:
        return []
    params = {"workspace_id": workspace_id, "ids": arrays.ids(message_ids), "window": window}
    rows = await (await conn.execute(SQL["within"], params)).fetchall()
    return [(row["id"], row["beside"], row["away"]) for row in rows]
