"""reindex, rollup, doctor, sample: upkeep."""

from __future__ import annotations

import click

from service.cli.flags import with_json, with_settings
from service.settings import Settings


@click.command()
@with_settings
@with_json
@click.option("--words", is_flag=True, help="Only the text index.")
@click.option(
    "--meaning", is_flag=True, help="Only the vectors; also the way to another BACKSCROLL_EMBEDDING_MODEL."
)
def reindex(settings: Settings, as_json: bool, words: bool, meaning: bool) -> None:
    """Build the indexes anew from the database, while searching goes on.

    Both, unless one is named.

    \b
    backscroll reindex --words
    """
    import asyncio
    import time

    from service.bootstrap import open_resources
    from service.cli import output, progress
    from service.jobs import reindex as job

    async def rebuild(report: job.Report) -> None:
        resources = await open_resources(settings)
        try:
            await job.reindex(
                resources, words=words or not meaning, meaning=meaning or not words, report=report
            )
        finally:
            await resources.close()

    started_s = time.monotonic()
    with progress.shown(quiet=as_json) as report:
        asyncio.run(rebuild(report))
    seconds = round(time.monotonic() - started_s, 1)
    if as_json:
        output.print_json({"seconds": seconds})
    else:
        click.echo(f"Done in {seconds} s.")


@click.command()
@with_settings
@with_json
@click.option("--all", "everything", is_flag=True, help="Everything anew, with the prices of now.")
def rollup(settings: Settings, as_json: bool, everything: bool) -> None:
    """Bring usage and its facts up to date. The worker does that by itself, within seconds.

    \b
    backscroll rollup --all
    """
    import asyncio
    import time

    from service.bootstrap import open_resources
    from service.cli import output
    from service.jobs import rollup as job
    from service.jobs.price_file import PriceFile

    async def derive() -> int:
        resources = await open_resources(settings)
        try:
            prices = PriceFile(settings.price_file).read()
            return await (job.rebuild if everything else job.roll_up)(resources.db, prices)
        finally:
            await resources.close()

    started_s = time.monotonic()
    hours = asyncio.run(derive())
    seconds = round(time.monotonic() - started_s, 1)
    if as_json:
        output.print_json({"hours": hours, "seconds": seconds})
    else:
        click.echo(f"{hours:,} hours in {seconds} s.")


@click.command()
@with_settings
@with_json
@click.option(
    "--repair",
    is_flag=True,
    help="First mend what is simple: migrations, partitions, missing vectors, the key file's mode.",
)
@click.pass_context
def doctor(context: click.Context, settings: Settings, as_json: bool, repair: bool) -> None:
    """Look for what is wrong, and say what it means and what to do. Exit code 1 when something does not work.

    \b
    backscroll doctor
    backscroll doctor --repair
    """
    import asyncio

    from service.cli import output
    from service.jobs import doctor as doctors

    done = asyncio.run(doctors.repair(settings)) if repair else []
    findings = asyncio.run(doctors.examine(settings))
    if as_json:
        output.print_json({"repaired": output.plain(done), "findings": output.plain(findings)})
    else:
        output.print_findings(done, findings)
    if any(finding.state == "fail" for finding in findings):
        context.exit(1)


@click.group()
def sample() -> None:
    """The bundled sample: about 30 made-up sessions to try things with.

    \b
    backscroll sample load
    backscroll search --project shopfront "endless redirect after signing in"
    backscroll sample remove
    """


@sample.command()
@with_settings
@with_json
@click.option("--if-empty", is_flag=True, help="Only into a service that never held a session.")
def load(settings: Settings, as_json: bool, if_empty: bool) -> None:
    """Send the sample to the service; its sessions have the tag `sample`.

    \b
    backscroll sample load
    """
    from service.cli import output
    from service.client import Client
    from service.jobs import sample as samples

    with Client.of(settings) as client:
        loaded = samples.load_if_empty(client) if if_empty else samples.load(client)
    counts = (
        {"sessions": loaded.sessions, "messages": loaded.messages}
        if loaded
        else {"sessions": 0, "messages": 0}
    )
    if as_json:
        output.print_json(counts)
    elif loaded:
        click.echo(
            f"Loaded the sample: {loaded.sessions} sessions, {loaded.messages} messages. `backscroll sample remove` takes it out."
        )


@sample.command()
@with_settings
@with_json
def remove(settings: Settings, as_json: bool) -> None:
    """Delete the sample's sessions; your own stay, whatever their tags.

    \b
    backscroll sample remove
    """
    from service.cli import output
    from service.client import Client
    from service.jobs import sample as samples

    with Client.of(settings) as client:
        count = samples.remove(client)
    if as_json:
        output.print_json({"sessions": count})
    else:
        click.echo(f"Removed {count} sessions.")


VERBS = (reindex, rollup, doctor, sample)
