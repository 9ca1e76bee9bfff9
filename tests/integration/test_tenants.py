"""The database keeps tenants apart: every table, with no help from any WHERE.

Two workspaces are planted with rows in every table; the tables come from the catalog, so that a new one fails
here until it has a policy and rows in `plant`. All of it on Postgres 16 and 18, with a superuser as the owner
and with one who may only make roles.
"""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from planted import House, owner_column, plant, tables
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from indexing.model import Filter
from service.errors import MigrationError
from service.jobs import rollup
from service.postgres import EmbeddedPostgres, binaries
from service.storage import change_log, embeddings, people, sessions
from service.storage.database import open_database
from service.storage.migrations import migrate
from service.storage.neighbours import PostgresNeighbours
from service.storage.vectors import PostgresVectors

numbers = itertools.count()

SYSTEM_MAY = {
    "api_keys": "r",  # a key says which workspace it opens
    "audit_log": "rd",  # `backscroll audit`, retention
    "change_log": "r",  # the feed
    "change_log_floor": "rw",
    "cursors": "arwd",  # followers
    "embedding_models": "arwd",
    "embedding_queue": "r",  # which workspaces have texts that wait
    "instance": "r",  # the epoch of tokens
    "members": "r",
    "migrations": "r",  # an API notices that its database is newer
    "request_log": "rd",  # retention
    "sessions": "r",  # shared ones only, by policy: a page's slug says which
    "usage_marks": "r",  # which workspaces have usage to derive
    "users": "r",
    "workers": "arwd",  # they say that they live
    "workspaces": "r",
}
"""All rights of backscroll_system on tables: a append, r read, w write, d delete. A longer list needs a reason."""
HANGING = {
    "sessions", "session_tags", "messages", "parts", "message_records", "former_messages", "message_lines", "raw_chunks",
    "passages", "embeddings", "embedding_queue", "import_files", "session_totals", "usage_records",
    "message_tags", "label_history",
}  # fmt: skip
"""What goes with a session."""


@pytest.fixture(scope="module", params=["16", "18", "16-owner", "18-owner"])
def migrated_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with our schema, to be copied; `owner`: made by a role without the rights of a superuser."""
    major, _, owner = request.param.partition("-")
    server: EmbeddedPostgres = request.getfixturevalue(f"template_{major}")
    name = f"tenants_{next(numbers)}"
    with psycopg.connect(server.url, autocommit=True) as conn:
        if owner:
            make_owner(conn)
        conn.execute(f"create database {name} owner {'keeper' if owner else 'backscroll'}")
    yield migrated(server.url, name, user="keeper" if owner else "backscroll")
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)")


@pytest.fixture
def url(migrated_url: str) -> Iterator[str]:
    """A copy of it, of the same owner."""
    template = conninfo_to_dict(migrated_url)
    name = f"tenants_{next(numbers)}"
    admin = make_conninfo(migrated_url, user="backscroll", dbname="backscroll")
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"create database {name} template {template['dbname']} owner {template['user']}")
        try:
            yield migrated_url.replace(f"/{template['dbname']}?", f"/{name}?")
        finally:
            conn.execute(f"drop database {name} with (force)")


def make_owner(conn: psycopg.Connection) -> None:
    """A role that may make roles, and may become ours, which this server has already."""
    conn.execute("drop role if exists keeper")
    conn.execute("create role keeper login nosuperuser nobypassrls createrole")
    conn.execute("grant backscroll_app, backscroll_system to keeper with inherit false, set true")


def migrated(server_url: str, name: str, *, user: str) -> str:
    with psycopg.connect(server_url.replace("@/backscroll?", f"@/{name}?"), autocommit=True) as conn:
        conn.execute("create extension vector")  # the one thing that takes a superuser
    url = server_url.replace("backscroll@/backscroll?", f"{user}@/{name}?")
    assert migrate(url)
    return url


@pytest.fixture
async def house(url: str) -> AsyncIterator[House]:
    db = await open_database(url, pool_size=2)
    (a, ann), (b, bob) = [await people.create_workspace(db, name=name, user=name) for name in ("a", "b")]
    async with db.system() as conn:
        await conn.execute("insert into embedding_models (name, dimension, status) values ('m', 2, 'active')")
    await plant(db, a, ann)
    await plant(db, b, bob)
    yield House(db, url, a, b)
    await db.close()


def test_it_forces_a_policy_on_every_table(url: str) -> None:
    """Every tenant's table has row-level security, on for its owner too, and a policy for backscroll_app."""
    with psycopg.connect(url) as conn:
        secured = conn.execute(
            """select c.relname from pg_class c where c.relrowsecurity and c.relforcerowsecurity and exists (
                select from pg_policy p
                where p.polrelid = c.oid and p.polroles && array[0, 'backscroll_app'::regrole::oid])"""
        ).fetchall()
    assert set(tables(url)) == {row[0] for row in secured}


