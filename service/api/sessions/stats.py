"""Sums over all sessions of the workspace."""

from __future__ import annotations

import msgspec

from service.api.gate.params import Nothing
from service.api.gate.routes import Answer, Call, answer, route
from service.api.shapes import usd
from service.storage import stats
from service.storage.database import Connection


class ModelUsage(msgspec.Struct):
    tokens: int
    cost: float
    sessions: int


class Stats(msgspec.Struct, rename="camel"):
    """Unknown counts and costs add nothing; a session without a model counts under `unknown`."""

    session_count: int
    message_count: int
    total_tokens: int
    total_cost: float
    total_duration_ms: int
    model_usage: dict[str, ModelUsage]


@route(
    "GET", "/api/stats", scope="read", summary="Get stats", gives=Stats, live="stats",
    description="How many sessions, messages and tokens there are, and what clients said they cost, in all and by model; costs by price are told by `/api/usage`.",
    example={
        "sessionCount": 1, "messageCount": 2, "totalTokens": 2232, "totalCost": 0.01164, "totalDurationMs": 4200,
        "modelUsage": {"claude-sonnet-4-20250514": {"tokens": 2232, "cost": 0.01164, "sessions": 1}},
    },
)  # fmt: skip
async def get_stats(call: Call, asked: Nothing) -> Answer:
    async with call.rows(still=True) as conn:
        return answer(await read(conn, call.workspace_id))


async def read(conn: Connection, workspace_id: int) -> Stats:
    totals = await stats.totals(conn, workspace_id)
    models = await stats.by_model(conn, workspace_id)
    return Stats(
        session_count=totals.sessions,
        message_count=totals.messages,
        total_tokens=totals.tokens,
        total_cost=usd(totals.cost_usd),
        total_duration_ms=totals.duration_ms,
        model_usage={use.model: ModelUsage(use.tokens, usd(use.cost_usd), use.sessions) for use in models},
    )
