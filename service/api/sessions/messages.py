"""Messages: pages of a session, pages around a hit, labels, deletion."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from service.api import examples, shapes
from service.api.gate import cursors, params
from service.api.gate.params import Cursor, Nothing
from service.api.gate.routes import Answer, Call, answer, route, written
from service.api.sessions import labels
from service.api.sessions.paths import Deleted, SessionAsked, found, note
from service.errors import NotFound
from service.model import ids
from service.storage import messages
from service.storage.database import Connection
from service.storage.messages import Place


class MessagesAsked(SessionAsked, kw_only=True, rename="camel"):
    limit: Annotated[int, Meta(ge=0, le=1000)] = 100
    cursor: Cursor = None
    around: Annotated[
        params.Name | None,
        Meta(
            description="A message's id or external id, or the id of a transcript record: it stands in the middle of the page."
        ),
    ] = None


class Messages(msgspec.Struct, rename="camel"):
    messages: list[shapes.Message]
    next_cursor: str | UnsetType = UNSET


class OneMessage(msgspec.Struct):
    message: shapes.Message


@route(
    "GET", "/api/sessions/{id}/messages", scope="read", summary="List messages", asks=MessagesAsked, gives=Messages, live="sessions.messages",
    description="Messages of a session in order: from the beginning, behind a cursor, or around a hit.",
    example={"messages": [examples.MESSAGE], "nextCursor": "8fJ2xk1Qeyj0Ijoi"}, errors=(400, 404),
)  # fmt: skip
async def list_messages(call: Call, asked: MessagesAsked) -> Answer:
    async with call.rows(still=True) as conn:
        session = await found(conn, call, call.path["id"], asked)
        rows = await page(conn, call, session["id"], asked)
    return answer(shown(rows, asked, session["id"]))


@route(
    "PATCH", "/api/messages/{id}", scope="admin", summary="Label a message", takes=labels.MessageLabels, gives=OneMessage,
    description="Sets what is given; `null` empties it.",
    example_body={"evalStatus": "golden"}, example={"message": examples.MESSAGE}, errors=(400, 404),
)  # fmt: skip
async def label_message(call: Call, asked: Nothing) -> Answer:
    patch = labels.read_message(call.body)
    async with call.rows() as conn:
        id = await messages.now_called(conn, call.workspace_id, number(call))
        if not await messages.patch(conn, call.workspace_id, id, patch, user_id=call.caller.user_id):
            raise NotFound("Message not found")
        row = await messages.one(conn, call.workspace_id, id)
        assert row is not None, "the patch has locked it"
    return await written(call, OneMessage(shapes.message(row)))


@route(
    "DELETE", "/api/messages/{id}", scope="admin", summary="Delete a message", gives=Deleted,
    description="Deletes it with parts, vectors and index entries. A client that sends it again does not bring it back.",
    example={"ok": True, "id": "m34"}, errors=(404,),
)  # fmt: skip
async def delete_message(call: Call, asked: Nothing) -> Answer:
    async with call.rows() as conn:
        id = await messages.now_called(conn, call.workspace_id, number(call))
        if not await messages.delete(conn, call.workspace_id, id):
            raise NotFound("Message not found")
        await note(conn, call, "message.delete", id)
    return await written(call, Deleted(ids.message(id)))


async def page(conn: Connection, call: Call, session_id: int, asked: MessagesAsked) -> list[dict[str, Any]]:
    """The rows of the page, and one more where another page follows. Errors: `RequestError`, `NotFound`."""
    if asked.around is None:
        after = cursors.decode(asked.cursor, Place, of=order(session_id)) if asked.cursor else None
        return await messages.page(conn, call.workspace_id, session_id, limit=asked.limit + 1, after=after)
    rows = await messages.around(conn, call.workspace_id, session_id, asked.around, limit=asked.limit)
    if rows is None:
        raise NotFound("Message not found")
    if not rows:
        return rows
    last = Place(rows[-1]["created_at"], rows[-1]["id"])
    return rows + await messages.page(conn, call.workspace_id, session_id, limit=1, after=last)


def shown(rows: list[dict[str, Any]], asked: MessagesAsked, session_id: int) -> Messages:
    listed = Messages([shapes.message(row) for row in rows[: asked.limit]])
    if len(rows) > len(listed.messages) > 0:
        last = rows[asked.limit - 1]
        listed.next_cursor = cursors.encode(Place(last["created_at"], last["id"]), of=order(session_id))
    return listed


def order(session_id: int) -> str:
    return f"messages {session_id}"


def number(call: Call) -> int:
    """The row's id of the message in the path. Errors: `NotFound`."""
    found = ids.number(call.path["id"], "m")
    if found is None:
        raise NotFound("Message not found")
    return found
