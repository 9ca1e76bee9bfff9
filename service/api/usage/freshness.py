"""Read-your-writes for usage: the facts follow the tables, and a read that names a write waits for it."""

from __future__ import annotations

import asyncio
import time

from service.api.gate.routes import Call
from service.errors import NotYet
from service.storage.usage import marks

WAIT_S = 5.0
LOOK_S = 0.02


async def reached(call: Call) -> None:
    """Wait until the facts contain the write that `commit` names. Errors: `NotYet` after 5 s."""
    if call.commit is None:
        return
    end_s = time.monotonic() + WAIT_S
    while await waits(call):
        if time.monotonic() >= end_s:
            raise NotYet(
                "The rollup has not reached that write yet: ask again in a moment, or without `commit`."
            )
        await asyncio.sleep(LOOK_S)


async def waits(call: Call) -> bool:
    assert call.commit is not None
    async with call.rows() as conn:
        return await marks.pending(conn, call.workspace_id, str(call.commit))
