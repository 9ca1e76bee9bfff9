"""Writes of clients: sessions and messages, idempotent, merged, in order, one statement a table.

`apply` is the one way in for clients' writes. The same batch again reads, finds nothing to change, and
writes nothing: no row lock, no change-log row. What a write does not say never erases what is known, and a
transcript that was imported has the last word on what it tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from service.model.message import MessageWrite
from service.model.session import SessionWrite
from service.storage import privacy
from service.storage.attempts import Overtaken, Refused, in_one_transaction
from service.storage.batch import Batch, session_writes
from service.storage.database import Connection, Database
from service.storage.importing import meeting
from service.storage.resolve import Found, Ref
from service.storage.sync_rows import Key, fold

__all__ = ["Applied", "Refused", "apply"]


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """Ids by place in the request; None: it was deleted here earlier, so nothing was stored."""

    session_ids: list[int | None]
    message_ids: list[int | None]


async def apply(
    db: Database,
    *,
    workspace_id: int,
    user_id: int,
    now: datetime,
    sessions: Sequence[SessionWrite] = (),
    messages: Sequence[MessageWrite] = (),
) -> Applied:
    """Store a request's sessions and messages in one transaction.

    Errors: `Refused` when Postgres refuses a value (nothing of the request is stored; send items apart).
    """

    async def work(conn: Connection) -> Applied:
        batch = Batch(conn, workspace_id=workspace_id, user_id=user_id, now=now)
        if by := await privacy.cleaner(conn, workspace_id):
            return await store(batch, *await privacy.cleaned(by, sessions, messages))
        return await store(batch, sessions, messages)

    return await in_one_transaction(db, workspace_id, work)


async def store(batch: Batch, sessions: Sequence[SessionWrite], messages: Sequence[MessageWrite]) -> Applied:
    session_refs = [Ref(write.external_id, write.source) for write in sessions]
    message_refs = [Ref(write.session_external_id, write.source) for write in messages]
    targets = await batch.resolve([*session_refs, *message_refs], sessions)
    keys: list[Key | None] = [
        (target.id, write.external_id)
        if isinstance(target := targets[ref], Found)
        and not batch.is_gone(target, write.session_external_id, [write.external_id])
        else None
        for ref, write in zip(message_refs, messages, strict=True)
    ]
    folded = fold(zip(keys, messages, strict=True))
    written = await batch.write(
        session_writes(session_refs, sessions, targets), targets, lambda: meeting.of_clients(batch, folded)
    )
    met = written.met
    ids = met.ids | {key: row["id"] for key, row in written.rows.items()}
    rows = [None if key is None else met.renamed.get(key, key) for key in keys]
    ids |= await batch.ids(list(dict.fromkeys(key for key in rows if key is not None and key not in ids)))
    if any(key is not None and key not in ids for key in rows):
        raise Overtaken  # another request made it one with its own meanwhile
    return Applied(
        session_ids=[
            target.id if isinstance(target := targets[ref], Found) else None for ref in session_refs
        ],
        message_ids=[None if key is None else ids[key] for key in rows],
    )
