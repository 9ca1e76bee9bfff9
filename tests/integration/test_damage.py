"""Damage: the doctor names each kind, and what is derived comes back, by itself or by `doctor --repair`."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from jobs_bench import SOON_S, Bench, many

from indexing.fulltext import IndexDamaged, open_reader
from indexing.model import Query, Term
from service.jobs import doctor, marker
from service.jobs.doctor.finding import Finding
from service.jobs.index_words import index_words
from service.jobs.split_messages import split_messages
from service.live.tasks import cancelled
from service.settings import Settings
from service.storage import embeddings
from service.worker import kept_running

MESSAGES = 3
TEXT = "a porcupine in the larder"


@pytest.fixture
async def bench(database_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    """With three messages that are in both indexes, and nobody who follows any more."""
    async with Bench.opened(database_url, tmp_path / "text-index") as bench:
        await bench.as_owner(
            "insert into embedding_models (name, dimension, status) values ('m', 2, 'active')",
            "create index embeddings_hnsw_1 on embeddings using hnsw ((embedding::halfvec(2)) halfvec_ip_ops) where model_id = 1",
        )
        await bench.put(*many(MESSAGES, TEXT))
        await follow(bench, lambda: found(bench.directory) == MESSAGES)
        yield bench


def found(directory: Path, word: str = "porcupine") -> int:
    """How many messages the text index finds; -1: it cannot be read."""
    try:
        hits = open_reader(directory).search(1, Query(text=word, terms=(Term(word),)), limit=10)
        return sum(hit.unit == "message" for hit in hits)
    except (IndexDamaged, FileNotFoundError):
        return -1


async def follow(bench: Bench, good: Callable[[], bool]) -> None:
    """Both followers run until something is so and both have seen all that there is."""
    queued = asyncio.Event()
    work = (
        index_words(bench.db, bench.feed, bench.directory),
        split_messages(bench.db, bench.url, bench.feed, queued),
    )
    tasks = [asyncio.create_task(each) for each in work]
    try:
        async with asyncio.timeout(SOON_S):
            while not (await split(bench) == MESSAGES and good()):
                assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            await cancelled(task)


async def split(bench: Bench) -> int:
    async with bench.db.workspace(bench.workspace_id) as conn:
        rows = await (await conn.execute("select distinct message_id from passages")).fetchall()
    return len(rows)


def settings(bench: Bench) -> Settings:
    return Settings(home=bench.directory.parent, database_url=bench.url, embedding_model="none")


async def said(bench: Bench, check: str) -> Finding:
    """What the doctor says of one thing."""
    [finding] = [each for each in await doctor.examine(settings(bench)) if each.check == check]
    return finding


def files(directory: Path) -> list[Path]:
    """Of the current generation, those that tantivy reads."""
    generation = directory / (directory / "CURRENT").read_text()
    return [
        file
        for file in sorted(generation.iterdir())
        if not file.name.startswith(".") and file.name != ".managed.json"
    ]


def shorten(directory: Path) -> None:
    for file in files(directory):
        file.write_bytes(file.read_bytes()[:-10])


def flip(directory: Path) -> None:
    [file] = [each for each in files(directory) if each.suffix == ".term"][:1]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def without_meta(directory: Path) -> None:
    (directory / (directory / "CURRENT").read_text() / "meta.json").unlink()


def without_generation(directory: Path) -> None:
    shutil.rmtree(directory / (directory / "CURRENT").read_text())


@pytest.mark.parametrize("harm", [shorten, flip, without_meta, without_generation])
async def test_it_names_and_mends_a_torn_text_index(bench: Bench, harm: Callable[[Path], None]) -> None:
    """Files cut short, a bit turned, meta.json or all files gone: it fails, `--repair` asks for another, and the next worker makes it."""
    harm(bench.directory)
    finding = await said(bench, "text index")
    assert (finding.state, finding.found) == ("fail", "damaged")
    assert "doctor --repair" in finding.advice
    await doctor.repair(settings(bench))
    assert marker.read(bench.directory) is not None
    await follow(bench, lambda: found(bench.directory) == MESSAGES and marker.read(bench.directory) is None)
    assert (await said(bench, "text index")).state == "ok"


@pytest.mark.parametrize("content", ["", "nonsense", "1-gone"])
async def test_it_begins_again_when_nothing_is_current(bench: Bench, content: str) -> None:
    """CURRENT is empty, makes no sense, or names what is not there: the next worker builds the index from the tables."""
    (bench.directory / "CURRENT").write_text(content)
    assert (await said(bench, "text index")).state in ("warn", "fail")
    await follow(bench, lambda: found(bench.directory) == MESSAGES)


async def test_it_builds_a_lost_text_index_anew(bench: Bench) -> None:
    """The directory is gone: the doctor says so, and the next worker brings all words back."""
    shutil.rmtree(bench.directory)
    assert (await said(bench, "text index")).found == "there is none yet"
    await follow(bench, lambda: found(bench.directory) == MESSAGES)


async def test_it_misses_its_directory_while_it_runs(bench: Bench) -> None:
    """Somebody deletes the directory under a running worker: it fails at its next commit, and begins again."""

    part = kept_running("index_words", lambda: index_words(bench.db, bench.feed, bench.directory))
    task = asyncio.create_task(part)
    async with asyncio.timeout(SOON_S):
        while found(bench.directory) != MESSAGES:
            await bench.db.token()
        shutil.rmtree(bench.directory)
        await bench.put(*many(1, "another porcupine", first=MESSAGES))
        while found(bench.directory) != MESSAGES + 1:
            await bench.db.token()
    await cancelled(task)


async def test_it_compares_with_the_tables_when_its_cursor_is_of_another_past(bench: Bench) -> None:
    """An index of another epoch is named; the next worker takes what this database has, and lets go what it has not."""
    await bench.as_owner(
        "update instance set restore_count = restore_count + 1",
        "set backscroll.workspace = '1'; delete from messages where external_id = 'm0'",
    )
    async with bench.restarted() as later:
        assert "of another database" in (await said(later, "text index")).found
        await bench.put(*many(1, TEXT, first=MESSAGES))
        await follow(later, lambda: found(bench.directory) == MESSAGES)


async def test_it_does_without_cursors(bench: Bench) -> None:
    """All followers' places are lost: everything is looked at again, and nothing doubled."""
    await bench.as_owner("delete from cursors")
    await bench.put(*many(MESSAGES, TEXT))
    await follow(bench, lambda: found(bench.directory) == MESSAGES)
    assert (await said(bench, "change log")).state == "ok"


