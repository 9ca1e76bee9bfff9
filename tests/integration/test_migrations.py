"""The runner of migrations: each once, in order, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from service.errors import DatabaseUnavailable, MigrationError
from service.postgres import EmbeddedPostgres
from service.storage import migrations
from service.storage.migrations import Migration, migrate, status


@pytest.fixture
def empty_url(postgres_18: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a database without our schema; dropped after the test."""
    with psycopg.connect(postgres_18.url, autocommit=True) as conn:
        conn.execute("create database empty_one")
        yield make_conninfo(postgres_18.url, dbname="empty_one")
        conn.execute("drop database empty_one with (force)")


def test_it_applies_each_once_in_order(empty_url: str) -> None:
    """All of them the first time, in the order of their numbers; none the second; `status` tells before and after."""
    assert not any(each.applied for each in status(empty_url))
    names = migrate(empty_url)
    assert names == sorted(names) == [each.name for each in status(empty_url)]
    assert all(each.applied for each in status(empty_url))
    assert migrate(empty_url) == []


def test_it_lets_processes_that_start_together_take_turns(empty_url: str) -> None:
    """Four at once: one does the work, the others wait for it and find nothing left."""
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(migrate, [empty_url] * 4))
    assert sorted(map(len, done)) == [0, 0, 0, len(status(empty_url))]


def test_it_refuses_a_migration_that_changed(database_url: str) -> None:
    """A file that is not what was applied is named, and nothing is run."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("update migrations set sha256 = 'another' where name like '0002%'")
    assert [each.name[:4] for each in status(database_url) if each.changed] == ["0002"]
    with pytest.raises(MigrationError, match="0002_people was changed after it was applied"):
        migrate(database_url)


def test_it_refuses_a_database_of_a_newer_program(database_url: str) -> None:
    """An applied migration that is not known here: the error names it and says which program to install."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("insert into migrations (name, sha256) values ('9999_future', 'x')")
    with pytest.raises(MigrationError, match=r"newer than this program.*9999_future"):
        migrate(database_url)


def test_it_leaves_nothing_of_one_that_fails(database_url: str) -> None:
    """A migration is a transaction: what it did before its fault is undone, and it is not written down."""
    broken = Migration("0999_broken", "x", "create table half (n int); select 1 / 0;")
    with psycopg.connect(database_url, autocommit=True) as conn:
        with pytest.raises(MigrationError, match="0999_broken failed"):
            migrations.apply(conn, broken)
        assert conn.execute("select to_regclass('half')").fetchone() == (None,)
        assert "0999_broken" not in migrations.applied(conn)


def test_it_says_when_no_server_answers(database_url: str) -> None:
    """No server is not a failed migration."""
    with pytest.raises(DatabaseUnavailable):
        migrate(make_conninfo(database_url, host="/nowhere"))


def test_it_waits_for_no_table_for_long(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody holds a table, a migration of it gives up, says so and changes nothing; those behind it go on."""
    monkeypatch.setattr(migrations, "SQL", {**migrations.SQL, "impatient": "set local lock_timeout = '20ms'"})
    adding = Migration("0999_more", "x", "alter table sessions add column more int")
    with psycopg.connect(database_url) as busy, psycopg.connect(database_url, autocommit=True) as conn:
        busy.execute("select from sessions")
        with pytest.raises(MigrationError, match=r"0999_more waited .* nothing was changed"):
            migrations.apply(conn, adding)
        busy.rollback()
        migrations.apply(conn, adding)


def test_it_tells_whether_program_and_database_belong_together(empty_url: str) -> None:
    """`check` refuses a database without our schema and one of a newer program, and takes one that is up to date."""
    with pytest.raises(MigrationError, match=r"older than this program .*backscroll migrate"):
        migrations.check(empty_url)
    migrate(empty_url)
    migrations.check(empty_url)
    with psycopg.connect(empty_url, autocommit=True) as conn:
        conn.execute("insert into migrations (name, sha256) values ('9999_future', 'x')")
    with pytest.raises(MigrationError, match="newer than this program"):
        migrations.check(empty_url)