def test_it_lets_nobody_around_the_policies(url: str) -> None:
    """The roles cannot log in or bypass; partitions are out of their reach; no function or view runs as its owner."""
    with psycopg.connect(url) as conn:
        roles = conn.execute(
            """select rolsuper or rolbypassrls or rolcanlogin or rolcreaterole or rolcreatedb from pg_roles
            where rolname in ('backscroll_app', 'backscroll_system')"""
        ).fetchall()
        reachable = conn.execute(
            """select c.relname, r from pg_class c, unnest(array['backscroll_app', 'backscroll_system']) r
            where c.relispartition and c.relkind = 'r' and has_table_privilege(r, c.oid, 'select, insert, update, delete')"""
        ).fetchall()
        around = conn.execute(
            """select relname::text from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace
            union select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace"""
        ).fetchall()
    assert roles == [(False,), (False,)]
    assert reachable == around == []


def test_it_lets_the_system_read_only_what_it_must(url: str) -> None:
    """The rights of backscroll_system are a list that is checked, and RLS still stands between."""
    letters = {"a": "insert", "r": "select", "w": "update", "d": "delete"}
    with psycopg.connect(url) as conn:
        found = conn.execute(
            """select c.relname, string_agg(p.letter, '' order by p.ordinal) from pg_class c,
                unnest(%s::text[], %s::text[]) with ordinality as p (letter, privilege, ordinal)
            where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
                and has_table_privilege('backscroll_system', c.oid, p.privilege) group by 1""",
            [list(letters), list(letters.values())],
        ).fetchall()
    assert dict(found) == SYSTEM_MAY


async def test_it_shows_the_system_shared_sessions_only(house: House) -> None:
    """backscroll_system sees a session when its owner has shared it, and none before."""
    async with house.db.system() as conn:
        assert await (await conn.execute("select from sessions")).fetchall() == []
    await house.as_(house.a, "update sessions set is_public = true, slug = 'x' returning id")
    async with house.db.system() as conn:
        assert [
            row["workspace_id"] for row in await (await conn.execute("select * from sessions")).fetchall()
        ] == [house.a]


async def test_it_shows_a_workspace_its_own_rows_only(house: House) -> None:
    """`select` without any WHERE, from every table: rows of the workspace, and none of the other."""
    for table in tables(house.url):
        for mine in (house.a, house.b):
            rows = await house.as_(mine, f"select * from {table}")
            assert rows, f"{table} has no rows here: plant some, or this test proves nothing"
            if table == "users":
                assert [row["name"] for row in rows] == ["a" if mine == house.a else "b"]
            else:
                assert {row[owner_column(table)] for row in rows} == {mine}, table


async def test_it_shows_nothing_where_no_workspace_is_set(house: House) -> None:
    """Outside of a workspace's transaction, and in one of nobody's workspace: no rows."""
    async with house.db._pool.connection() as conn:
        for table in tables(house.url):
            assert await (await conn.execute(f"select from {table}")).fetchall() == [], table
    for table in tables(house.url):
        assert await house.as_(0, f"select from {table}") == [], table


