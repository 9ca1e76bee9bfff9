"""The pool of connections, and the transactions that know whose rows they may see.

Rule: nobody runs SQL outside `workspace` (rows of one workspace, role backscroll_app) or `system` (the few
tables that are read across workspaces, role backscroll_system). Row-level security does the rest: a
statement that forgets its WHERE still sees one tenant only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, LiteralString, NamedTuple

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from service.errors import Contended, DatabaseUnavailable, NoRoom, SettingError
from service.model import snapshot
from service.storage import arrays, halfvec, link
from service.storage.timing import TimedCursor, told_together

Connection = psycopg.AsyncConnection[DictRow]


class Asked(NamedTuple):
    """A statement with its parameters; `prepare=False`: planned anew each time."""

    statement: LiteralString
    params: Mapping[str, Any] | None = None
    prepare: bool | None = None


UNAVAILABLE = "Postgres cannot be reached now; try again in a moment."
NO_ROOM = (
    "The disk of the database is full, so nothing of this was stored: make room on it, then send this again."
)
CONTENDED = "The database was busy with the same thing or took too long, so nothing of this was done: send it again in a moment."
SET_LOCAL: LiteralString = "select set_config(name, value, true) from unnest(%(names)s::text[], %(values)s::text[]) as local (name, value)"
"""`set local` of several names at once."""
NO_SETTINGS: Mapping[str, str] = {}
RECONNECT_S = 2.0
"""How long the pool tries to replace a lost connection by itself. Longer, and its pauses grow until nobody is let in
for a while after Postgres is back; when it has given up, the next who asks makes it try anew."""
LOST = (psycopg.OperationalError, PoolTimeout)
"""What psycopg raises when the server is away, starts, or stops; not what a statement's own fault raises."""
IN_THE_WAY = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
)
"""What Postgres ends a transaction with for the sake of others. It may well do what is asked the next time."""
MADE_MEANWHILE = (psycopg.errors.ForeignKeyViolation, psycopg.errors.UniqueViolation)
"""What a transaction meets that looked at rows which another deletes or makes at this moment."""


class PoolUse(msgspec.Struct, frozen=True):
    """Connections of one process: at most, open, in use; and who waits for one."""

    most: int
    open: int
    in_use: int
    waiting: int


