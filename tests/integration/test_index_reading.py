"""What the indexers read of a message is led to it by its key, whatever the planner believes of the tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from jobs_bench import Bench, message

from service.storage import messages

SOME = 200
MANY = """
    with made as (
        insert into sessions (workspace_id, user_id, source, external_id, created_at, updated_at)
        select workspace_id, user_id, source, 's' || n, created_at, updated_at
        from (select * from sessions limit 1) s, generate_series(1, 400) n returning workspace_id, id
    )
    insert into messages (workspace_id, session_id, external_id, role, text, created_at)
    select workspace_id, id, 'm' || n, 'user', 'said', now() from made, generate_series(1, 50) n"""


@pytest.fixture
async def bench(database_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench.opened(database_url, tmp_path / "text-index") as bench:
        yield bench


async def test_it_reads_messages_by_their_key(bench: Bench) -> None:
    """In the first minute of an import there are no statistics: an index in which the id comes last was looked through."""
    await bench.put(message("first"))
    async with bench.db.workspace(bench.workspace_id) as conn:
        await conn.execute(MANY)
    async with bench.db.workspace(bench.workspace_id) as conn:
        (top,) = await (await conn.execute("select max(id) as id from messages")).fetchall()
        ids = list(range(top["id"] - SOME, top["id"]))
        rows = await (
            await conn.execute(
                "explain (costs off) " + messages.SQL["to_index"],  # type: ignore[operator]
                {"workspace_id": bench.workspace_id, "ids": ids},
            )
        ).fetchall()
        assert len(await messages.to_index(conn, bench.workspace_id, ids)) == SOME
    plan = "\n".join(str(next(iter(row.values()))) for row in rows)
    assert "using messages_pkey on messages" in plan, plan
    assert "messages_in_order" not in plan, plan