async def test_it_forgets_the_workspace_with_the_transaction(house: House) -> None:
    """The connection goes back to the pool without its tenant, also after an error."""
    async with house.db._pool.connection() as conn:
        await conn.execute(f"begin; set local backscroll.workspace = '{house.a}'")
        assert len(await (await conn.execute("select from messages")).fetchall()) == 1
        with pytest.raises(psycopg.errors.DivisionByZero):
            await conn.execute("select 1 / 0")
        await conn.execute("rollback")
        assert await (await conn.execute("select from messages")).fetchall() == []
        role = await (await conn.execute("select current_user as name")).fetchone()
        assert role == {"name": "backscroll_app"}


async def test_it_refuses_to_write_into_another_workspace(house: House) -> None:
    """In every table: rows of b are not there to update or delete, and none can be moved or copied there."""
    for table in set(tables(house.url)) - {"users", "audit_log"}:
        column = owner_column(table)
        before = await house.as_(house.b, f"select * from {table}")
        for statement in (f"update {table} set {column} = {column}", f"delete from {table}"):
            assert (
                await house.as_(house.a, f"{statement} where {column} = %(b)s returning 1", b=house.b) == []
            ), table
        for statement in (f"update {table} set {column} = %(b)s", copy_statement(house.url, table)):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await house.as_(house.a, statement, b=house.b)
        assert await house.as_(house.b, f"select * from {table}") == before


def copy_statement(url: str, table: str) -> str:
    """An insert that copies a row of one's own under the workspace %(b)s."""
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            """select attname from pg_attribute where attrelid = %s::regclass and attnum > 0
            and not attisdropped and attgenerated = '' order by attnum""",
            [table],
        ).fetchall()
    names = [row[0] for row in rows]
    values = ["%(b)s::bigint" if name == owner_column(table) else name for name in names]
    return f"insert into {table} ({', '.join(names)}) overriding system value select {', '.join(values)} from {table} limit 1"


