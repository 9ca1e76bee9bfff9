"""search: what a search finds, now and whenever the index has taken in what was written.

The index follows the log: an answer waits a little for it to see what was written, and as long as it has not, or texts
wait for vectors, the search is asked again, less and less often.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

import msgspec

from service.api.gate import freshness, params
from service.api.gate.routes import Call, Desk
from service.api.search import asking
from service.api.search.asking import SearchAsked
from service.api.search.paths import found
from service.api.search.results import MessageResults, SessionResults
from service.live.query import Outcome, Query, Watches
from service.model import snapshot
from service.storage.people import Caller

WINDOW_S = 0.5


def queries(desk: Desk) -> tuple[Query, ...]:
    async def compute(workspace_id: int, asked: SearchAsked, token: str) -> Outcome:
        written = snapshot.parse_token(token, epoch=desk.resources.db.epoch)
        seen = await freshness.seen_within(
            WINDOW_S, written, workspace_id, desk.resources, by_meaning=asked.type == "semantic"
        )
        result = await found(call(desk, workspace_id), msgspec.structs.replace(asked, commit=None))
        return Outcome(result, settled=seen and not result.index.vector_lag)

    return (
        Query(
            name="search", summary="What a search finds, as GET /api/search; the first page.", asks=SearchAsked,
            gives=(SessionResults, MessageResults), compute=compute, check=asking.checked, rows="results", key_by=key,
            watches=lambda asked: Watches(tables=frozenset({"sessions", "messages"})),
            silent=frozenset({"tookMs", "index", "nextCursor"}), window_s=WINDOW_S, cost="large", clock=clock,
        ),
    )  # fmt: skip


def call(desk: Desk, workspace_id: int) -> Call:
    """A read of the workspace that is nobody's request."""
    now = datetime.now(UTC)
    return Call(
        desk=desk,
        caller=Caller(
            workspace_id=workspace_id, user_id=0, key_id=0, scopes=frozenset({"read"}), expires_at=None
        ),
        client=None,
        path={},
        query=[],
        headers={},
        body=b"",
        commit=None,
        now=now.replace(microsecond=now.microsecond // 1000 * 1000),
    )


def key(asked: SearchAsked) -> tuple[str, ...]:
    return ("id",) if asked.group_by == "session" else ("messageId",)


def clock(asked: SearchAsked) -> tzinfo:
    """Dates within the query itself may be relative too."""
    return params.zone(asked.tz)
