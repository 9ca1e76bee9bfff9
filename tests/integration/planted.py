"""Two workspaces with rows in every table; what the tests of tenants and of what hangs together are made of."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec
import psycopg

from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite
from service.storage import messages, people, sessions, sync
from service.storage.database import Connection, Database

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SAME_TEXT = hashlib.sha256(b"hello").digest()
"""Of the message's text, so that whoever splits it again finds this very passage and leaves its vector alone."""
TENANT_TABLES = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and (
        c.relname in ('workspaces', 'users') or exists (
            select from pg_attribute a where a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped))
    order by c.relname
"""


class House(msgspec.Struct):
    """A database with two workspaces, a and b, and rows of both in every table."""

    db: Database
    url: str
    a: int
    b: int

    async def as_(self, workspace_id: int, statement: LiteralString, **params: Any) -> list[dict[str, Any]]:
        async with self.db.workspace(workspace_id) as conn:
            return await (await conn.execute(statement, params)).fetchall()

    async def filled(self, workspace_id: int) -> set[str]:
        """The tables in which a workspace has rows."""
        return {table for table in tables(self.url) if await self.as_(workspace_id, f"select from {table}")}


async def plant(db: Database, workspace_id: int, user_id: int) -> None:
    """Rows of one workspace in every table, under the same external ids, tags and texts as any other."""
    await sync.apply(
        db,
        workspace_id=workspace_id,
        user_id=user_id,
        now=NOW,
        sessions=[SessionWrite(external_id="s"), SessionWrite(external_id="gone")],
        messages=[
            MessageWrite(
                session_external_id="s",
                external_id="m",
                role="user",
                text="hello",
                parts=(Part("text", b'"x"'),),
            )
        ],
    )
    async with db.workspace(workspace_id) as conn:
        session = await sessions.find(conn, workspace_id, "s")
        gone = await sessions.find(conn, workspace_id, "gone")
        assert session
        assert gone
        await sessions.patch(conn, workspace_id, session["id"], sessions.SessionPatch(tags=("t",)))
        await sessions.delete(conn, workspace_id, [gone["id"]])
        key_id = await people.create_key(conn, workspace_id, user_id, key=people.new_key())
        line = people.RequestLine(workspace_id, key_id, NOW, "GET", "/", 200, 1.0)
        await people.log_requests(conn, workspace_id, [line])
        (message,) = await messages.page(conn, workspace_id, session["id"], limit=1)
        await messages.patch(conn, workspace_id, message["id"], messages.MessagePatch(tags=("t",)))
        await plant_derived(conn, workspace_id, session["id"], message["id"])


async def plant_derived(conn: Connection, workspace_id: int, session_id: int, message_id: int) -> None:
    params = {"workspace": workspace_id, "session": session_id, "message": message_id, "text": SAME_TEXT}
    for statement in (
        "insert into message_records values (%(workspace)s, %(session)s, 'r', %(message)s, 'transcript')",
        "insert into former_messages values (%(workspace)s, 9000000 + %(workspace)s, %(message)s)",
        "insert into message_lines values (%(workspace)s, %(message)s, 'stream', '{0}')",
        """insert into raw_chunks
        values (%(workspace)s, %(session)s, 'stream', 0, 'f', '/p', '{0}', '{5}', %(text)s, 'zstd')""",
        """insert into import_files
        values (%(workspace)s, 'm', '/p', 'pi', 'f', 'stream', 1, 5, 0, 5, 't', 0, '{}', 1, 1, 1, 1, '{}', now())""",
        "insert into passages values (%(workspace)s, %(message)s, -1, 0, 5, %(text)s, 0, %(session)s)",
        "insert into embeddings select %(workspace)s, id, %(text)s, '[1,0]' from embedding_models",
        """insert into session_totals
        values (%(workspace)s, %(session)s, '2026-05-04 12:00+00', '2026-05-04 12:00+00', 1, 1, 0, 0)""",
        """insert into usage_records (workspace_id, idempotency_key, service, metric, quantity, session_external_id, occurred_at)
        values (%(workspace)s, 'k', 'sandbox', 'seconds', 1, 's', '2026-05-04 12:00+00')""",
        "insert into usage_rates values (%(workspace)s, 'sandbox', 'seconds', '', '2026-01-01', 1)",
        """insert into usage_rows (workspace_id, occurred_at, kind, id, session_id, service)
        values (%(workspace)s, '2026-05-04 12:00+00', 'm', %(message)s, %(session)s, 'llm')""",
        """insert into usage_facts
        values (%(workspace)s, '2026-05-04 12:00+00', '', '', '', '', 0, 'llm', '', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '{}', '{}')""",
        "insert into usage_tools values (%(workspace)s, '2026-05-04 12:00+00', '', '', 0, 'Bash', 1, 0, '{}', '{}')",
        "insert into usage_state values (%(workspace)s, now(), 'p')",
        "insert into saved_searches (workspace_id, user_id, name, asked) select %(workspace)s, user_id, 'n', '{}' from members",
        "insert into embedding_queue select %(workspace)s, id, %(text)s, 0, %(message)s from embedding_models",
    ):
        await conn.execute(statement, params)


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as conn:
        return [row[0] for row in conn.execute(TENANT_TABLES).fetchall()]


def owner_column(table: str) -> str:
    return "id" if table == "workspaces" else "workspace_id"
