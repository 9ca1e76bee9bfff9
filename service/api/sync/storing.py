"""What a request of /sync brings, stored; and where Postgres refuses a value, all the rest of it (`apart.py`)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from service.api.gate.routes import Call
from service.model.message import MessageWrite
from service.model.session import SessionWrite
from service.storage import apart, sync

DELETED = "was deleted here, so it is not stored again."
Write = SessionWrite | MessageWrite


class Stored(msgspec.Struct):
    """Ids by place, None for what was not stored; of each of those one error, which begins with its externalId."""

    session_ids: list[int | None] = []
    message_ids: list[int | None] = []
    errors: list[str] = []


async def store(call: Call, *, sessions: Sequence[SessionWrite], messages: Sequence[MessageWrite]) -> Stored:
    """Store what can be stored."""

    async def store_all(writes: Sequence[Write]) -> sync.Applied:
        return await apply(call, sessions=sessions_of(writes), messages=messages_of(writes))

    stored = Stored()
    items: list[Write] = [*sessions, *messages]
    for writes, applied in await apart.each(items, store_all):
        if isinstance(applied, sync.Refused):
            applied_sessions: list[int | None] = [None for _ in sessions_of(writes)]
            applied_messages: list[int | None] = [None for _ in messages_of(writes)]
            stored.errors += [f"{write.external_id}: {applied}" for write in writes]
        else:
            applied_sessions, applied_messages = applied.session_ids, applied.message_ids
            ids = zip(writes, [*applied_sessions, *applied_messages], strict=True)
            stored.errors += [f"{write.external_id}: {DELETED}" for write, id in ids if id is None]
        stored.session_ids += applied_sessions
        stored.message_ids += applied_messages
    return stored


async def apply(
    call: Call, *, sessions: Sequence[SessionWrite] = (), messages: Sequence[MessageWrite] = ()
) -> sync.Applied:
    """Store all of it in one transaction. Errors: `sync.Refused`, with nothing stored."""
    return await sync.apply(
        call.resources.db,
        workspace_id=call.workspace_id,
        user_id=call.caller.user_id,
        now=call.now,
        sessions=sessions,
        messages=messages,
    )


def sessions_of(writes: Sequence[Write]) -> list[SessionWrite]:
    return [write for write in writes if isinstance(write, SessionWrite)]


def messages_of(writes: Sequence[Write]) -> list[MessageWrite]:
    return [write for write in writes if isinstance(write, MessageWrite)]