ROWS = [
    pytest.param(
        "vectors",
        "delete from embedding_queue",
        "3 texts have none",
        id="no vector and no place in the queue",
    ),
    pytest.param(
        "vectors",
        "insert into embeddings values (1, 1, sha256('x'), '[1,0]')",
        "1 vectors are left over",
        id="a vector of nothing",
    ),
    pytest.param(
        "passages", "delete from passages", "3 messages are not found by their meaning", id="no passages"
    ),
    pytest.param("counts", "update sessions set message_count = 9", "of 1 sessions", id="a wrong count"),
]


@pytest.mark.parametrize(("check", "harm", "found"), ROWS)
async def test_it_names_and_mends_rows_that_do_not_agree(
    bench: Bench, check: str, harm: str, found: str
) -> None:
    """What hangs together no more is counted and named, and put right by `--repair`."""
    assert (await said(bench, check)).state == "ok"
    await bench.as_owner("set backscroll.workspace = '1'", harm)
    finding = await said(bench, check)
    assert (finding.state, found in finding.found) == ("warn", True), finding.found
    await doctor.repair(settings(bench))
    assert (await said(bench, check)).state == "ok"
    async with bench.db.system() as conn:
        assert await embeddings.waiting_of_model(conn, 1) == MESSAGES


SCHEMA = [
    pytest.param(
        "row security",
        "alter table parts no force row level security",
        "fail",
        "parts",
        id="no row-level security",
    ),
    pytest.param(
        "vector index",
        "drop index embeddings_hnsw_1",
        "warn",
        "embeddings_hnsw_1 is not there",
        id="no vector index",
    ),
    pytest.param(
        "migrations",
        "update migrations set sha256 = 'x' where name like '0003%'",
        "fail",
        "0003_sessions",
        id="another schema",
    ),
    pytest.param(
        "migrations",
        "delete from migrations where name like '0009%'",
        "fail",
        "not applied: 0009",
        id="an older schema",
    ),
]


@pytest.mark.parametrize(("check", "harm", "state", "found"), SCHEMA)
async def test_it_names_a_schema_that_is_not_ours(
    bench: Bench, check: str, harm: str, state: str, found: str
) -> None:
    """Guards, indexes and migrations that are not as they should be are named."""
    await bench.as_owner(harm)
    finding = await said(bench, check)
    assert (finding.state, found in finding.found) == (state, True), finding.found


async def test_it_makes_partitions_that_are_missing(bench: Bench) -> None:
    """A change log without days ahead is named, and `--repair` makes them."""
    async with bench.db.system() as conn:
        rows = await (
            await conn.execute(
                "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'change_log'::regclass"
            )
        ).fetchall()
    await bench.as_owner(*(f"drop table {row['name']}" for row in rows if row["name"] != "change_log_rest"))
    assert (await said(bench, "partitions")).state == "warn"
    await doctor.repair(settings(bench))
    assert (await said(bench, "partitions")).state == "ok"
