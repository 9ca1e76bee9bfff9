"""What a request brings, stored; and where Postgres refuses a value, all the rest of it.

Rule: a batch is one transaction. Only when one of its items is refused is it cut in halves, and those again, until
the refused ones stand alone and every other is stored.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from service.api.gate.routes import Call
from service.model.message import MessageWrite
from service.model.session import SessionWrite
from service.storage import sync

DELETED = "was deleted here, so it is not stored again."


class Stored(msgspec.Struct, frozen=True):
    """Ids by place, None for what was not stored; of each of those one error, which begins with its externalId."""

    session_ids: list[int | None]
    message_ids: list[int | None]
    errors: list[str]


async def store(call: Call, *, sessions: Sequence[SessionWrite], messages: Sequence[MessageWrite]) -> Stored:
    """Store what can be stored."""
    try:
        applied = await apply(call, sessions=sessions, messages=messages)
    except sync.Refused as error:
        return await apart(call, sessions, messages, error)
    writes: list[SessionWrite | MessageWrite] = [*sessions, *messages]
    stored = zip(writes, [*applied.session_ids, *applied.message_ids], strict=True)
    errors = [f"{write.external_id}: {DELETED}" for write, id in stored if id is None]
    return Stored(applied.session_ids, applied.message_ids, errors)


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


async def apart(
    call: Call, sessions: Sequence[SessionWrite], messages: Sequence[MessageWrite], error: sync.Refused
) -> Stored:
    """Each half on its own; the sessions stay before the messages."""
    writes: list[SessionWrite | MessageWrite] = [*sessions, *messages]
    if len(writes) == 1:
        return Stored([None] * len(sessions), [None] * len(messages), [f"{writes[0].external_id}: {error}"])
    middle = len(writes) // 2
    messages_first = max(0, middle - len(sessions))
    first = await store(call, sessions=sessions[:middle], messages=messages[:messages_first])
    second = await store(call, sessions=sessions[middle:], messages=messages[messages_first:])
    return Stored(
        first.session_ids + second.session_ids,
        first.message_ids + second.message_ids,
        first.errors + second.errors,
    )
