"""Backup and restore: what comes back is what was there, at once and whole, and nobody takes it for the past."""

from __future__ import annotations

import asyncio
import itertools
import threading
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import zstandard
from saved import DERIVED, MANY, acts, fill, place_of, rows, settings, write

from indexing.fulltext import open_reader
from indexing.model import Query, Term
from service.errors import BackscrollError, Conflict, RequestError
from service.jobs import archive
from service.jobs import backup as jobs
from service.jobs.archive import BackupError
from service.jobs.index_words import index_words
from service.jobs.split_messages import split_messages
from service.live.feed import Feed
from service.live.tasks import cancelled
from service.model import snapshot
from service.postgres import EmbeddedPostgres
from service.storage import people
from service.storage.database import Database, open_database
from service.storage.migrations import migrate

numbers = itertools.count()
SOON_S = 60.0


@pytest.fixture
def planted_url(database_url: str) -> str:
    """A database with two workspaces that have rows in every table, one with many messages, and ids that are gone."""
    asyncio.run(fill(database_url))
    return database_url


def test_it_brings_every_row_back(planted_url: str, any_database_url: str, tmp_path: Path) -> None:
    """From Postgres 18 into an empty database of each version, every table is the same row by row, and stays guarded."""
    file = tmp_path / "b"
    made = jobs.backup(planted_url, file)
    jobs.restore(settings(any_database_url, tmp_path), file)
    before = rows(planted_url)
    assert all(before.values())
    assert rows(any_database_url) == before
    assert {m.table: m.rows for m in made.members} == {name: len(found) for name, found in before.items()}
    assert guards(any_database_url) == guards(planted_url)
    assert (acts(planted_url), acts(any_database_url)) == (["backup.create"], ["backup.restore"])
    with psycopg.connect(any_database_url) as conn:
        for name in DERIVED:
            assert conn.execute(f"select from {name}").fetchall() == []


def test_it_brings_a_file_back_whose_passages_name_no_sessions(
    planted_url: str, any_database_url: str, tmp_path: Path
) -> None:
    """As files from before migration 13 are: each passage has its message's session again."""
    file, before = tmp_path / "b", rows(planted_url)
    with psycopg.connect(planted_url) as conn:
        conn.execute("alter table passages drop column session_id")
    jobs.backup(planted_url, file)
    jobs.restore(settings(any_database_url, tmp_path), file)
    assert before["passages"]
    assert rows(any_database_url)["passages"] == before["passages"]


def test_it_tells_nobody_what_cookies_are_sealed_with(
    planted_url: str, any_database_url: str, tmp_path: Path
) -> None:
    """The secret is no part of a backup, and a new one after a restore; workspaces cannot read it."""
    jobs.backup(planted_url, tmp_path / "b")
    secret = cookie_secret(planted_url)
    with zipfile.ZipFile(tmp_path / "b") as file:
        members = {name: file.read(name) for name in file.namelist()}
    tables = [
        zstandard.ZstdDecompressor().decompressobj().decompress(found)
        for name, found in members.items()
        if name.endswith(".zst")
    ]
    assert all(secret.hex().encode() not in text for text in [*tables, members["manifest.json"]])
    migrate(any_database_url)
    before = cookie_secret(any_database_url)
    jobs.restore(settings(any_database_url, tmp_path), tmp_path / "b")
    assert cookie_secret(any_database_url) not in (secret, before)
    with psycopg.connect(planted_url) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("set role backscroll_app").execute("select cookie_secret from instance")


def cookie_secret(url: str) -> bytes:
    with psycopg.connect(url) as conn:
        row = conn.execute("select cookie_secret from instance").fetchone()
    assert row is not None
    return bytes(row[0])


def guards(url: str) -> list[Any]:
    with psycopg.connect(url) as conn:
        forced = conn.execute(
            "select relname, relrowsecurity, relforcerowsecurity from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1"
        ).fetchall()
        triggers = conn.execute(
            "select tgrelid::regclass::text, tgname, tgenabled from pg_trigger where not tgisinternal order by 1, 2"
        ).fetchall()
    return [*forced, *triggers]


