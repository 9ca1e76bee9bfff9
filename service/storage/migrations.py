"""Migrations: numbered SQL files, each applied once, in order, in a transaction of its own.

What is applied stands in the table `migrations` by name and sha256: a file that changed afterwards is
refused, since the schema would no longer be the sum of the files. An advisory lock makes processes that
start together wait for the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

import msgspec
import psycopg

from service.errors import DatabaseUnavailable, MigrationError
from service.storage.database import UNAVAILABLE, Connection, is_loss, usable
from service.storage.queries import load

SQL = load("migrations")
LOCK = 0x6261636B73  # "backs": any constant, the same in every process
LONGEST_WAIT_S = 10
"""For a lock on a table, as migrations.sql says it."""
LEAST_POSTGRES = 160000
LEAST_VECTOR = (0, 8)


class Migration(msgspec.Struct, frozen=True):
    name: str
    sha256: str
    sql: str


class Status(msgspec.Struct, frozen=True):
    """One migration and whether this database has it; `changed`: it has, but from another text."""

    name: str
    applied: bool
    changed: bool = False


def migrate(url: str) -> list[str]:
    """Bring the database at `url` up to date; the names that were applied, in order.

    Errors: `MigrationError` for a changed or unknown migration, a server or pgvector that is too old, or a
    right that the URL's role lacks; `DatabaseUnavailable` when the server does not answer.
    """
    with connect(url) as conn:
        conn.execute(SQL["lock"], {"key": LOCK})
        try:
            check_server(conn)
            conn.execute(SQL["create_table"])
            pending = to_apply(known(), applied(conn))
            for migration in pending:
                apply(conn, migration)
        finally:
            conn.execute(SQL["unlock"], {"key": LOCK})
    return [migration.name for migration in pending]


def status(url: str) -> list[Status]:
    """Every known migration in order, and whether the database has it."""
    with connect(url) as conn:
        row = conn.execute(SQL["table_exists"]).fetchone()
        has = applied(conn) if row and row[0] else {}
    return [
        Status(m.name, applied=m.name in has, changed=m.name in has and has[m.name] != m.sha256)
        for m in known()
    ]


def check(url: str) -> None:
    """Whether this program and the database belong together.

    Errors: `MigrationError` when migrations wait, or when a newer program was here; `DatabaseUnavailable`.
    """
    with connect(url) as conn:
        row = conn.execute(SQL["table_exists"]).fetchone()
        waiting = to_apply(known(), applied(conn) if row and row[0] else {})
    if waiting:
        raise MigrationError(
            f"The database is older than this program (it lacks {waiting[0].name}): run `backscroll migrate` first."
        )


async def unknown(conn: Connection) -> list[str]:
    """Migrations that the database has and this program does not know: a newer one was here. `conn`: system."""
    rows = await (await conn.execute(SQL["applied"])).fetchall()
    return sorted({row["name"] for row in rows} - names())


@cache
def names() -> frozenset[str]:
    return frozenset(migration.name for migration in known())


def known() -> list[Migration]:
    """The migrations of this program, by number."""
    folder = files("migrations")
    names = sorted(
        entry.name for entry in folder.iterdir() if entry.name[:4].isdigit() and entry.name.endswith(".sql")
    )
    texts = [(name, folder.joinpath(name).read_bytes()) for name in names]
    return [
        Migration(name.removesuffix(".sql"), hashlib.sha256(text).hexdigest(), text.decode())
        for name, text in texts
    ]


def to_apply(known: list[Migration], applied: dict[str, str]) -> list[Migration]:
    """Those not applied yet. Errors: `MigrationError` when an applied one changed or is not known here.

    >>> to_apply([Migration("0001_a", "x", ""), Migration("0002_b", "y", "")], {"0001_a": "x"})[0].name
    '0002_b'
    """
    for migration in known:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            raise MigrationError(
                f"Migration {migration.name} was changed after it was applied: restore the file, and put the change into a new one."
            )
    if unknown := applied.keys() - {migration.name for migration in known}:
        raise MigrationError(
            f"The database is newer than this program (it has {max(unknown)}): install the version of Backscroll that wrote it."
        )
    return [migration for migration in known if migration.name not in applied]


def applied(conn: psycopg.Connection) -> dict[str, str]:
    return dict(conn.execute(SQL["applied"]).fetchall())


def apply(conn: psycopg.Connection, migration: Migration) -> None:
    """One file and its row, in one transaction."""
    try:
        with conn.transaction():
            conn.execute(SQL["impatient"])
            conn.execute(migration.sql)
            conn.execute(SQL["record"], {"name": migration.name, "sha256": migration.sha256})
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(
            f"Migration {migration.name} waited {LONGEST_WAIT_S} s for a table that somebody uses, while others waited "
            "behind it: nothing was changed; try again, or stop the service meanwhile."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError(
            f"Migration {migration.name} needs a right that the role of the database URL lacks. A superuser can help "
            "once with: create extension vector; and with: alter role <that role> createrole; (or, where another "
            "owner's database has made our roles: grant backscroll_app, backscroll_system to <that role>;)"
        ) from error
    except psycopg.Error as error:
        raise MigrationError(
            f"Migration {migration.name} failed: {error.diag.message_primary or error}"
        ) from error


def check_server(conn: psycopg.Connection) -> None:
    if conn.info.server_version < LEAST_POSTGRES:
        raise MigrationError(
            f"Backscroll needs Postgres 16 or newer; this server is {conn.info.server_version // 10000}."
        )
    row = conn.execute(SQL["vector_version"]).fetchone()
    if row is None:
        raise MigrationError(
            "This server has no pgvector: install its package (0.8 or newer), then start again."
        )
    if tuple(int(n) for n in row[0].split(".")[:2]) < LEAST_VECTOR:
        raise MigrationError(f"Backscroll needs pgvector 0.8 or newer; this server offers {row[0]}.")


@contextmanager
def connect(url: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(usable(url), autocommit=True, application_name="backscroll-migrate") as conn:
            yield conn
    except psycopg.OperationalError as error:
        if is_loss(error):
            raise DatabaseUnavailable(UNAVAILABLE) from error
        raise
