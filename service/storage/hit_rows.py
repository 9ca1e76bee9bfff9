"""What a search reads beside its indexes, each in one message to Postgres: the rows of its hits, and how far indexes lag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from service.storage import arrays, change_log, embeddings, messages, sessions
from service.storage.database import Asked, Database


class Rows(msgspec.Struct, frozen=True):
    """What was re-read through the tenant's policy, by id; what is gone or foreign is absent."""

    sessions: Mapping[int, Mapping[str, Any]]
    messages: Mapping[int, Mapping[str, Any]]
    """With parts, places and records, as `messages.hits` gives them."""
    openings: Mapping[int, int]
    """The first message of each session that was asked for its opening."""


async def rows(
    db: Database,
    workspace_id: int,
    *,
    session_ids: Iterable[int],
    message_ids: Iterable[int],
    opened: Iterable[int] = (),
) -> Rows:
    """Sessions and messages; and the first messages of the sessions `opened`."""
    openings: dict[int, int] = {}
    if of_sessions := sorted(opened):
        params: dict[str, Any] = {"workspace_id": workspace_id, "session_ids": arrays.ids(of_sessions)}
        (first,) = await db.read(workspace_id, Asked(messages.SQL["first_of_sessions"], params))
        openings = {row["session_id"]: row["id"] for row in first}
    of_messages = {"workspace_id": workspace_id, "ids": arrays.ids({*message_ids, *openings.values()})}
    found, read, parts, records = await db.read(
        workspace_id,
        Asked(sessions.SQL["by_ids"], {"workspace_id": workspace_id, "ids": arrays.ids(session_ids)}),
        *(Asked(messages.SQL[name], of_messages) for name in ("hits", "parts_of", "records_of")),
    )
    return Rows({row["id"]: row for row in found}, messages.as_hits(read, parts, records), openings)


async def lags(db: Database, workspace_id: int, *, cursor: str) -> tuple[int, int]:
    """Messages that changed since the text index's `cursor`; texts that wait for a vector."""
    ((text,), (vectors,)) = await db.read(
        workspace_id,
        Asked(change_log.SQL["waiting"], {"workspace_id": workspace_id, "cursor": cursor}),
        Asked(embeddings.SQL["waiting"], {"workspace_id": workspace_id}),
    )
    return int(text["messages"]), int(vectors["texts"])
