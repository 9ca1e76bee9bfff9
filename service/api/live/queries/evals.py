"""evals.list: sessions that are marked for evals, with counts over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from service.api.evals import asking
from service.api.evals.asking import EvalsAsked
from service.api.evals.paths import Evals, position, read
from service.api.gate import params
from service.live.query import Outcome, Query, Watches
from service.storage.database import Connection

WINDOW_S = 0.5


async def list_evals(conn: Connection, workspace_id: int, asked: Sequence[EvalsAsked]) -> list[Outcome]:
    return [Outcome(await read(conn, workspace_id, each)) for each in asked]


def check(asked: EvalsAsked) -> None:
    """Errors: `RequestError`."""
    asking.filter_of(asked)
    position(asked)


def clock(asked: EvalsAsked) -> tzinfo:
    """Its dates may be relative."""
    return params.zone(asked.tz)


QUERIES = (
    Query(
        name="evals.list", summary="Sessions that are marked for evals, as GET /api/evals.", asks=EvalsAsked, gives=Evals,
        answers=list_evals, check=check, watches=lambda asked: Watches(tables=frozenset({"sessions", "messages"})),
        rows="sessions", clock=clock, window_s=WINDOW_S, cost="large",
    ),
)  # fmt: skip
