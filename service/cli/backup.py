"""backup, restore: all of a service in one file, and back. And `workspace retention`: how long sessions are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli import people
from service.cli.flags import with_json, with_settings
from service.settings import Settings

if TYPE_CHECKING:
    from service.jobs.archive import Manifest

a_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command()
@a_file
@with_settings
@with_json
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--vectors/--no-vectors", default=True, help="With vectors, or have them computed again after a restore.")  # fmt: skip
def backup(settings: Settings, as_json: bool, file: Path, force: bool, vectors: bool) -> None:
    """Write all of a running service into one file, of one moment, that only you can read.

    \b
    backscroll backup ~/backscroll.backup
    """
    from service.cli import output, progress
    from service.jobs import backup as jobs
    from service.postgres import database_url

    with progress.shown(quiet=as_json) as report:
        made = jobs.backup(database_url(settings), file, vectors=vectors, replace=force, report=report)
    size = file.stat().st_size
    if as_json:
        output.print_json(counts(file, made) | {"bytes": size})
    else:
        click.echo(f"Wrote {file}: {said(made)}, {size / 1e6:,.1f} MB.")


@click.command()
@a_file
@with_settings
@with_json
@click.option("--force", is_flag=True, help="Delete first all that the database has.")
def restore(settings: Settings, as_json: bool, file: Path, force: bool) -> None:
    """Fill an empty home or database from a backup; nothing of Backscroll may run on it meanwhile.

    Keys open what they opened; indexes are built again by the next start.

    \b
    backscroll restore ~/backscroll.backup --home ~/restored
    """
    from service.cli import output, progress
    from service.jobs import backup as jobs

    with progress.shown(quiet=as_json) as report:
        done = jobs.restore(settings, file, force=force, report=report)
    if as_json:
        output.print_json(counts(file, done))
    else:
        click.echo(f"Restored {said(done)}. `backscroll serve` builds the text index from them.")


def counts(file: Path, manifest: Manifest) -> dict[str, object]:
    rows = {member.table: member.rows for member in manifest.members}
    return {"file": str(file), "createdAt": manifest.created_at, "rows": rows}


def said(manifest: Manifest) -> str:
    rows = {member.table: member.rows for member in manifest.members}
    return ", ".join(f"{rows.get(table, 0):,} {table}" for table in ("workspaces", "sessions", "messages"))


@people.workspace.command("retention")
@click.argument("name")
@with_settings
@with_json
@click.option(
    "--days", help="Delete sessions so many days after their last activity; `off` keeps them for good."
)
def retention(settings: Settings, as_json: bool, name: str, days: str | None) -> None:
    """Say how long a workspace keeps its sessions, or show it. What is deleted stays deleted.

    \b
    backscroll workspace retention team --days 365
    """
    from service.jobs import retention as jobs

    kept = people.ask(settings, lambda db: jobs.keep(db, name, days))
    sentence = (
        f"keeps sessions for {kept.days} days after their last activity"
        if kept.days
        else "keeps its sessions for good"
    )
    people.tell(kept, as_json, f"{kept.workspace} {sentence}.")


VERBS = (backup, restore)
