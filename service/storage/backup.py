"""Reading all tables as they are at one moment, for a backup.

Rule: a backup needs no right that the service does not have. Row-level security is forced on everybody, so tables are
read as the service reads them: those that `backscroll_system` may see across workspaces at once, the others workspace
by workspace as `backscroll_app`; all within one REPEATABLE READ transaction. Text format of COPY: every Postgres
reads what any other has written, and pieces of a table are one after the other what the table is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from service.storage import audit, migrations
from service.storage.queries import load

SQL = load("backup")
LEFT_OUT = ("migrations", "instance", "cursors", "change_log_floor", "change_log", "change_log_rest",
            "embedding_queue", "workers")  # fmt: skip
"""What belongs to one database, follows transactions of it, or is made again within minutes."""
VECTORS = ("embedding_models", "passages", "embeddings")
"""Derived too, but dear to compute."""


class Table(msgspec.Struct, frozen=True):
    """A table and the columns that a backup keeps."""

    name: str
    columns: list[str]
    estimate: int
    """Rows, as the planner believes; 0: unknown."""
    guarded: bool
    across: bool
    sequence: str | None = None


class Source:
    """A database at one moment."""

    def __init__(self, conn: psycopg.Connection[dict[str, Any]]) -> None:
        self._conn = conn
        self.instance = one(conn, SQL["instance"])
        self.migrations = migrations_of(conn)
        self._become("backscroll_system")
        self._workspaces: list[int] = [row["id"] for row in conn.execute(SQL["workspace_ids"])]
        self._conn.execute("reset role")

    def tables(self, *, vectors: bool = True) -> list[Table]:
        """In an order in which they can be filled."""
        return tables(self._conn, vectors=vectors)

    def sequences(self, tables: list[Table]) -> dict[str, int]:
        """The last number that each table's sequence gave, by table; those that gave none are left out."""
        return {
            table.name: last for table in tables if table.sequence and (last := self._last(table.sequence))
        }

    def rows(self, table: Table) -> Iterator[bytes]:
        """Every row as a line of COPY's text format, in no order."""
        if table.guarded and not table.across:
            for workspace_id in self._workspaces:
                self._become("backscroll_app", workspace_id)
                where = sql.SQL(" where workspace_id = {}").format(workspace_id)
                yield from self._copy(table, where)
        else:
            if table.guarded:
                self._become("backscroll_system")
            yield from self._copy(table, sql.SQL(""))
        self._conn.execute("reset role")

    def _copy(self, table: Table, where: sql.Composable) -> Iterator[bytes]:
        statement = sql.SQL("copy (select {} from {}{}) to stdout").format(
            columns_of(table.columns), sql.Identifier(table.name), where
        )
        with self._conn.cursor().copy(statement) as copy:
            for row in copy:
                yield bytes(row)

    def _become(self, role: str, workspace_id: int = 0) -> None:
        setting = f"set local backscroll.workspace = '{int(workspace_id)}'"
        self._conn.execute(sql.SQL("set local role {}; ").format(sql.Identifier(role)) + sql.SQL(setting))

    def _last(self, sequence: str) -> int | None:
        row = self._conn.execute(
            sql.SQL("select case when is_called then last_value end as last from {}").format(
                qualified(sequence)
            )
        ).fetchone()
        return row["last"] if row else None


@contextmanager
def moment(url: str) -> Iterator[Source]:
    """The database as it is now, for as long as the block lasts. Errors: `DatabaseUnavailable`."""
    with connected(url) as conn:
        conn.execute(SQL["begin"])
        yield Source(conn)


def record(url: str, action: audit.Action) -> None:
    """Leave a line in the audit log, where the database is new enough to have one."""
    with connected(url) as conn, conn.transaction():
        if one(conn, SQL["has_audit"])["there"]:
            conn.execute("set local role backscroll_app")
            conn.execute(f"set local backscroll.workspace = '{audit.OF_NO_WORKSPACE}'")
            conn.execute(audit.SQL["record"], line(action))


def line(action: audit.Action) -> dict[str, object]:
    """Of the operator; a backup is of all, and has no number."""
    return {
        "workspace_id": audit.OF_NO_WORKSPACE,
        "user_id": None,
        "key_id": None,
        "action": action,
        "subject_kind": action.partition(".")[0],
        "subject_id": 0,
        "detail": "",
    }


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """As the owner, in autocommit."""
    with migrations.connect(url) as plain:
        plain.execute("set application_name = 'backup of backscroll'")
        conn: psycopg.Connection[dict[str, Any]] = plain  # type: ignore[assignment]
        conn.row_factory = dict_row
        yield conn


def tables(conn: psycopg.Connection[dict[str, Any]], *, vectors: bool = True) -> list[Table]:
    left_out = [*LEFT_OUT, *([] if vectors else VECTORS)]
    return [Table(**row) for row in conn.execute(SQL["tables"], {"left_out": left_out})]


def migrations_of(conn: psycopg.Connection[dict[str, Any]]) -> dict[str, str]:
    """The migrations that a database has: name to hash, in order."""
    rows = conn.execute(migrations.SQL["applied"]).fetchall()
    return {row["name"]: row["sha256"] for row in sorted(rows, key=lambda row: str(row["name"]))}


def one(
    conn: psycopg.Connection[dict[str, Any]], statement: LiteralString, **params: object
) -> dict[str, Any]:
    row = conn.execute(statement, params).fetchone()
    assert row is not None
    return row


def columns_of(names: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def qualified(name: str) -> sql.Identifier:
    """
    >>> qualified("public.users_id_seq").as_string(None)
    '"public"."users_id_seq"'
    """
    return sql.Identifier(*name.split("."))
