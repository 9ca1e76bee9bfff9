"""import, sources, connect, reparse: what lies on people's machines, into the service."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.flags import with_json, with_settings
from service.settings import Settings


@click.command("import")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@with_settings
@with_json
@click.option("--source", help="Only of this tool, for example codex; a file of PATH is read as its format.")
@click.option("--workspace", metavar="NAME", help="Make sure that the key is one of this workspace.")
@click.option(
    "--watch", is_flag=True, help="Then follow: send within a second what is written, until Ctrl-C."
)
@click.option("--dry-run", is_flag=True, help="Read and count, and send nothing.")
@click.option(
    "--restore",
    is_flag=True,
    help="Read all of it anew, and bring back what was deleted in the service; takes a key with admin.",
)
def import_verb(
    settings: Settings, paths: tuple[str, ...], as_json: bool, source: str | None, workspace: str | None,
    watch: bool, dry_run: bool, restore: bool,
) -> None:  # fmt: skip
    """Bring the transcripts that coding agents left on this machine into the service.

    Without PATH: every place where a known tool keeps them (`backscroll sources`). PATH is a file, a folder that is
    searched, or a pattern. Again brings only what is new; what was deleted here stays in the service.

    \b
    backscroll import
    backscroll import ~/exports --source aider --dry-run
    backscroll import --watch
    """
    from service.cli.importing import imported

    asked = imported.Asked(
        paths=paths, source=source, workspace=workspace, watch=watch, trial=dry_run, restore=restore
    )
    imported.run(settings, asked, as_json=as_json)


@click.command()
@with_settings
@with_json
def sources(settings: Settings, as_json: bool) -> None:
    """List what transcripts lie on this machine, when they were last read, and what waits.

    \b
    backscroll sources
    """
    from service.cli.importing import imported

    imported.tell_sources(settings, as_json=as_json)


@click.command()
@click.argument("client", type=click.Choice(["claude-code", "opencode", "droid", "pi"]))
@with_settings
@with_json
@click.option("--url", help="Of a service elsewhere; its key comes from BACKSCROLL_API_KEY.")
@click.option("--print", "as_variables", is_flag=True, help="Print environment variables, and write nothing.")
@click.option("--dry-run", is_flag=True, help="Say what would be written.")
def connect(
    settings: Settings, client: str, as_json: bool, url: str | None, as_variables: bool, dry_run: bool
) -> None:
    """Write the settings that an OpenSync plugin needs to send here: the address and the key.

    CLIENT is the tool whose plugin it is. What else stands in the plugin's file stays.

    \b
    backscroll connect claude-code
    eval "$(backscroll connect pi --print)"
    """
    from service.cli import output
    from service.collect import connect as plugins

    plugin = plugins.PLUGINS[client]
    url, key = _address(settings, url)
    if as_variables:
        for line in plugins.exports(plugin, url=url, key=key):
            click.echo(line)
        return
    file = plugins.write(Path.home(), plugin, url=url, key=key, trial=dry_run)
    if as_json:
        output.print_json({"client": client, "file": str(file), "url": url, "written": not dry_run})
    else:
        done = "Would write" if dry_run else "Wrote"
        click.echo(f"{done} {file} (mode 0600): the plugin of {client} sends to {url} with your key.")


@click.command()
@with_settings
@with_json
@click.option("--source", help="Only transcripts of this tool, for example codex.")
@click.option("--session", metavar="ID", help="Only this session, by the id that its tool gave it.")
@click.option("--workspace", metavar="NAME", help="Its name; not needed where there is one only.")
def reparse(
    settings: Settings, as_json: bool, source: str | None, session: str | None, workspace: str | None
) -> None:
    """Read the stored raw lines again, after an update that reads them better. On the database itself.

    Messages that a parser finds no longer are deleted; labels stay.

    \b
    backscroll reparse --source codex
    """
    import msgspec

    from service.cli import output
    from service.cli.importing import reparsing

    done = reparsing.run(settings, source=source, session=session, workspace=workspace, quiet=as_json)
    if as_json:
        output.print_json({_camel(name): value for name, value in msgspec.structs.asdict(done).items()})
        return
    click.echo(
        f"Read {done.lines:,} lines of {done.streams:,} files again: {done.new_messages:,} new messages, "
        f"{done.changed_messages:,} changed, {done.deleted_messages:,} deleted."
    )
    if done.skipped_streams:
        click.echo(f"{done.skipped_streams:,} files are of formats that this version does not read.")
    if done.disagreeing_streams:
        click.echo(
            f"{done.disagreeing_streams:,} files were left as they are: what is kept of each cannot be of one file."
        )


def _camel(name: str) -> str:
    """
    >>> _camel("new_messages")
    'newMessages'
    """
    first, *more = name.split("_")
    return first + "".join(word.capitalize() for word in more)


def _address(settings: Settings, url: str | None) -> tuple[str, str]:
    """Where a plugin sends, and its key. Errors: SettingError."""
    import msgspec

    from service.client import read_key
    from service.errors import SettingError

    if url and not url.startswith(("http://", "https://")):
        raise SettingError(f"--url must begin with http:// or https://, not {url!r}.")
    elsewhere = url is not None and url.rstrip("/") != settings.base_url
    if elsewhere and not settings.api_key:
        raise SettingError(f"Set BACKSCROLL_API_KEY to a key of the service at {url}.")
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    own = msgspec.structs.replace(settings, host=local).base_url
    return (url or own).rstrip("/"), settings.api_key or read_key(settings)


VERBS = (import_verb, sources, connect, reparse)
