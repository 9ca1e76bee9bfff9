"""What was used in one workspace, in a few words: answers to write, rows to read, the sum of all facts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from import_bench import NOW, Bench, client

from service.jobs import rollup
from service.model.message import MessageWrite

SONNET = "claude-sonnet-4-5"
LONG_AGO, FAR = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
SUMS = ("messages", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "cost_usd")
FACT_SUMS = f"select {', '.join(f'coalesce(sum({name}), 0) as {name}' for name in SUMS)} from usage_facts"


async def rows(bench: Bench, statement: str, **params: Any) -> list[dict[str, Any]]:
    async with bench.db.workspace(bench.workspace_id) as conn:
        return await (await conn.execute(statement, params)).fetchall()  # type: ignore[arg-type]


async def sums(bench: Bench) -> dict[str, Any]:
    """After a rollup, of all facts."""
    await rollup.roll_up(bench.db)
    (row,) = await rows(bench, FACT_SUMS)
    return row


def answer(external_id: str, session: str = "s", **more: Any) -> MessageWrite:
    told = {
        "role": "assistant",
        "model": SONNET,
        "created_at": NOW,
        "session_external_id": session,
        "source": "pi",
    }
    return client(external_id, "x", **{**told, **more})
