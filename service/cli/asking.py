"""search, context, sessions: the API from a terminal."""

from __future__ import annotations

import click

from service.cli.flags import with_json, with_settings
from service.settings import Settings


@click.command()
@click.argument("query", nargs=-1, required=True)
@with_settings
@with_json
@click.option("--type", "kind", type=click.Choice(["hybrid", "fulltext", "semantic"]), default="hybrid", show_default=True,
              help="By word and meaning, by word, or by meaning.")  # fmt: skip
@click.option("--group-by", type=click.Choice(["session", "message"]), default="session", show_default=True,
              help="What a hit is.")  # fmt: skip
@click.option("--source", multiple=True, help="Only of this tool, for example claude-code. May be repeated.")
@click.option("--project", multiple=True, help="Only of this project (name or path). May be repeated.")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Hits at most.")
def search(
    settings: Settings, query: tuple[str, ...], as_json: bool, kind: str, group_by: str,
    source: tuple[str, ...], project: tuple[str, ...], limit: int,
) -> None:  # fmt: skip
    """Find messages by word and by meaning.

    A query may hold "a phrase", -not, prefix* and filters such as tool:Bash or is:error; put -- before one
    that begins with a dash. The session's id at the end of a hit's second line opens it with `sessions show`.

    \b
    backscroll search how did we fix the redirect loop
    backscroll search --source claude-code --type fulltext '"connection refused" is:error'
    """
    from service.cli import output
    from service.client import Client

    with Client.of(settings) as client:
        filter = {"source": source, "project": project}
        answer = client.search(
            " ".join(query), type=kind, group_by=group_by, limit=limit, filter=filter, fold=not as_json
        )
    (output.print_json if as_json else output.print_hits)(answer)


@click.command()
@click.argument("query", nargs=-1, required=True)
@with_settings
@with_json
@click.option("--budget", type=click.IntRange(1, 1_000_000), default=4000, show_default=True,
              help="Tokens at most, headings and citations counted.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "messages", "markdown", "xml"]), default="text", show_default=True,
              help="What is printed; messages are JSON.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 100), default=5, show_default=True, help="Sessions at most.")
@click.option("--window", type=click.IntRange(0, 20), default=1, show_default=True,
              help="Messages before and after each hit.")  # fmt: skip
@click.option("--source", multiple=True, help="Only of this tool, for example claude-code. May be repeated.")
@click.option("--project", multiple=True, help="Only of this project (name or path). May be repeated.")
def context(
    settings: Settings, query: tuple[str, ...], as_json: bool, budget: int, form: str, limit: int, window: int,
    source: tuple[str, ...], project: tuple[str, ...],
) -> None:  # fmt: skip
    """Print the best evidence for a question within a budget of tokens, for an agent to read.

    Each [n] is a citation; --json tells which message it is.

    \b
    backscroll context "how did we fix the redirect loop" --budget 1000
    """
    from service.cli import output
    from service.client import Client

    with Client.of(settings) as client:
        answer = client.context(
            " ".join(query), budget=budget, limit=limit, format=form, window=window,
            filter={"source": source, "project": project},
        )  # fmt: skip
    if as_json or form == "messages":
        output.print_json(answer)
    else:
        output.print_text(answer["text"])


@click.group(invoke_without_command=True)
@click.pass_context
@with_settings
@with_json
@click.option("--source", help="Only of this tool, for example claude-code.")
@click.option("--project", help="Only of this project (name or path).")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Sessions at most."
)
def sessions(
    context: click.Context,
    settings: Settings,
    as_json: bool,
    source: str | None,
    project: str | None,
    limit: int,
) -> None:
    """List sessions, the latest first; `sessions show ID` prints one.

    \b
    backscroll sessions --source codex-cli --limit 5
    """
    if context.invoked_subcommand is not None:
        return
    from service.cli import output
    from service.client import Client

    with Client.of(settings) as client:
        answer = client.sessions(limit=limit, source=source, project=project)
    if as_json:
        output.print_json(answer)
        return
    rows = [
        (
            output.minute(s["updatedAt"]),
            s.get("title") or "Untitled",
            s["source"],
            s.get("projectName") or "",
            s["messageCount"],
            s["id"],
        )
        for s in answer["sessions"]
    ]
    output.print_table(
        ["updated", "title", "source", "project", "messages", "id"],
        rows,
        right=["messages"],
        cut=["title", "project"],
    )


@sessions.command()
@click.pass_context
@click.argument("session_id", metavar="ID")
@with_settings
@with_json
def show(context: click.Context, settings: Settings, session_id: str, as_json: bool) -> None:
    """Print a session: its messages in order.

    ID is the session's id or the one that its tool gave it.

    \b
    backscroll sessions show s42
    """
    from service.cli import output
    from service.client import Client

    with Client.of(settings) as client:
        answer = client.session(session_id)
    as_json = as_json or bool(context.parent and context.parent.params["as_json"])
    (output.print_json if as_json else output.print_session)(answer)


VERBS = (search, context, sessions)