async def test_it_lets_nobody_touch_users(house: House) -> None:
    """A user belongs to no workspace: the app may add one and see its fellows, no more."""
    for statement in ("update users set name = 'x'", "delete from users"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await house.as_(house.a, f"{statement} returning id")


async def test_it_lets_nobody_touch_the_audit_log(house: House) -> None:
    """The app adds lines of its own workspace: none is changed, taken back, or written into another's."""
    for statement in (
        "update audit_log set user_id = 1",
        "delete from audit_log",
        copy_statement(house.url, "audit_log"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await house.as_(house.a, f"{statement} returning id", b=house.b)


@pytest.mark.parametrize("exact_scan_rows", [1000, 0], ids=["one by one", "by index"])
@pytest.mark.parametrize("careless", [False, True], ids=["as it is", "without its WHERE"])
async def test_it_finds_a_workspaces_own_vectors(
    house: House, monkeypatch: pytest.MonkeyPatch, exact_scan_rows: int, careless: bool
) -> None:
    """Both workspaces hold the same text and vector, and each finds its own message; also where no SQL asks whose it is."""
    mine, theirs = [(await house.as_(who, "select id from messages"))[0]["id"] for who in (house.a, house.b)]
    if careless:
        take_the_where_away(monkeypatch)
    vectors = PostgresVectors(house.db, exact_scan_rows=exact_scan_rows)
    hits = await vectors.search(house.a, np.array([1, 0], dtype=np.float32), Filter(), limit=10)
    assert [hit.id for hit in hits] == [mine]
    assert list(await PostgresNeighbours(house.db).of(house.a, [mine, theirs])) == [mine]


def take_the_where_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every statement that is run is told `true` where it asks for the workspace."""
    condition = re.compile(r"\b(?:\w+\.)?workspace_id = %\(workspace_id\)s")
    execute = psycopg.AsyncCursor.execute

    async def careless(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        return await execute(
            self, condition.sub("true", query) if isinstance(query, str) else query, params, **options
        )

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", careless)


async def test_it_deletes_all_that_hangs_on_a_session(house: House) -> None:
    """Cascades and triggers do their work under forced row security: nothing of the session stays but its tombstone."""
    async with house.db.system() as conn:
        cursor = await change_log.snapshot(conn)
    async with house.db.workspace(house.a) as conn:
        session = await sessions.find(conn, house.a, "s")
        assert session
        await sessions.delete(conn, house.a, [session["id"]])
    assert set(tables(house.url)) - await house.filled(house.a) == HANGING
    async with house.db.system() as conn:
        _, changes = await change_log.since(conn, cursor)
    assert {(change.workspace_id, change.tbl, change.op) for change in changes} >= {
        (house.a, "sessions", "D"),
        (house.a, "messages", "D"),
    }
    assert await house.filled(house.b) == set(tables(house.url))


async def test_it_deletes_all_that_hangs_on_a_workspace(house: House) -> None:
    """A workspace goes with everything in it; only the logs of changes and of acts still tell of it, by numbers, and marks
    of its hours, until the rollup has taken them."""
    await house.as_(house.a, "delete from workspaces returning id")
    assert await house.filled(house.a) == {"audit_log", "change_log", "usage_marks"}
    await rollup.roll_up_workspace(house.db, house.a)
    assert await house.filled(house.a) == {"audit_log", "change_log"}
    assert await house.filled(house.b) == set(tables(house.url))


async def test_it_takes_a_model_away_for_everybody(house: House) -> None:
    """The owner builds a model's index over all workspaces, and deletes all its vectors, although bound by the policies."""
    async with house.db.system() as conn:
        (old,) = await embeddings.models(conn)
        new = await embeddings.add_filling(conn, name="n", dimension=2)
    await embeddings.build_index(house.url, old)
    await embeddings.activate(house.db, new)
    await embeddings.delete_retired(house.url)
    for workspace_id in (house.a, house.b):
        assert set(tables(house.url)) - await house.filled(workspace_id) == {"embeddings", "embedding_queue"}


async def test_it_keeps_the_log_under_its_policies(house: House) -> None:
    """Partitions are made with the rows that came early, kept for a follower, dropped behind it; tenants stay apart."""
    now = datetime.now(UTC)
    async with house.db.system() as conn:
        before = await change_log.snapshot(conn)
        await change_log.move_cursor(conn, "follower", "3:3:")
        _, planted = await change_log.since(conn, "3:3:")
    made, dropped = change_log.keep_partitions(house.url, now=now, keep_hours=24)
    assert (len(made), dropped) == (8, [])
    later = now + timedelta(days=3)
    assert change_log.keep_partitions(house.url, now=later, keep_hours=24)[1] == made[1:2]
    async with house.db.system() as conn:
        assert len((await change_log.since(conn, "3:3:"))[1]) == len(planted)
        await change_log.move_cursor(conn, "follower", before)
    assert {row["workspace_id"] for row in await house.as_(house.a, "select * from change_log")} == {house.a}
    assert change_log.keep_partitions(house.url, now=later, keep_hours=24)[1] == made[:1]
    async with house.db.system() as conn:
        assert await change_log.is_too_short(conn, "3:3:")


async def test_it_is_dumped_whole_or_not_at_all(house: House) -> None:
    """Who is bound by the policies cannot dump a part for the whole; a role that bypasses them dumps both workspaces."""
    with psycopg.connect(house.url) as conn:
        owner = conn.info.user
    if owner == "keeper":
        assert dump(house.url).returncode != 0
    whole = dump(house.url.replace(f"{owner}@", "backscroll@"))
    assert whole.returncode == 0
    assert whole.stdout.count("\tuser\thello\t") == 2


def dump(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [binaries() / "pg_dump", "--data-only", url], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("major", [16, 18])
def test_it_migrates_a_new_server_without_a_superuser(home: Path, major: int) -> None:
    """A role that may make roles makes ours; without the extension or our roles, the error says what a superuser can do."""
    with EmbeddedPostgres.start(home, major=major, overrides={"fsync": "off"}) as server:
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute("create role keeper login nosuperuser createrole")
            conn.execute("create database theirs owner keeper")
        with pytest.raises(MigrationError, match="create extension vector"):
            migrate(server.url.replace("backscroll@/backscroll?", "keeper@/theirs?"))
        assert tables(migrated(server.url, "theirs", user="keeper"))
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute("create role second login nosuperuser createrole")
            conn.execute("create database others owner second")
        with pytest.raises(MigrationError, match="grant backscroll_app"):
            migrated(server.url, "others", user="second")
