"""What tests share: the embedded Postgres of both versions, and a fresh database with our schema for each test.

One server of each version runs for the whole session, started when a test first asks for it. The migrations
run once a server, into a template, and each test gets a copy.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from indexing.fulltext import TantivyReader, TantivyWriter, open_reader, open_writer
from service.postgres import EmbeddedPostgres
from service.storage.database import Database, open_database
from service.storage.migrations import migrate

TEMPLATE = "template_migrated"
NOTHING_TO_LOSE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "128MB",
}
numbers = itertools.count()


@pytest.fixture
def database_url(template_18: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a new database on Postgres 18 with our schema and nothing in it; dropped after the test."""
    with new_database(template_18) as url:
        yield url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """That database, open."""
    opened = await open_database(database_url, pool_size=4)
    yield opened
    await opened.close()


@pytest.fixture(params=[16, 18], ids=["postgres16", "postgres18"])
def any_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """As `database_url`, on each Postgres that we support."""
    with new_database(request.getfixturevalue(f"template_{request.param}")) as url:
        yield url


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that does not exist yet, in a short directory that the system user of `serve` as root can enter."""
    with enterable_directory() as directory:
        yield directory / "home"
        elsewhere = directory / "home" / "postgres"
        if elsewhere.is_symlink():
            shutil.rmtree(elsewhere.resolve())


@pytest.fixture(scope="session")
def postgres_18() -> Iterator[EmbeddedPostgres]:
    with (
        enterable_directory() as directory,
        EmbeddedPostgres.start(directory, overrides=NOTHING_TO_LOSE) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def postgres_16() -> Iterator[EmbeddedPostgres]:
    with (
        enterable_directory() as directory,
        EmbeddedPostgres.start(directory, major=16, overrides=NOTHING_TO_LOSE) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def template_18(postgres_18: EmbeddedPostgres) -> EmbeddedPostgres:
    """Postgres 18 with the template that `new_database` copies."""
    return with_template(postgres_18)


@pytest.fixture(scope="session")
def template_16(postgres_16: EmbeddedPostgres) -> EmbeddedPostgres:
    """Postgres 16 with the template that `new_database` copies."""
    return with_template(postgres_16)


def with_template(server: EmbeddedPostgres) -> EmbeddedPostgres:
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {TEMPLATE}")
    migrate(make_conninfo(server.url, dbname=TEMPLATE))
    return server


@contextmanager
def new_database(server: EmbeddedPostgres) -> Iterator[str]:
    name = f"test_{next(numbers)}"
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {name} template {TEMPLATE} strategy file_copy")
        try:
            yield server.url.replace("@/backscroll?", f"@/{name}?")
        finally:
            conn.execute(f"drop database {name} with (force)")


@contextmanager
def enterable_directory() -> Iterator[Path]:
    # pytest's own tmp_path lies below a directory that is closed to other users, also to the system user.
    with tempfile.TemporaryDirectory(prefix="backscroll-test-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[TantivyWriter]:
    """A text index of the test's own, to write."""
    opened = open_writer(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def reader(tmp_path: Path, writer: TantivyWriter) -> TantivyReader:
    """The same, to read."""
    return open_reader(tmp_path)
