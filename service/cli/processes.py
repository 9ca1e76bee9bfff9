"""serve, api, worker, migrate: what runs."""

from __future__ import annotations

import click

from service.cli.flags import with_json, with_settings
from service.settings import Settings


@click.command("serve")
@with_settings
@click.option(
    "--with-sample", is_flag=True, help="Load the sample when there are no sessions yet, and show a search."
)
def serve_verb(settings: Settings, with_sample: bool) -> None:
    """Start everything that one machine needs, and keep it running.

    Postgres under the home (unless BACKSCROLL_DATABASE_URL names another), migrations, the worker and the API.
    Ctrl-C or SIGTERM stops it all within 10 seconds.

    \b
    backscroll serve
    backscroll serve --home ~/backscroll --port 9000
    """
    from service.cli import welcome
    from service.logs import configure
    from service.supervisor.serve import serve

    configure(settings.log_level)
    serve(settings, when_ready=welcome.with_sample if with_sample else welcome.tell)


@click.command()
@with_settings
@click.option("--fd", type=int, hidden=True, help="A socket that the parent bound.")
@click.option("--kept", is_flag=True, hidden=True, help="End when standard input closes.")
def api(settings: Settings, fd: int | None, kept: bool) -> None:
    """Run one API process on a database that is there already.

    For several processes or machines; `serve` starts one by itself.

    \b
    BACKSCROLL_DATABASE_URL=postgresql://db/backscroll backscroll api --host 0.0.0.0
    """
    import socket

    from service.supervisor import address
    from service.supervisor.children import end_with_parent
    from service.supervisor.processes import run_api

    if kept:
        end_with_parent()
    listener = socket.socket(fileno=fd) if fd is not None else address.take(settings.host, settings.port)
    run_api(settings, listener)


@click.command()
@with_settings
@click.option("--kept", is_flag=True, hidden=True, help="End when standard input closes.")
def worker(settings: Settings, kept: bool) -> None:
    """Run one worker on a database that is there already: it indexes what the API stores.

    \b
    BACKSCROLL_DATABASE_URL=postgresql://db/backscroll backscroll worker
    """
    from service.supervisor.children import end_with_parent
    from service.supervisor.processes import run_worker

    if kept:
        end_with_parent()
    run_worker(settings)


@click.command()
@with_settings
@with_json
@click.option("--status", is_flag=True, help="Only tell which migrations the database has.")
def migrate(settings: Settings, as_json: bool, status: bool) -> None:
    """Bring the database up to date; `serve` does so by itself.

    \b
    backscroll migrate --status
    BACKSCROLL_DATABASE_URL=postgresql://db/backscroll backscroll migrate
    """
    from service.cli import output
    from service.postgres import database_url
    from service.storage import migrations

    url = database_url(settings)
    applied = [] if status else migrations.migrate(url)
    found = migrations.status(url)
    if as_json:
        rows = [{"name": m.name, "applied": m.applied, "changed": m.changed} for m in found]
        output.print_json({"applied": applied, "migrations": rows})
        return
    words = {
        m.name: "changed afterwards" if m.changed else "applied" if m.applied else "waits" for m in found
    }
    words |= dict.fromkeys(applied, "applied now")
    output.print_table(["migration", "state"], list(words.items()))


VERBS = (serve_verb, api, worker, migrate)
