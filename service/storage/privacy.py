"""What a workspace takes out of texts before it stores them: nothing, unless a person has turned it on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from service.model.message import MessageWrite
from service.model.session import SessionWrite
from service.privacy import writes
from service.privacy.cleaning import Cleaner
from service.storage.database import Connection
from service.storage.queries import load

SQL = load("privacy")


async def cleaner(conn: Connection, workspace_id: int) -> Cleaner:
    """What cleans its writes; false where nothing is to be cleaned."""
    row = await (await conn.execute(SQL["of_workspace"], {"workspace_id": workspace_id})).fetchone()
    if row is None:
        return Cleaner()
    return Cleaner(redact=row["redact_writes"], anonymize=row["anonymize_writes"])


async def keep(conn: Connection, workspace_id: int, *, redact: bool | None, anonymize: bool | None) -> None:
    """Turn it on or off for what is written from now on; None leaves it."""
    params = {"workspace_id": workspace_id, "redact": redact, "anonymize": anonymize}
    await conn.execute(SQL["keep"], params)


async def cleaned(
    by: Cleaner, sessions: Sequence[SessionWrite], messages: Sequence[MessageWrite]
) -> tuple[list[SessionWrite], list[MessageWrite]]:
    """In a thread: others are answered meanwhile."""

    def clean() -> tuple[list[SessionWrite], list[MessageWrite]]:
        return [writes.session(each, by) for each in sessions], [
            writes.message(each, by) for each in messages
        ]

    return await asyncio.to_thread(clean)
