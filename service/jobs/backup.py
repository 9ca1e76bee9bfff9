"""backup and restore: all that cannot be made again, in one file, and back into an empty database.

Rule: a backup disturbs nobody and is of one moment. A restore writes nothing until the file is known to be whole and
of a schema that we know and the database is known to be empty; then it is one transaction.
What follows the tables is not in the file: the worker builds it again, because it finds another epoch.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from service.errors import Conflict
from service.jobs import archive
from service.jobs.archive import BackupError, Manifest, Member, Report
from service.postgres import EmbeddedPostgres, hold
from service.settings import Settings
from service.storage import backup as tables
from service.storage import restore as places
from service.storage.migrations import known, migrate

SHOWN_EVERY = 1_000
"""Rows."""


def backup(
    url: str, path: Path, *, vectors: bool = True, replace: bool = False, report: Report = lambda *_: None
) -> Manifest:
    """Write the database into a file while everything goes on; what the file holds.

    Errors: `Conflict` when the file is there, `BackupError` when it cannot be written, `DatabaseUnavailable`.
    """
    with archive.new_file(path, replace=replace) as file, tables.moment(url) as source:
        wanted = source.tables(vectors=vectors)
        last_ids = source.sequences(wanted)
        total, members, done = sum(table.estimate for table in wanted), list[Member](), 0
        for table in wanted:
            rows = counted(source.rows(table), report, "saving", done, total)
            count, sha256 = archive.add(file, f"tables/{table.name}.zst", rows)
            members.append(Member(table.name, table.columns, count, sha256, last_ids.get(table.name)))
            done += count
        manifest = Manifest(
            version=version("backscroll"),
            postgres=source.instance["postgres"],
            created_at=round(datetime.now(UTC).timestamp() * 1000),
            system_identifier=source.instance["system_identifier"],
            restore_count=source.instance["restore_count"],
            migrations=source.migrations,
            members=members,
        )
        file.writestr(archive.MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    tables.record(url, "backup.create")
    report("saving", done, done)
    return manifest


def restore(
    settings: Settings, path: Path, *, force: bool = False, report: Report = lambda *_: None
) -> Manifest:
    """Fill an empty home or database from a file; with `force` one that has data is emptied first.

    Errors: `BackupError` for a file that is not whole or too new, `Conflict` for a database that has data or is in
    use, `AlreadyRunning` where `serve` runs; nothing is written then.
    """
    with archive.whole_file(path, report) as (file, manifest):
        check_schema(manifest, path)
        with database(settings) as url:
            restore_into(url, file, manifest, force=force, report=report)
    return manifest


def restore_into(url: str, file: zipfile.ZipFile, manifest: Manifest, *, force: bool, report: Report) -> None:
    if not force and places.holds_data(url):
        raise Conflict(
            "This database has data: restore into an empty one, or say --force to delete all that it has first."
        )
    migrate(url)
    done = 0
    with places.filling(url) as target:
        wanted = [(member, target.table(member.table, member.columns)) for member in manifest.members]
        for member, table in wanted:
            pieces = told(archive.unpacked(file, member), report, done, manifest.rows)
            if target.fill(table, member.columns, pieces) != member.rows:
                raise BackupError(f"The backup has not all rows of `{member.table}`: nothing was restored.")
            done += member.rows
            if member.last_id is not None:
                target.go_on_counting(table, member.last_id)
        target.finish(manifest.restore_count)
    report("restoring", done, done)


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of the setting, or of the home's Postgres, which runs while the block lasts. Errors: `AlreadyRunning`."""
    if settings.database_url:
        yield settings.database_url
        return
    with hold(settings.home), EmbeddedPostgres.start(settings.home) as server:
        yield server.url


def check_schema(manifest: Manifest, path: Path) -> None:
    """Errors: `BackupError` when the file has a migration that this program does not know."""
    ours = {migration.name: migration.sha256 for migration in known()}
    for name, sha256 in manifest.migrations.items():
        if ours.get(name) != sha256:
            raise BackupError(
                f"{path} was written by another version of Backscroll ({manifest.version}; it has {name}, which is not known "
                "here): restore it with that version. Nothing was restored."
            )


def counted(rows: Iterable[bytes], report: Report, step: str, done: int, total: int) -> Iterator[bytes]:
    for number, row in enumerate(rows, start=1):
        yield row
        if number % SHOWN_EVERY == 0:
            report(step, done + number, max(total, done + number))


def told(pieces: Iterable[bytes], report: Report, done: int, total: int) -> Iterator[bytes]:
    """A row is a line: COPY writes the newlines of values as `\\n`."""
    for piece in pieces:
        yield piece
        done += piece.count(b"\n")
        report("restoring", done, total)