class Database:
    """One process's way to Postgres: `workspace(id)` and `system()` give a connection within a transaction."""

    def __init__(self, pool: AsyncConnectionPool[Connection], epoch: str) -> None:
        self._pool = pool
        self.epoch = epoch

    @asynccontextmanager
    async def workspace(
        self, workspace_id: int, *, repeatable_read: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction that sees and writes the rows of one workspace. Commits at the end, or rolls back."""
        isolation = " isolation level repeatable read read only" if repeatable_read else ""
        begin = f"begin{isolation}; set local backscroll.workspace = '{int(workspace_id)}'"
        async with self._transaction(begin) as conn:
            yield conn

    async def read(
        self, workspace_id: int, *asked: Asked, settings: Mapping[str, str] = NO_SETTINGS
    ) -> list[list[DictRow]]:
        """The rows of several statements on one workspace, in a transaction that goes over as one message; `settings`
        hold in it.

        A round trip costs this side more than a small statement costs Postgres: in one message, two statements took
        0.5 ms where they took 1.1. Until the message ends, Postgres holds one transaction open without being told:
        https://www.postgresql.org/docs/current/libpq-pipeline-mode.html. Errors: those of `workspace`.
        """
        local = {"backscroll.workspace": str(int(workspace_id)), **settings}
        set_local = {
            "names": arrays.array("text", local),
            "values": arrays.array("text", local.values()),
        }
        within = Asked(SET_LOCAL, set_local)
        with told_together([each.statement for each in asked]), unavailable():
            # All is waited for at the message's end: one limit for it, and cursors that set none of their own.
            async with self._pool.connection() as conn:
                with link.answered_within(conn):
                    async with conn.pipeline():
                        cursors = [
                            await psycopg.AsyncCursor(conn).execute(
                                each.statement, each.params, prepare=each.prepare
                            )
                            for each in (within, *asked)
                        ]
                    return [await cursor.fetchall() for cursor in cursors[1:]]

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Connection]:
        """A transaction that reads across workspaces what the feed, keys, queues and retention need."""
        async with self._transaction("begin; set local role backscroll_system") as conn:
            yield conn

    @asynccontextmanager
    async def _transaction(self, begin: LiteralString) -> AsyncIterator[Connection]:
        with unavailable():
            async with self._pool.connection() as conn:
                await conn.execute(begin)
                try:
                    yield conn
                except BaseException:
                    if not conn.closed:
                        await conn.execute("rollback")
                    raise
                await conn.execute("commit")

    async def token(self) -> str:
        """A commit token: contains every transaction that was committed before this call."""
        with unavailable():
            async with self._pool.connection() as conn:
                cursor = await conn.execute("select pg_current_snapshot()::text as s")
                row = await cursor.fetchone()
        assert row is not None
        return snapshot.token(self.epoch, row["s"])

    def pool_use(self) -> PoolUse:
        """How this process' connections are taken now."""
        found = self._pool.get_stats()
        size = found.get("pool_size", 0)
        return PoolUse(
            most=found.get("pool_max", 0),
            open=size,
            in_use=size - found.get("pool_available", 0),
            waiting=found.get("requests_waiting", 0),
        )

    async def close(self) -> None:
        await self._pool.close()


@asynccontextmanager
async def undisturbed(transaction: AbstractAsyncContextManager[Connection]) -> AsyncIterator[Connection]:
    """A transaction whose every key is there as far as it knows. Errors: `Contended` when another took one away or made
    the same one at this moment."""
    try:
        async with transaction as conn:
            yield conn
    except MADE_MEANWHILE as error:
        raise Contended(CONTENDED) from error


@contextmanager
def unavailable() -> Iterator[None]:
    """Errors: `DatabaseUnavailable` for whatever psycopg raises when the server is away, `NoRoom` when its disk is full,
    `Contended` when it gave a transaction up for the sake of others."""
    try:
        yield
    except LOST as error:
        if isinstance(error, psycopg.errors.DiskFull):
            raise NoRoom(NO_ROOM) from error
        if isinstance(error, IN_THE_WAY):
            raise Contended(CONTENDED) from error
        if isinstance(error, psycopg.OperationalError) and not is_loss(error):
            raise
        raise DatabaseUnavailable(UNAVAILABLE) from error


def usable(url: str) -> str:
    """The URL as it is. Errors: `SettingError` when it is none."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise SettingError(
            "BACKSCROLL_DATABASE_URL is no Postgres URL: write postgresql://user:password@host:5432/database."
        ) from error
    return url


async def open_database(url: str, *, pool_size: int = 16, name: str = "backscroll") -> Database:
    """Connect and learn the epoch. Errors: `DatabaseUnavailable` when the server does not answer."""
    pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
        usable(url),
        min_size=min(2, pool_size),
        max_size=pool_size,
        timeout=5.0,
        open=False,
        name=name,
        reconnect_timeout=RECONNECT_S,
        check=link.check,
        configure=become_app,
        connection_class=link.Link[DictRow],
        kwargs={
            "row_factory": dict_row,
            "cursor_factory": TimedCursor,
            "autocommit": True,
            "application_name": name,
            **link.PARAMETERS,
        },
    )
    try:
        await pool.open(wait=True, timeout=30.0)
        async with pool.connection() as conn:
            return Database(pool, epoch=await read_epoch(conn))
    except LOST as error:
        await pool.close()
        raise DatabaseUnavailable(UNAVAILABLE) from error


async def read_epoch(conn: Connection) -> str:
    """Which cluster this is, and after how many restores: transaction ids mean something within one epoch only."""
    cursor = await conn.execute("select system_identifier, restore_count from instance")
    row = await cursor.fetchone()
    assert row is not None
    return f"{row['system_identifier'] & 0xFFFFFFFFFFFF:x}-{row['restore_count']}"


def teach(conn: psycopg.AsyncConnection[Any]) -> None:
    """Let a connection send our arrays and vectors."""
    arrays.register(conn)
    halfvec.register(conn)


async def become_app(conn: psycopg.AsyncConnection[Any]) -> None:
    """Put the owner's rights down for good measure, cap what one statement may take, and teach it our arrays and vectors."""
    teach(conn)
    await conn.execute(
        f"set role backscroll_app; set statement_timeout = '{link.STATEMENT_S}s'; "
        f"set idle_in_transaction_session_timeout = '60s'; {link.SERVER_SIDE}"
    )


def is_loss(error: psycopg.OperationalError) -> bool:
    """Whether the server is away (no SQLSTATE, class 08 or 57P0x), rather than a statement at fault.

    >>> is_loss(psycopg.errors.AdminShutdown()), is_loss(psycopg.errors.DeadlockDetected())
    (True, False)
    """
    state = error.sqlstate or ""
    return not state or state.startswith(("08", "57P", "53"))
