"""One workspace into which clients sync and imports bring transcripts, and short words to write and read it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from service.model import zstd
from service.model.imported import FilePosition, ImportedMessage, RawChunk
from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite
from service.storage import change_log, messages, people, sessions, sync
from service.storage.database import Connection, Database
from service.storage.importing import imports
from service.storage.importing.imports import Brought, Imported

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SOURCE = "claude-code"
STREAM = "ab12"
FACTS = (
    "external_id", "role", "text", "model", "prompt_tokens", "completion_tokens", "cost_usd", "duration_ms", "created_at",
    "tools", "has_error", "transcript", "attrs", "notes", "eval_status",
)  # fmt: skip
"""What of a message does not depend on which side was first."""


class Bench(msgspec.Struct):
    db: Database
    workspace_id: int
    user_id: int

    async def sync(self, *writes: SessionWrite | MessageWrite, now: datetime = NOW) -> sync.Applied:
        """What a client sends in one request."""
        return await sync.apply(
            self.db,
            workspace_id=self.workspace_id,
            user_id=self.user_id,
            now=now,
            sessions=[write for write in writes if isinstance(write, SessionWrite)],
            messages=[write for write in writes if isinstance(write, MessageWrite)],
        )

    async def bring(
        self,
        *items: SessionWrite | ImportedMessage | RawChunk | FilePosition,
        now: datetime = NOW,
        restore: bool = False,
        exact: str | None = None,
    ) -> Imported:
        """What an import sends in one request."""
        return await imports.apply(
            self.db,
            Brought(
                sessions=[item for item in items if isinstance(item, SessionWrite)],
                messages=[item for item in items if isinstance(item, ImportedMessage)],
                chunks=[item for item in items if isinstance(item, RawChunk)],
                files=[item for item in items if isinstance(item, FilePosition)],
            ),
            workspace_id=self.workspace_id,
            user_id=self.user_id,
            now=now,
            restore=restore,
            exact=exact,
        )

    async def session(self, external_id: str = "s") -> dict[str, Any]:
        async with self.db.workspace(self.workspace_id) as conn:
            row = await sessions.find(conn, self.workspace_id, external_id)
        assert row is not None
        return row

    async def messages(self, external_id: str = "s") -> list[dict[str, Any]]:
        """In the order of the session. `message_count` is true, whatever was stored."""
        session = await self.session(external_id)
        async with self.db.workspace(self.workspace_id) as conn:
            rows = await messages.page(conn, self.workspace_id, session["id"], limit=1000)
        assert session["message_count"] == len(rows)
        return rows

    async def facts(self, external_id: str = "s") -> list[dict[str, Any]]:
        """Of each message what must be the same whichever side came first."""
        return [
            {name: row[name] for name in FACTS} | {"parts": row["parts"]}
            for row in await self.messages(external_id)
        ]

    async def said(self, external_id: str = "s") -> list[tuple[str, str | None]]:
        return [(row["role"], row["text"]) for row in await self.messages(external_id)]

    async def rows(self, table: str) -> list[dict[str, Any]]:
        async with self.db.workspace(self.workspace_id) as conn:
            statement = f"select * from {table}"
            return await (await conn.execute(statement)).fetchall()  # type: ignore[arg-type]

    async def delete(self, external_id: str, session: str = "s") -> None:
        """Delete a message."""
        (id,) = [row["id"] for row in await self.messages(session) if row["external_id"] == external_id]
        async with self.db.workspace(self.workspace_id) as conn:
            assert await messages.delete(conn, self.workspace_id, id)

    async def label(self, external_id: str, **labels: str) -> int:
        """Write something beside a message; its id."""
        (id,) = [row["id"] for row in await self.messages() if row["external_id"] == external_id]
        async with self.db.workspace(self.workspace_id) as conn:
            await messages.patch(conn, self.workspace_id, id, messages.MessagePatch(**labels))
        return int(id)

    async def cursor(self) -> str:
        async with self.db.system() as conn:
            return await change_log.snapshot(conn)

    async def changes(self, cursor: str) -> list[change_log.Change]:
        async with self.db.system() as conn:
            return (await change_log.since(conn, cursor))[1]


async def waits(conn: Connection, task: asyncio.Task[Any]) -> None:
    """Come back when the task waits for a lock that this connection holds, or when it has ended."""
    asked = "select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))"
    while not task.done() and not await (await conn.execute(asked)).fetchall():
        pass


async def new_bench(db: Database) -> Bench:
    return Bench(db, *await people.create_workspace(db, name="w", user="local"))


def client(external_id: str, text: str | None = None, role: str = "user", **more: Any) -> MessageWrite:
    """A message as a plugin sends it: without a time."""
    return MessageWrite(
        **{
            "session_external_id": "s",
            "external_id": external_id,
            "role": role,
            "text": text,
            "source": SOURCE,
        }
        | more
    )


def found(
    external_id: str,
    text: str | None = None,
    role: str = "user",
    *,
    records: Sequence[str] = (),
    lines: Sequence[int] = (),
    stream: str | None = STREAM,
    minute: int = 0,
    **more: Any,
) -> ImportedMessage:
    """A message as an importer finds it."""
    write = {
        "session_external_id": "s", "external_id": external_id, "role": role, "text": text, "source": SOURCE,
        "created_at": NOW - timedelta(days=1) + timedelta(minutes=minute),
    } | more  # fmt: skip
    return ImportedMessage(
        write=MessageWrite(**write),
        records=tuple(records),
        lines=tuple(lines),
        stream=stream if lines else None,
    )


def chunk(
    lines: dict[int, bytes], *, session: str = "s", stream: str = STREAM, whole: bool = False
) -> RawChunk:
    data = b"".join(lines.values())
    return RawChunk(
        session_external_id=session,
        source=SOURCE,
        format="lines",
        stream=stream,
        path="/t/session.jsonl",
        offsets=tuple(lines),
        sizes=tuple(map(len, lines.values())),
        data=zstd.packed(data),
        bytes_sha256=hashlib.sha256(data).digest(),
        whole=whole,
    )


def position(path: str = "/t/session.jsonl", **more: Any) -> FilePosition:
    fields = {
        "machine": "laptop", "path": path, "source": SOURCE, "format": "lines", "stream": STREAM, "inode": 2**63 + 5,
        "size": 90, "mtime_ms": 7, "offset": 80, "tail_sha256": "ff", "resume_offset": 40, "state": {"z": 1, "a": [2]},
        "parser_version": 1, "sessions": 1, "messages": 3, "lines": 9, "left_out": {"not valid JSON": 1},
    }  # fmt: skip
    return FilePosition(**fields | more)


def call(id: str, tool: str, **args: Any) -> Part:
    return Part("tool-call", msgspec.json.encode({"toolCallId": id, "toolName": tool, "args": args}))


def result(id: str, tool: str, said: str) -> Part:
    return Part("tool-result", msgspec.json.encode({"toolCallId": id, "toolName": tool, "result": said}))
