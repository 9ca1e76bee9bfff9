"""One moment of the database for several questions: what a live tick reads, across workspaces, in one snapshot.

Rule: as `backscroll_system` where the log and keys are read, as `backscroll_app` within one workspace where rows are;
row-level security holds in each. The transaction only reads, and lasts as long as its questions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.storage.database import Connection
from service.storage.link import answered_within


class Moment:
    """A transaction on one snapshot; it begins as backscroll_system."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self._workspace_id: int | None = None

    async def of(self, workspace_id: int) -> Connection:
        """The connection, seeing the rows of this workspace from now on."""
        if workspace_id != self._workspace_id:
            await self.conn.execute(
                f"set local role backscroll_app; set local backscroll.workspace = '{int(workspace_id)}'"
            )
            self._workspace_id = workspace_id
        return self.conn


@asynccontextmanager
async def moment(conn: Connection) -> AsyncIterator[Moment]:
    """`conn`: one that stands, in autocommit, of the owner's session."""
    await conn.execute("begin isolation level repeatable read read only; set local role backscroll_system")
    try:
        with answered_within(conn):
            yield Moment(conn)
    finally:
        if not conn.closed:
            await conn.execute("rollback")  # nothing was written