def test_it_is_of_one_moment_while_writes_go_on(planted_url: str, tmp_path: Path) -> None:
    """What commits during the backup is in it with all that belongs to it, or not at all: a restore breaks no key."""
    found = place_of(planted_url)
    stop = threading.Event()
    wrote = itertools.count()

    async def write_on() -> None:
        db = await open_database(planted_url, pool_size=2)
        while not stop.is_set():
            n = next(wrote)
            await write(db, found, [f"x{n}"], session=f"x{n}")
        await db.close()

    writing = threading.Thread(target=lambda: asyncio.run(write_on()))
    writing.start()
    try:
        made = jobs.backup(planted_url, tmp_path / "b")
    finally:
        stop.set()
        writing.join()
    assert next(wrote) > 0
    counts = {member.table: member.rows for member in made.members}
    assert jobs.restore(settings(planted_url, tmp_path), tmp_path / "b", force=True) == made
    assert {name: len(found) for name, found in rows(planted_url).items()} == counts


def test_it_needs_no_superuser(template_18: EmbeddedPostgres, planted_url: str, tmp_path: Path) -> None:
    """An owner to whom row-level security applies can restore and back up: all rows come through twice."""
    first, second = tmp_path / "first", tmp_path / "second"
    jobs.backup(planted_url, first)
    with owned(template_18) as (as_owner, as_superuser):
        jobs.restore(settings(as_owner, tmp_path), first)
        jobs.backup(as_owner, second)
        assert rows(as_superuser) == rows(planted_url)
    assert counted(second) == counted(first)


