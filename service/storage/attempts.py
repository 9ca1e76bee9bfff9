"""One transaction, tried again where another request was in its way.

Rule: a request is stored whole or not at all. What a value is at fault for is `Refused`, and trying again is no use.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from service.errors import BackscrollError, Contended
from service.storage.database import CONTENDED, MADE_MEANWHILE, Connection, Database

TRIES = 6
PAUSE_S = 0.01
"""Before the second try, up to so long; before each later one up to twice as long: those that met do not meet again."""
REFUSED = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)
"""What one value in a batch can make a statement raise."""
T = TypeVar("T")


class Refused(BackscrollError):
    """Postgres refuses a value: the item is named, the value is not."""

    status = 400


class Overtaken(Exception):
    """Something that this batch looked up was deleted before it was locked: look again."""


async def in_one_transaction(
    db: Database, workspace_id: int, work: Callable[[Connection], Awaitable[T]]
) -> T:
    """Do the work, again where another request was in its way. Errors: `Refused`; `Contended` where one was in the way each
    time, or the work takes too long. Nothing is stored then."""
    for attempt in range(TRIES):
        try:
            async with db.workspace(workspace_id) as conn:
                return await work(conn)
        except (Overtaken, Contended, *MADE_MEANWHILE) as error:
            # Another request made or changed the same rows at this moment: its work is visible the next time.
            if attempt == TRIES - 1 or isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                raise Contended(CONTENDED) from error
            await asyncio.sleep(random.uniform(0, PAUSE_S * 2**attempt))
        except REFUSED as error:
            raise Refused("A value cannot be stored: check the item's ids, numbers and nesting.") from error
    raise AssertionError("unreachable")
