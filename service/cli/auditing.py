"""audit: who did what. On the database itself, so it needs no key."""

from __future__ import annotations

import click

from service.cli.flags import with_json, with_settings
from service.settings import Settings


@click.command()
@with_settings
@with_json
@click.option("--workspace", help="Only of this one, by its name.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many.")
def audit(settings: Settings, as_json: bool, workspace: str | None, limit: int) -> None:
    """Show who made, changed, shared or deleted what, the newest first.

    Acts on workspaces, users, members, keys, sessions, messages and backups; `operator` is whoever used this
    command line at the database.

    \b
    backscroll audit --workspace team --limit 20
    """
    from service.cli import output
    from service.cli.people import ask, plain
    from service.jobs import people

    lines = ask(settings, lambda db: people.acts(db, workspace=workspace, limit=limit))
    if as_json:
        output.print_json({"lines": plain(lines)})
        return
    rows = [
        (
            f"{line.at.astimezone():%Y-%m-%d %H:%M:%S}",
            line.workspace or line.workspace_id or "",
            line.actor,
            line.action,
            f"{line.subject_kind} {line.subject_id}",
            line.detail,
        )
        for line in lines
    ]
    output.print_table(["when", "workspace", "who", "did", "to", "detail"], rows, cut=["workspace", "who"])


VERBS = (audit,)
