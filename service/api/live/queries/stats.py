"""stats: sums over all sessions of the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.api.gate.params import Nothing
from service.api.sessions.stats import Stats, read
from service.live.query import Outcome, Query, Watches
from service.storage.database import Connection


async def sums(conn: Connection, workspace_id: int, asked: Sequence[Any]) -> list[Outcome]:
    return [Outcome(await read(conn, workspace_id))] * len(asked)


QUERIES = (
    Query(
        name="stats", summary="How many sessions, messages and tokens there are, and what they cost, as GET /api/stats.",
        asks=Nothing, gives=Stats, answers=sums, watches=lambda asked: Watches(tables=frozenset({"sessions"})),
        window_s=0.5, cost="large",
    ),
)  # fmt: skip
