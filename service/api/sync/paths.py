"""The paths of OpenSync's clients: what they send is taken as they send it, and answered in their words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec

from service.api import examples
from service.api.gate.params import Nothing
from service.api.gate.routes import Answer, Call, answer, route, written
from service.api.sync import wire
from service.api.sync.bodies import BatchBody, MessageBody, SessionBody
from service.api.sync.storing import apply, store
from service.model import ids
from service.storage import sessions

T = TypeVar("T")
LARGE_BYTES = 256 * 1024
"""Takes about 6 ms to read."""


class SessionStored(msgspec.Struct, rename="camel"):
    """The session's id; of one that was deleted here, and so is not stored again, the client's own."""

    session_id: str
    ok: bool = True


class MessageStored(msgspec.Struct, rename="camel"):
    """The message's id; of one that was deleted here, and so is not stored again, the client's own."""

    message_id: str
    ok: bool = True


class BatchStored(msgspec.Struct):
    """How many items were accepted: stored, or there already and the same."""

    sessions: int
    messages: int
    errors: list[str]
    ok: bool = True


class SessionIds(msgspec.Struct, rename="camel"):
    """External ids of all sessions, and of those that were deleted here: nothing to send again."""

    session_ids: list[str]


@route(
    "POST", "/sync/session", scope="ingest", summary="Sync a session", takes=SessionBody, gives=SessionStored,
    description="Makes or updates a session. Sending it again changes nothing; what is absent or 0 erases nothing.",
    example_body=examples.SESSION_BODY, example={"ok": True, "sessionId": "s12"}, errors=(400, 413),
)  # fmt: skip
async def sync_session(call: Call, asked: Nothing) -> Answer:
    write = await read(wire.read_session, call.body)
    (id,) = (await apply(call, sessions=[write])).session_ids
    return await written(call, SessionStored(write.external_id if id is None else ids.session(id)))


@route(
    "POST", "/sync/message", scope="ingest", summary="Sync a message", takes=MessageBody, gives=MessageStored,
    description="Makes or updates a message, and its session where that is not known yet.",
    example_body=examples.MESSAGE_BODY, example={"ok": True, "messageId": "m34"}, errors=(400, 413),
)  # fmt: skip
async def sync_message(call: Call, asked: Nothing) -> Answer:
    write = await read(wire.read_message, call.body)
    (id,) = (await apply(call, messages=[write])).message_ids
    return await written(call, MessageStored(write.external_id if id is None else ids.message(id)))


@route(
    "POST", "/sync/batch", scope="ingest", summary="Sync a batch", takes=BatchBody, gives=BatchStored,
    description="Sessions and messages in one transaction. Each bad item is told in `errors` and hurts no other.",
    example_body={"sessions": [examples.SESSION_BODY], "messages": [examples.MESSAGE_BODY]},
    example={"ok": True, "sessions": 1, "messages": 1, "errors": []}, errors=(400, 413),
)  # fmt: skip
async def sync_batch(call: Call, asked: Nothing) -> Answer:
    batch = await read(wire.read_batch, call.body)
    stored = await store(call, sessions=batch.sessions, messages=batch.messages)
    return await written(
        call,
        BatchStored(
            sessions=sum(id is not None for id in stored.session_ids),
            messages=sum(id is not None for id in stored.message_ids),
            errors=[*batch.errors, *stored.errors],
        ),
    )


@route(
    "GET", "/sync/sessions/list", scope="ingest", summary="List synced sessions", gives=SessionIds,
    description="The external ids of all sessions, deleted ones too, so that a client knows what it need not send.",
    example={"sessionIds": ["ses_4a1f"]},
)  # fmt: skip
async def sync_sessions_list(call: Call, asked: Nothing) -> Answer:
    async with call.rows() as conn:
        external_ids = await sessions.external_ids(conn, call.workspace_id)
    return answer(SessionIds(external_ids))


async def read(reader: Callable[[bytes], T], body: bytes) -> T:
    """What a body says. A large one is read in a thread: others are answered meanwhile."""
    return await asyncio.to_thread(reader, body) if len(body) > LARGE_BYTES else reader(body)
