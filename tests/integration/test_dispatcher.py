"""The dispatcher on a real Postgres, with queries of our own: a statement that fails, a reader that has stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec
import pytest

from service.api.gate.capacity import Capacity, Load
from service.api.gate.exchange import Exchange
from service.api.live.stream import EventStream
from service.live.dispatcher import Dispatcher, Wanted
from service.live.query import Outcome, Query, Watches
from service.live.streams import Reader, Stream
from service.storage import people
from service.storage.database import Connection, Database, open_database

SOON_S = 20.0


class Asked(msgspec.Struct):
    by: int


class Quotient(msgspec.Struct):
    value: int


async def divided(conn: Connection, workspace_id: int, asked: Sequence[Asked]) -> list[Outcome]:
    """All sessions, and 60, divided; fails for all when one of them divides by 0."""
    cursor = await conn.execute(
        "select (select count(*) from sessions) + 60 / by as value from unnest(%s::int[]) by",
        ([each.by for each in asked],),
    )
    return [Outcome(Quotient(**row)) for row in await cursor.fetchall()]


QUERY = Query(
    name="divided",
    summary="",
    asks=Asked,
    gives=Quotient,
    answers=divided,
    watches=lambda asked: Watches(tables=frozenset({"sessions"})),
)


class Ground:
    """A dispatcher, a reader's rights, and a way to write."""

    def __init__(self, db: Database, dispatcher: Dispatcher, reader: Reader) -> None:
        self.db, self.dispatcher, self.reader = db, dispatcher, reader

    async def write(self, statement: LiteralString) -> None:
        """A transaction of one statement, which is given the workspace."""
        async with self.db.workspace(self.reader.workspace_id) as conn:
            await conn.execute(statement, (self.reader.workspace_id,))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_S):
            while not holds():
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), 0.01)


@pytest.fixture
async def ground(database_url: str) -> AsyncIterator[Ground]:
    db = await open_database(database_url, pool_size=2)
    workspace_id, user_id = await people.create_workspace(db, name="w", user="u")
    async with db.workspace(workspace_id) as conn:
        key_id = await people.create_key(conn, workspace_id, user_id, key=people.new_key())
    dispatcher = Dispatcher(database_url)
    yield Ground(db, dispatcher, Reader(workspace_id, user_id, key_id))
    await dispatcher.stop()
    await db.close()


async def test_it_lets_a_query_that_fails_hurt_no_other(ground: Ground) -> None:
    """Of several that are asked in one statement the one at fault answers an error, the others their results; later
    the others are asked together again."""
    stream, body, events = Stream(ground.reader), b"", 0
    ground.dispatcher.open(stream, [Wanted(str(by), QUERY, Asked(by)) for by in (1, 0, 2)])
    async with asyncio.timeout(SOON_S):
        while events < 3:
            await stream.wait()
            some, more = stream.payload(ground.dispatcher.reached)
            body, events = body + some, events + more
    assert b'"result":{"value":60}' in body
    assert b'"result":{"value":30}' in body
    assert b'event: error\ndata: {"id":"0","error":"This query could not be answered' in body
    by = {entry.asked.by: entry for entry in ground.dispatcher.book.entries.values()}
    assert [by[number].alone for number in (0, 1, 2)] == [True, False, False]


class Socket:
    """What an answer is sent to: it is full with the first event."""

    def __init__(self) -> None:
        self.taken = b""
        self.goes_on = asyncio.Event()

    async def send(self, message: Any) -> None:
        """As a server does: waits while nothing is taken, then writes."""
        if b"event" in self.taken:
            await self.goes_on.wait()
        self.taken += message.get("body", b"")


async def test_it_makes_what_it_tells_when_it_is_taken(ground: Ground) -> None:
    """A reader that had stopped, and lost its key meanwhile, is told that and nothing of what was written before."""
    socket, stream = Socket(), Stream(ground.reader)
    answer = EventStream(ground.dispatcher, stream, [Wanted("a", QUERY, Asked(1))])
    load = Load(Capacity(requests=1, body_bytes=1))
    exchange = Exchange(request_id="", at=datetime.now(UTC), started_s=0.0, method="GET", load=load)
    never = asyncio.Event().wait
    telling = asyncio.create_task(answer({"backscroll": exchange}, never, socket.send))  # type: ignore[arg-type]
    await ground.until(lambda: b'"value":60' in socket.taken)
    await ground.write(
        "insert into sessions (workspace_id, source, external_id, created_at, updated_at) values (%s, 'pi', 'secret', now(), now())"
    )
    await ground.until(lambda: any(entry.version == 2 for entry in ground.dispatcher.book.entries.values()))
    await ground.write("update api_keys set revoked_at = now() where workspace_id = %s")
    await ground.until(lambda: stream.revoked)
    socket.goes_on.set()
    await asyncio.wait_for(telling, SOON_S)
    assert b'"value":61' not in socket.taken
    assert b"event: revoked" in socket.taken
