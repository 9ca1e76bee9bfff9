"""Read-your-writes for search, and how far the indexes are behind.

Rule: the tables are always current, the indexes follow. A search that names a write waits until what it asks has
seen that write, at most 5 s.
"""

from __future__ import annotations

import asyncio
import time

import msgspec

from service.bootstrap import Resources
from service.errors import NotYet
from service.model import snapshot
from service.model.snapshot import Snapshot
from service.storage import change_log, embeddings, hit_rows
from service.storage.database import Database

WAIT_S = 5.0
LOOK_S = 0.01
NOTHING_SEEN = "3:3:"
"""The snapshot that sees no transaction: 3 is the first that a cluster gives out."""
KEPT_S = 0.1
"""So long at least counts of lags are used again."""
SHARE = 0.2
"""Of the time, at most, counting lags may take: the counts of a far-off index are used for longer."""


class Lag(msgspec.Struct, rename="camel"):
    """What waits: messages for the text index, passages for a vector. `asOf` says when that was counted."""

    text_lag: int
    vector_lag: int
    as_of: int


class Lags:
    """Counts by workspace, each kept for as long as counting it anew would cost too much."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[float, Lag]] = {}

    async def of(self, workspace_id: int, resources: Resources) -> Lag:
        started_s = time.monotonic()
        kept = self._kept.get(workspace_id)
        if kept is not None and started_s < kept[0]:
            return kept[1]
        text, vectors = await hit_rows.lags(resources.db, workspace_id, cursor=seen_by_text(resources))
        lag = Lag(text, vectors, time.time_ns() // 1_000_000)
        now_s = time.monotonic()
        self._kept[workspace_id] = (now_s + max(KEPT_S, (now_s - started_s) / SHARE), lag)
        return lag


async def wait_for(
    token: Snapshot | None, workspace_id: int, resources: Resources, *, by_meaning: bool
) -> None:
    """Wait until the text index (`by_meaning`: the vectors) have seen what the token has. Errors: `NotYet` after 5 s."""
    if token is None:
        return
    if not await seen_within(WAIT_S, token, workspace_id, resources, by_meaning=by_meaning):
        raise NotYet(
            "The index has not reached that write yet: search again in a moment, or without `commit`."
        )


async def seen_within(
    wait_s: float, token: Snapshot, workspace_id: int, resources: Resources, *, by_meaning: bool
) -> bool:
    """Whether the index has seen what the token has, now or before `wait_s` is over."""
    has_seen = meaning_has_seen if by_meaning else text_has_seen
    end_s = time.monotonic() + wait_s
    while not await has_seen(token, workspace_id, resources):
        if time.monotonic() >= end_s:
            return False
        await asyncio.sleep(LOOK_S)
    return True


async def text_has_seen(token: Snapshot, workspace_id: int, resources: Resources) -> bool:
    resources.text.refresh()
    cursor = snapshot.parse(seen_by_text(resources))
    return cursor.contains(token) or not await is_missing(resources.db, workspace_id, str(cursor), token)


async def meaning_has_seen(token: Snapshot, workspace_id: int, resources: Resources) -> bool:
    """The passages have seen it, and no text of its writes waits for a vector; a backlog of before may."""
    async with resources.db.workspace(workspace_id) as conn:
        cursor = await change_log.read_cursor(conn, passages_cursor(resources.db.epoch)) or NOTHING_SEEN
        if await change_log.missing(conn, workspace_id, cursor=cursor, token=str(token)):
            return False
        return not await embeddings.is_waited_for(conn, workspace_id, token=str(token))


async def is_missing(db: Database, workspace_id: int, cursor: str, token: Snapshot) -> bool:
    async with db.workspace(workspace_id) as conn:
        return await change_log.missing(conn, workspace_id, cursor=cursor, token=str(token))


def seen_by_text(resources: Resources) -> str:
    """The snapshot of the text index as it is open here."""
    match = snapshot.TOKEN.fullmatch(resources.text.cursor())
    return match[2] if match and match[1] == resources.db.epoch else NOTHING_SEEN


def passages_cursor(epoch: str) -> str:
    """The name of the follower that splits messages into passages."""
    return f"passages:{epoch}"


async def waiting_in_all(resources: Resources) -> dict[str, int]:
    """What waits in all workspaces, by index; nothing is said of an index that is not there."""
    async with resources.db.system() as conn:
        waiting = {"text": await change_log.waiting_in_all(conn, seen_by_text(resources))}
        model = await embeddings.active(conn)
        return (
            waiting
            if model is None
            else waiting | {"vectors": await embeddings.waiting_of_model(conn, model.id)}
        )
