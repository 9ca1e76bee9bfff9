"""Passages: where in its messages each text stands that has, or waits for, a vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from indexing.model import Passage
from service.storage import embeddings
from service.storage.database import Connection
from service.storage.queries import load

SQL = load("passages")


class Place(msgspec.Struct, frozen=True):
    """Where a text stands: offsets in code points into a field of a message."""

    text_sha256: bytes
    message_id: int
    field: int
    start: int
    end: int


async def one_writer(conn: Connection, workspace_id: int) -> None:
    """Be the only one who replaces passages of the workspace, until the transaction ends."""
    await conn.execute(SQL["one_writer"], {"workspace_id": workspace_id})


async def replace(conn: Connection, workspace_id: int, passages: Mapping[int, Sequence[Passage]]) -> None:
    """Make these all the passages of these messages, and queue their texts that have no vector yet.

    A message that is gone meanwhile is left out. The same again writes nothing.
    """
    rows = [(message_id, passage) for message_id, found in passages.items() for passage in found]
    params: dict[str, Any] = {
        "workspace_id": workspace_id,
        "message_ids": list(passages),
        "message_id": [message_id for message_id, _ in rows],
        "field": [passage.field for _, passage in rows],
        "start_offset": [passage.start for _, passage in rows],
        "end_offset": [passage.end for _, passage in rows],
        "text_sha256": [passage.sha256 for _, passage in rows],
        "priority": [passage.priority for _, passage in rows],
    }
    if rows:
        await conn.execute(SQL["insert"], params)
    await conn.execute(SQL["delete_others"], params)
    if rows:
        await embeddings.enqueue(conn, workspace_id, list(passages))


async def places(conn: Connection, workspace_id: int, texts: Sequence[bytes]) -> list[Place]:
    """For each text one place; a text that no passage has any more is absent."""
    cursor = await conn.execute(SQL["places"], {"workspace_id": workspace_id, "texts": list(texts)})
    return [
        Place(row["text_sha256"], row["message_id"], row["field"], row["start_offset"], row["end_offset"])
        for row in await cursor.fetchall()
    ]


async def messages_in_all(conn: Connection, workspace_id: int) -> int:
    """How many messages a workspace has, by its sessions' own counts: the work of a reindexing."""
    row = await (await conn.execute(SQL["messages_in_all"], {"workspace_id": workspace_id})).fetchone()
    assert row is not None
    return int(row["messages"])