@contextmanager
def owned(server: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    """An empty database of a role without a superuser's rights: its URL as that role and as the superuser."""
    name = f"saved_{next(numbers)}"
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute("create role saver login nosuperuser nobypassrls createrole")
        conn.execute("grant backscroll_app, backscroll_system to saver with inherit false, set true")
        conn.execute(f"create database {name} owner saver")
        url = server.url.replace("@/backscroll?", f"@/{name}?")
        with psycopg.connect(url, autocommit=True) as inside:
            inside.execute("create extension vector")
        try:
            yield url.replace("backscroll@/", "saver@/"), url
        finally:
            conn.execute(f"drop database {name} with (force)")
            conn.execute("drop role saver")


def counted(file: Path) -> dict[str, int]:
    with archive.whole_file(file, lambda *_: None) as (_, manifest):
        return {member.table: member.rows for member in manifest.members if member.table != "audit_log"}


async def test_it_makes_a_new_past_that_followers_catch_up_with(planted_url: str, tmp_path: Path) -> None:
    """Restored into the very database: old tokens are refused, both followers compare, a search finds what came back and not what came after, and vectors stay."""
    db = await open_database(planted_url)
    found = place_of(planted_url)
    await asyncio.to_thread(jobs.backup, planted_url, tmp_path / "b")
    await write(db, found, ["late"], session="late")
    async with following(db, planted_url, tmp_path, lambda: hits(tmp_path, found[0], "late") > 0):
        pass
    token, vectors = await db.token(), len(rows(planted_url)["embeddings"])
    await db.close()

    await asyncio.to_thread(jobs.restore, settings(planted_url, tmp_path), tmp_path / "b", force=True)
    db = await open_database(planted_url)
    with pytest.raises(RequestError, match="of another database"):
        snapshot.parse_token(token, epoch=db.epoch)
    async with following(db, planted_url, tmp_path, lambda: hits(tmp_path, found[0], "late") == 0):
        assert hits(tmp_path, found[0], "porcupine") > 0
        assert len(rows(planted_url)["embeddings"]) == vectors
        await write(db, found, ["m0", "new"], session="many")
        async with asyncio.timeout(SOON_S):
            while hits(tmp_path, found[0], "new") == 0:
                await db.token()
    with psycopg.connect(planted_url) as conn:
        twice = conn.execute("select count(*) - count(distinct id), max(id) from messages").fetchone()
    assert twice == (0, MANY + 3)  # two planted, the many, and the new one
    await db.close()


@asynccontextmanager
async def following(db: Database, url: str, home: Path, good: Callable[[], bool]) -> AsyncIterator[None]:
    """Both followers run within the block, which begins when something is so."""
    feed = Feed(url)
    work = (
        feed.run(),
        index_words(db, feed, home / "text-index"),
        split_messages(db, url, feed, asyncio.Event()),
    )
    tasks = [asyncio.create_task(each) for each in work]
    try:
        async with asyncio.timeout(SOON_S):
            while not good():
                await db.token()
                for task in tasks:
                    assert not task.done(), task.exception()
        yield
    finally:
        for task in reversed(tasks):
            await cancelled(task)


def hits(home: Path, workspace_id: int, word: str) -> int:
    try:
        reader = open_reader(home / "text-index")
    except FileNotFoundError:
        return 0
    return len(reader.search(workspace_id, Query(text=word, terms=(Term(word),)), limit=10))


async def test_it_goes_on_counting_where_the_source_was(
    planted_url: str, any_database_url: str, tmp_path: Path
) -> None:
    """An id whose row was deleted before the backup is not given again, keys open, and a sync adds what is new only."""
    found = place_of(planted_url)
    with psycopg.connect(planted_url) as conn:
        conn.execute("delete from sessions where external_id = 'many'")
        last = conn.execute("select last_value from messages_id_seq").fetchone()
    assert last is not None
    source = await open_database(planted_url, pool_size=2)
    key = people.new_key()
    async with source.workspace(found[0]) as mine:
        await people.create_key(mine, *found, key=key)
    await source.close()
    await asyncio.to_thread(jobs.backup, planted_url, tmp_path / "b")
    await asyncio.to_thread(jobs.restore, settings(any_database_url, tmp_path), tmp_path / "b")
    db = await open_database(any_database_url, pool_size=2)
    async with db.system() as system:
        assert await people.caller(system, key) is not None
    await write(db, found, ["m", "after"], session="s")
    async with db.workspace(found[0]) as mine:
        ids = await (
            await mine.execute("select id from messages where external_id in ('m', 'after') order by id")
        ).fetchall()
    assert len(ids) == 2
    assert ids[1]["id"] > last[0]
    await db.close()


@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_it_refuses_a_file_with_one_byte_changed(
    planted_url: str, database_url: str, tmp_path: Path, place: float
) -> None:
    """Anywhere: one sentence, and the database keeps what it has, even where it was to be emptied."""
    file = tmp_path / "b"
    jobs.backup(planted_url, file)
    data = bytearray(file.read_bytes())
    data[round(place * (len(data) - 1))] ^= 1
    file.write_bytes(data)
    refused(database_url, file, tmp_path, BackupError)


@pytest.mark.parametrize("size", [0, 3, 64, -1, -70, 0.5])
def test_it_refuses_a_torn_file(planted_url: str, tmp_path: Path, size: float) -> None:
    """Cut at any length, and a file that is none."""
    file = tmp_path / "b"
    jobs.backup(planted_url, file)
    data = file.read_bytes()
    file.write_bytes(data[: round(size * len(data)) if isinstance(size, float) else size])
    refused(planted_url, file, tmp_path, BackupError)
    refused(planted_url, tmp_path / "absent", tmp_path, BackupError)


def refused(url: str, file: Path, home: Path, error: type[BackscrollError], **more: Any) -> str:
    """What it says, when nothing was written."""
    before = rows(url), epoch(url)
    with pytest.raises(error) as caught:
        jobs.restore(settings(url, home), file, **{"force": True} | more)
    assert (rows(url), epoch(url)) == before
    text = str(caught.value)
    assert "\n" not in text
    return text


def epoch(url: str) -> Any:
    with psycopg.connect(url) as conn:
        return conn.execute(
            "select restore_count, (select dropped_xid::text from change_log_floor) from instance"
        ).fetchone()


def test_it_refuses_a_database_that_has_data_or_is_in_use(planted_url: str, tmp_path: Path) -> None:
    """Without --force what is there stays; with it too, as long as a service runs on it."""
    file = tmp_path / "b"
    jobs.backup(planted_url, file)
    assert "--force" in refused(planted_url, file, tmp_path, Conflict, force=False)
    with psycopg.connect(planted_url, application_name="backscroll"):
        assert "stop every" in refused(planted_url, file, tmp_path, Conflict)


def test_it_refuses_a_file_of_a_newer_schema(
    planted_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with a migration that is not known here names it, and nothing is written."""
    with psycopg.connect(planted_url) as conn:
        conn.execute("insert into migrations (name, sha256) values ('0999_later', 'x')")
    jobs.backup(planted_url, tmp_path / "b")
    with psycopg.connect(planted_url) as conn:
        conn.execute("delete from migrations where name = '0999_later'")
    assert "0999_later" in refused(planted_url, tmp_path / "b", tmp_path, BackupError)


def test_it_undoes_a_restore_that_fails(planted_url: str, tmp_path: Path) -> None:
    """A file that is whole and holds what Postgres refuses: all is as before, guards too, and no row is quoted."""
    file = tmp_path / "b"
    with psycopg.connect(planted_url) as conn:
        conn.execute("alter table messages drop constraint messages_role_check")
        conn.execute("update messages set role = 'porcupine' where external_id = 'm7'")
    jobs.backup(planted_url, file)
    with psycopg.connect(planted_url) as conn:
        conn.execute("update messages set role = 'user' where role = 'porcupine'")
        conn.execute("alter table messages add constraint messages_role_check check (role <> 'porcupine')")
    before = guards(planted_url)
    assert "porcupine" not in refused(planted_url, file, tmp_path, BackscrollError)
    assert guards(planted_url) == before


def test_it_writes_a_private_file_in_one_move(planted_url: str, tmp_path: Path) -> None:
    """Mode 0600; a file that is there is replaced only with --force; what fails leaves nothing and the old file."""
    file = tmp_path / "b"
    jobs.backup(planted_url, file)
    assert file.stat().st_mode & 0o777 == 0o600
    first = file.read_bytes()
    with pytest.raises(Conflict, match="--force"):
        jobs.backup(planted_url, file)
    with pytest.raises(BackscrollError):
        jobs.backup(planted_url.replace("/test_", "/absent_"), file, replace=True)
    assert file.read_bytes() == first
    with pytest.raises(BackupError, match="cannot be written"):
        jobs.backup(planted_url, tmp_path / "absent" / "b")
    jobs.backup(planted_url, file, replace=True)
    assert [each.name for each in tmp_path.iterdir()] == ["b"]


def test_it_can_leave_vectors_out(planted_url: str, any_database_url: str, tmp_path: Path) -> None:
    """Then the worker computes them again; all else is there."""
    jobs.backup(planted_url, tmp_path / "b", vectors=False)
    jobs.restore(settings(any_database_url, tmp_path), tmp_path / "b")
    before, after = rows(planted_url), rows(any_database_url)
    assert {name for name in before if before[name] != after[name]} == {
        "embedding_models",
        "embeddings",
        "passages",
    }


def test_it_backs_up_every_table_or_says_why_not(database_url: str, tmp_path: Path) -> None:
    """A table that a later migration brings is in the file without anybody thinking of it."""
    from service.storage.backup import LEFT_OUT

    migrate(database_url)
    made = jobs.backup(database_url, tmp_path / "b")
    with psycopg.connect(database_url) as conn:
        there = conn.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition"
        ).fetchall()
    assert {name for (name,) in there} - set(LEFT_OUT) == {member.table for member in made.members}
