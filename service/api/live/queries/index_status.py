"""index.status: how far the indexes are behind."""

from __future__ import annotations

from service.api.gate.freshness import Lag
from service.api.gate.params import Nothing
from service.api.gate.routes import Desk
from service.live.query import Outcome, Query, Watches


def queries(desk: Desk) -> tuple[Query, ...]:
    async def compute(workspace_id: int, asked: Nothing, token: str) -> Outcome:
        lag = await desk.lags.of(workspace_id, desk.resources)
        return Outcome(lag, settled=not lag.text_lag and not lag.vector_lag)

    return (
        Query(
            name="index.status", summary="How many messages and passages wait to be indexed.", asks=Nothing, gives=Lag,
            compute=compute, watches=lambda asked: Watches(tables=frozenset({"messages"})), silent=frozenset({"asOf"}),
            window_s=0.5,
        ),
    )  # fmt: skip
