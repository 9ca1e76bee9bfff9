"""What live queries read: answers to many askers in one statement each, in the order of their asking.

Askers come as JSON (`ask` is the place in the list), since rows of a table of arguments may hold lists.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec

from service.model import ids
from service.model.message import Part, PartType
from service.storage.database import Connection
from service.storage.queries import load

SQL = load("live")


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A session as somebody names it, and which of its messages are asked for."""

    ref: str
    source: str | None = None
    most: int | None = None
    """Messages at most; None: all."""
    tail: bool = False
    """The last ones, rather than the first."""
    after: tuple[datetime, int] | None = None
    """Behind this place (created_at, id)."""


class Found(msgspec.Struct):
    """What was found under a name."""

    session: dict[str, Any] | None = None
    """The row, as in `storage.sessions`; of `messages` only its `id`."""
    namesakes: frozenset[int] = frozenset()
    """All sessions with that name."""
    messages: list[dict[str, Any]] = []
    goes_on: bool = False
    """There are messages behind those."""


async def sessions(conn: Connection, workspace_id: int, asked: Sequence[Named]) -> list[Found]:
    """The sessions with their tags; without messages."""
    rows = await _rows(conn, "sessions", workspace_id, asked)
    found = [Found() for _ in asked]
    for row in rows:
        each = found[row.pop("ask")]
        each.namesakes = frozenset(row.pop("namesakes"))
        each.session = row if row["id"] is not None else None
    return found


async def messages(conn: Connection, workspace_id: int, asked: Sequence[Named]) -> list[Found]:
    """The messages of the sessions in order, with parts and `seq`."""
    found = [Found() for _ in asked]
    for row in await _rows(conn, "messages", workspace_id, asked):
        each = found[row.pop("ask")]
        each.namesakes = frozenset(row.pop("namesakes"))
        session_id, types, contents = row.pop("found_id"), row.pop("types"), row.pop("contents")
        each.session = None if session_id is None else {"id": session_id}
        each.goes_on = bool(row.pop("goes_on"))
        if row["id"] is not None:
            row["parts"] = parts_of(types, contents)
            each.messages.append(row)
    return found


async def changed(
    conn: Connection, workspace_id: int, asked: Sequence[tuple[int, Collection[int]]]
) -> list[list[dict[str, Any]]]:
    """Of each (session, messages) those messages that are in the session, in its order, with parts and without `seq`."""
    asks = [
        {"ask": place, "session_id": session_id, "id": id}
        for place, (session_id, ids) in enumerate(asked)
        for id in ids
    ]
    params = {"workspace_id": workspace_id, "asks": msgspec.json.encode(asks).decode()}
    found: list[list[dict[str, Any]]] = [[] for _ in asked]
    for row in await (await conn.execute(SQL["changed"], params)).fetchall():
        row["parts"] = parts_of(row.pop("types"), row.pop("contents"))
        found[row.pop("ask")].append(row)
    return found


def parts_of(types: Sequence[PartType] | None, contents: Sequence[str] | None) -> list[Part]:
    return [Part(type, content.encode()) for type, content in zip(types or (), contents or (), strict=True)]


async def names_of(conn: Connection, workspace_id: int, session_ids: Sequence[int]) -> dict[int, str]:
    """The external ids of these sessions, by id; of those that are there."""
    params = {"workspace_id": workspace_id, "ids": list(session_ids)}
    cursor = await conn.execute(SQL["names_of"], params)
    return {row["id"]: row["external_id"] for row in await cursor.fetchall()}


async def _rows(
    conn: Connection, statement: str, workspace_id: int, asked: Sequence[Named]
) -> list[dict[str, Any]]:
    asks = [
        {
            "ask": place,
            "ref": each.ref,
            "number": ids.number(each.ref, "s"),
            "source": each.source,
            "most": each.most,
            "tail": each.tail,
            "after_at": each.after and each.after[0],
            "after_id": each.after and each.after[1],
        }
        for place, each in enumerate(asked)
    ]
    params = {"workspace_id": workspace_id, "asks": msgspec.json.encode(asks).decode()}
    return await (await conn.execute(SQL[statement], params)).fetchall()
