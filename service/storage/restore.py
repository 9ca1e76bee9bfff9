"""Filling a database from a backup, in one transaction: it holds all of the backup afterwards, or what it held before.

Tables are taken from row-level security and from our triggers while they are filled (both are put back before the
commit), since COPY into a guarded table is refused and nobody follows what is restored by the log. Every row gets
this transaction as its `changed_xid`, the log begins behind it, and the epoch is another: whatever token or cursor
somebody still holds, he starts over or compares with the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from service.errors import Conflict, DatabaseError
from service.storage import audit
from service.storage.backup import Table, columns_of, connected, line, one, qualified, tables
from service.storage.migrations import SQL as MIGRATIONS
from service.storage.queries import load

SQL = load("restore")
WAIT_S = 5
EMPTIED_TOO = ("embedding_queue", "change_log", "cursors")


class Target:
    """A database that is being filled; nobody else can look at it."""

    def __init__(self, conn: psycopg.Connection[dict[str, Any]]) -> None:
        self._conn = conn
        self._tables = {table.name: table for table in tables(conn)}

    def table(self, name: str, columns: list[str]) -> Table:
        """Errors: `DatabaseError` when this schema has no such table or column."""
        table = self._tables.get(name)
        if table is None or not set(columns) <= set(table.columns):
            raise DatabaseError(
                f"The backup has something in `{name}` that this schema has no place for: restore it with the version that wrote it."
            )
        return table

    def fill(self, table: Table, columns: list[str], pieces: Iterable[bytes]) -> int:
        """Put in the lines of COPY's text format; how many rows. Errors: `DatabaseError` when Postgres refuses one."""
        statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table.name), columns_of(columns))
        cursor = self._conn.cursor()
        try:
            with cursor.copy(statement) as copy:
                for piece in pieces:
                    copy.write(piece)
        except (psycopg.DataError, psycopg.IntegrityError) as error:  # its text quotes rows
            raise DatabaseError(
                f"Postgres refuses a row of `{table.name}` ({error.sqlstate}): nothing was restored."
            ) from error
        return cursor.rowcount

    def go_on_counting(self, table: Table, last: int) -> None:
        """The next id of this table comes after `last`, which was given before, be it that its row is gone."""
        assert table.sequence is not None
        self._conn.execute("select setval(%s, %s)", [table.sequence, last])

    def finish(self, restore_count: int) -> int:
        """Make another epoch of it, and leave a line in the audit log; how many restores this database has seen."""
        self._conn.execute(audit.SQL["record"], line("backup.restore"))
        self._conn.execute(SQL["log_begins_here"])
        return int(one(self._conn, SQL["tell_of_restore"], restore_count=restore_count)["restore_count"])

    def empty(self) -> None:
        names = [*self._tables, *EMPTIED_TOO]
        for index in self._conn.execute(SQL["hnsw_indexes"]).fetchall():
            self._conn.execute(sql.SQL("drop index {}").format(qualified(index["name"])))
        self._conn.execute(
            sql.SQL("truncate {} cascade").format(sql.SQL(", ").join(map(sql.Identifier, names)))
        )

    def guarded(self, on: bool) -> None:
        """Forced row-level security and our triggers, for every table that has them."""
        force, able = ("force", "enable") if on else ("no force", "disable")
        for table in self._tables.values():
            name = sql.Identifier(table.name)
            if table.guarded:
                self._conn.execute(
                    sql.SQL("alter table {} {} row level security").format(name, sql.SQL(force))
                )
            self._conn.execute(sql.SQL("alter table {} {} trigger user").format(name, sql.SQL(able)))


@contextmanager
def filling(url: str) -> Iterator[Target]:
    """A migrated database, emptied, and locked until all is in. Errors: `Conflict` when a service runs on it."""
    with connected(url) as conn, conn.transaction():
        target = Target(conn)
        lock_all(conn, target)
        if others := one(conn, SQL["others"])["others"]:
            raise Conflict(
                f"Backscroll runs on this database ({others} connections): stop every `backscroll` on it, then restore."
            )
        target.guarded(False)
        target.empty()
        conn.execute(SQL["let_passages_lack_sessions"])
        yield target
        conn.execute(SQL["give_passages_sessions"])
        conn.execute(SQL["let_no_passage_lack_sessions"])
        target.guarded(True)


def lock_all(conn: psycopg.Connection[dict[str, Any]], target: Target) -> None:
    """A service that starts now waits, and then finds the new epoch. Errors: `Conflict`."""
    names = ["instance", "change_log_floor", *EMPTIED_TOO, *target._tables]
    conn.execute(f"set local lock_timeout = '{WAIT_S}s'")
    try:
        conn.execute(
            sql.SQL("lock table {} in access exclusive mode").format(
                sql.SQL(", ").join(map(sql.Identifier, names))
            )
        )
    except psycopg.errors.LockNotAvailable as error:
        raise Conflict("Somebody uses this database: stop every `backscroll` on it, then restore.") from error


def holds_data(url: str) -> bool:
    """Whether a database has users or workspaces; one without our schema has not."""
    with connected(url) as conn:
        found = conn.execute(MIGRATIONS["table_exists"]).fetchone()
        if not found or not next(iter(found.values())):
            return False
        with conn.transaction():
            exists = conn.execute("select to_regclass('public.workspaces') is not null as there").fetchone()
            if not exists or not exists["there"]:
                return False
            conn.execute("set local role backscroll_system")
            return bool(one(conn, SQL["holds_data"])["holds_data"])
