"""What tests of the jobs share: a workspace of a fresh database, and short words to write to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec
import psycopg

from service.live.feed import Feed
from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite
from service.storage import people, sessions, sync
from service.storage.database import Database, open_database

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SOON_S = 20.0
"""Long enough for a busy machine; a test that waits for so long has failed."""


class Bench(msgspec.Struct):
    """One workspace of a fresh database, a place for a text index, and short words for what is done with them."""

    url: str
    db: Database
    feed: Feed
    directory: Path
    workspace_id: int
    user_id: int

    async def put(self, *writes: SessionWrite | MessageWrite) -> None:
        await sync.apply(
            self.db,
            workspace_id=self.workspace_id,
            user_id=self.user_id,
            now=NOW,
            sessions=[write for write in writes if isinstance(write, SessionWrite)],
            messages=[write for write in writes if isinstance(write, MessageWrite)],
        )

    async def session_id(self, external_id: str = "a") -> int:
        async with self.db.workspace(self.workspace_id) as conn:
            row = await sessions.find(conn, self.workspace_id, external_id)
        assert row is not None
        return int(row["id"])

    async def delete_session(self, external_id: str = "a") -> None:
        id = await self.session_id(external_id)
        async with self.db.workspace(self.workspace_id) as conn:
            await sessions.delete(conn, self.workspace_id, [id])

    async def as_owner(self, *statements: str) -> None:
        """Statements as the owner, who sees no rows of a workspace but when it says which."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as conn:
            for statement in statements:
                await conn.execute(statement.encode())

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, directory: Path) -> AsyncIterator[Self]:
        db = await open_database(url, pool_size=4)
        workspace_id, user_id = await people.create_workspace(db, name="w", user="local")
        async with Feed(url) as feed:
            yield cls(url, db, feed, directory, workspace_id, user_id)
        await db.close()

    @asynccontextmanager
    async def restarted(self) -> AsyncIterator[Self]:
        """The same in a new process: connections of its own."""
        db = await open_database(self.url, pool_size=4)
        async with Feed(self.url) as feed:
            yield msgspec.structs.replace(self, db=db, feed=feed)
        await db.close()


def message(id: str = "m", text: str | None = "hello", **more: Any) -> MessageWrite:
    return MessageWrite(
        **{"session_external_id": "a", "external_id": id, "role": "user", "text": text} | more
    )


def many(count: int, text: str = "flock", first: int = 0, **more: Any) -> list[MessageWrite]:
    return [message(f"m{number}", f"{text} {number}", **more) for number in range(first, first + count)]


def result(text: str) -> Part:
    """What a tool put out."""
    return Part("tool-result", msgspec.json.encode({"toolCallId": "c", "result": text}))
