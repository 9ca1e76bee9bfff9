"""The request log is written behind the answers, and all of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import psycopg
import pytest

from service.api.gate import ledger
from service.storage import people
from service.storage.database import Database
from service.storage.people import RequestLine

SOON_S = 20.0


async def test_it_writes_what_comes_while_it_writes(
    db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that meets a writing under way is written too, without another request that would wake it."""
    monkeypatch.setattr(ledger, "FLUSH_S", 0.01)
    workspace_id, _ = await people.create_workspace(db, name="w", user="local")
    kept = ledger.Ledger(db)
    async with await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute("lock table request_log in exclusive mode")
        kept.note(_line(workspace_id, "/first"))
        end_s = time.monotonic() + SOON_S
        while kept._lines:  # until the writing has begun
            await db.token()
            assert time.monotonic() < end_s
        kept.note(_line(workspace_id, "/second"))
        await other.rollback()
        while (found := await _routes(db, workspace_id)) != ["/first", "/second"]:
            assert time.monotonic() < end_s, found
    await kept.close()


def _line(workspace_id: int, route: str) -> RequestLine:
    return RequestLine(workspace_id, 1, datetime.now(UTC), "GET", route, 200, 1.0)


async def _routes(db: Database, workspace_id: int) -> list[str]:
    async with db.workspace(workspace_id) as conn:
        rows = await (await conn.execute("select route from request_log order by id")).fetchall()
    return [row["route"] for row in rows]
