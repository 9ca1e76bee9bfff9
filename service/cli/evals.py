"""evals, export: sets for evaluation and training, and sessions as files. And `workspace privacy`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from service.cli import people
from service.cli.flags import Verb, with_json, with_settings
from service.settings import Settings

FORMATS = (
    "deepeval", "deepeval-conversational", "openai", "openai-evals", "openai-finetune", "ragas", "ragas-multi", "promptfoo",
    "inspect", "langsmith", "sharegpt", "parquet", "filesystem",
)  # fmt: skip
"""As the service knows them; a test compares. Written out so that `--help` loads no format."""
STATUSES = ("golden", "correct", "incorrect", "needs_review", "unset")
OFF_ON = {"on": True, "off": False}


def with_filters(verb: Verb) -> Verb:
    """Give the verb `filters`: which sessions."""
    options: list[Callable[[Verb], Verb]] = [
        click.option("--tool", multiple=True, help="Only of this source, for example claude-code."),
        click.option("--model", multiple=True, help="Only of this model."),
        click.option("--project", multiple=True, help="Only of this project: its name or path, exactly."),
        click.option("--tag", "tags", multiple=True, help="Only with any of these tags."),
        click.option(
            "--status", multiple=True, type=click.Choice(STATUSES), help="Only with this evaluation."
        ),
        click.option("--from", "date_from", help="Created on this day or later."),
        click.option("--to", "date_to", help="Created on this day or before."),
        click.option("--min-tokens", type=int, help="Only with at least so many tokens."),
    ]

    @functools.wraps(verb)
    def wrapped(*args: Any, **given: Any) -> None:
        names = ("tool", "model", "project", "tags", "status", "date_from", "date_to", "min_tokens")
        filters = {name: given.pop(name) for name in names}
        kept = {name: list(value) if isinstance(value, tuple) else value for name, value in filters.items()}
        verb(*args, filters={name: value for name, value in kept.items() if value not in ([], None)}, **given)

    for option in reversed(options):
        wrapped = option(wrapped)  # type: ignore[assignment]
    return wrapped


def with_set(verb: Verb) -> Verb:
    """Give the verb `asked`: how the set is made, and of what beside filters."""
    options: list[Callable[[Verb], Verb]] = [
        click.option("--format", type=click.Choice(FORMATS), default="deepeval", show_default=True),
        click.option("--query", "q", help="Of what this search finds, marked or not."),
        click.option("--limit", type=click.IntRange(1, 1000), help="Of a search: sessions at most."),
        click.option("--id", "ids", multiple=True, help="Of this session, marked or not. May be repeated."),
        click.option("--turn-mode", type=click.Choice(["per_turn", "full", "final_only"]),
                     help="A case a turn, a session, or a session's last turn."),
        click.option("--split", help="Shares of train, validation, test: 0.8,0.1,0.1"),
        click.option("--anonymize/--no-anonymize", default=True, show_default=True,
                     help="Take out home directories, user and host names, e-mail addresses."),
        click.option("--redact/--no-redact", default=False, show_default=True, help="Take out credentials."),
        click.option("--tools/--no-tools", "include_tools", default=True, help="With tool calls and results."),
        click.option("--system/--no-system", "include_system", default=True, help="With what programs said."),
        click.option("--metadata/--no-metadata", "include_metadata", default=True, help="With facts of each case."),
    ]  # fmt: skip

    @functools.wraps(verb)
    def wrapped(*args: Any, **given: Any) -> None:
        names = ("format", "q", "limit", "ids", "turn_mode", "split", "anonymize", "redact", "include_tools",
                 "include_system", "include_metadata")  # fmt: skip
        asked = {name: given.pop(name) for name in names}
        asked["ids"] = list(asked["ids"])
        verb(*args, asked={name: value for name, value in asked.items() if value not in ([], None)}, **given)

    for option in reversed(options):
        wrapped = option(wrapped)  # type: ignore[assignment]
    return wrapped


@click.group()
def evals() -> None:
    """Eval sets from real work: mark sessions, look what a set would hold, export it.

    \b
    backscroll evals export --format inspect --out set.jsonl
    """


@evals.command("list")
@with_settings
@with_json
@with_filters
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Sessions at most."
)
def list_evals(settings: Settings, as_json: bool, filters: dict[str, Any], limit: int) -> None:
    """List marked sessions, the latest first, and count them by status, source and tag.

    \b
    backscroll evals list --status golden
    """
    from service.cli import output
    from service.client import Client

    with Client.of(settings) as client:
        answer = client.evals(limit=limit, **filters)
    if as_json:
        output.print_json(answer)
        return
    rows = [
        (s["id"], s.get("evalStatus", ""), s.get("title") or "Untitled", s["source"], " ".join(s["tags"]))
        for s in answer["sessions"]
    ]
    output.print_table(["id", "status", "title", "source", "tags"], rows, cut=["title", "tags"])
    stats = answer["stats"]
    for name in ("byStatus", "bySource", "byTag"):
        counts = ", ".join(
            f"{output.clean(value)} {count:,}" for value, count in stats[name].items() if count
        )
        click.echo(f"{name[2:].lower()}: {counts or 'none'}")


@evals.command()
@with_settings
@with_json
@click.argument("ids", nargs=-1)
@click.option("--query", "q", help="What this search finds, instead of ids.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Of a search.")
@click.option("--message", "messages", multiple=True, help="A single turn, by a message's id.")
@click.option("--ready/--not-ready", default=None, help="In sets, or not.")
@click.option("--status", type=click.Choice(STATUSES[:-1]), help="How good it was.")
@click.option("--tag", multiple=True, help="Add this tag. May be repeated.")
@click.option("--untag", multiple=True, help="Take this tag off. May be repeated.")
@click.option("--expected", help="What should have been answered.")
@click.option("--notes", help="For people.")
def label(
    settings: Settings, as_json: bool, ids: tuple[str, ...], q: str | None, limit: int, messages: tuple[str, ...],
    ready: bool | None, status: str | None, tag: tuple[str, ...], untag: tuple[str, ...], expected: str | None, notes: str | None,
) -> None:  # fmt: skip
    """Label sessions by their ids, or all that a search finds, or single turns.

    \b
    backscroll evals label s12 s15 --ready --status golden --tag auth
    backscroll evals label --query "redirect loop" --limit 5 --ready
    """
    from service.cli import output
    from service.client import Client

    wanted = {
        "evalReady": ready, "evalStatus": status, "addTags": list(tag), "removeTags": list(untag),
        "expectedOutput": expected, "notes": notes,
    }  # fmt: skip
    labels = {name: value for name, value in wanted.items() if value not in (None, [])}
    if sum(map(bool, (ids, q, messages))) != 1:
        raise click.UsageError("Say which: ids, or --query, or --message.")
    if not labels:
        raise click.UsageError(
            "Say at least one label: --ready, --status, --tag, --untag, --expected, --notes."
        )
    which: dict[str, Any] = {"ids": list(ids)} if ids else {"messages": list(messages)}
    if q:
        which = {"search": {"q": q, "limit": limit}}
    with Client.of(settings) as client:
        answer = client.label_many(set=labels, **which)
    if as_json:
        output.print_json(answer)
    else:
        click.echo(f"Labelled {answer['sessions']:,} sessions and {answer['messages']:,} messages.")


@evals.command()
@with_settings
@with_json
@with_filters
@with_set
def preview(settings: Settings, as_json: bool, filters: dict[str, Any], asked: dict[str, Any]) -> None:
    """Say what an export would hold, what it would leave out and why, and what to look at first.

    \b
    backscroll evals preview --format openai-finetune --split 0.9,0.1
    """
    from service.cli import output
    from service.client import Client

    with Client.of(settings) as client:
        answer = client.preview_set(asked | filters | archived(asked))
    if as_json:
        output.print_json(answer)
        return
    click.echo(f"{answer['testCaseCount']:,} cases of {answer['sessionCount']:,} sessions")
    for name in ("bySource", "byStatus", "bySplit", "skipped", "credentials"):
        if answer[name]:
            counts = ", ".join(f"{output.clean(value)} {count:,}" for value, count in answer[name].items())
            click.echo(f"{name.removeprefix('by').lower()}: {counts}")
    for warned in answer["warnings"]:
        examples = ", ".join(map(output.clean, warned["examples"]))
        click.echo(f"! {warned['what']}: {warned['count']:,}. {warned['message']} ({examples})")


@evals.command("export")
@with_settings
@with_filters
@with_set
@click.option("--archive", is_flag=True, help="A zip with the manifest, and a file a split.")
@click.option("--out", type=click.Path(path_type=Path), help="The file; else standard output.")
def export_set(
    settings: Settings, filters: dict[str, Any], asked: dict[str, Any], archive: bool, out: Path | None
) -> None:
    """Export an eval set. Beside the file lies its manifest, `<file>.manifest.json`.

    \b
    backscroll evals export --format deepeval --status golden --out golden.json
    backscroll evals export --query "redirect loop" --limit 10 --format promptfoo --out loops.jsonl
    """
    from service.client import Client

    asked = asked | filters | archived(asked) | ({"archive": True} if archive else {})
    with Client.of(settings) as client:
        headers = write(out, lambda put: client.export_set(asked, put))
    if out is not None:
        out.with_name(out.name + ".manifest.json").write_text(headers["X-Export-Manifest"] + "\n")
    counts = f"{headers['X-Export-TestCases']} cases of {headers['X-Export-Sessions']} sessions"
    click.echo(f"Exported {counts}{f' to {out}' if out else ''}.", err=True)


@click.command()
@with_settings
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--format", type=click.Choice(["json", "jsonl", "markdown", "csv"]), default="jsonl", show_default=True
)
@click.option(
    "--anonymize/--no-anonymize", default=False, show_default=True, help="Take out names and paths of people."
)
@click.option("--redact/--no-redact", default=False, show_default=True, help="Take out credentials.")
@click.option("--out", type=click.Path(path_type=Path), help="The file; else standard output.")
def export(
    settings: Settings, ids: tuple[str, ...], format: str, anonymize: bool, redact: bool, out: Path | None
) -> None:  # fmt: skip
    """Export sessions with their messages; without ids all of them, which `jsonl` alone can hold in one file.

    `backscroll import FILE` reads jsonl back.

    \b
    backscroll export s12 --format markdown --out fix.md
    """
    from service.client import Client

    if len(ids) != 1 and format != "jsonl":
        raise click.UsageError(f"{format} holds one session: give one id, or take --format jsonl.")
    with Client.of(settings) as client:
        chosen: Iterable[str] = ids or (each["id"] for each in client.all_sessions())

        def put_all(put: Callable[[bytes], object]) -> int:
            return sum(
                client.export_session(id, put, format=format, anonymize=anonymize, redact=redact)
                for id in chosen
            )

        count = write(out, put_all)
    click.echo(f"Exported {count} session{'s' if count != 1 else ''}{f' to {out}' if out else ''}.", err=True)


@people.workspace.command("privacy")
@click.argument("name")
@with_settings
@with_json
@click.option(
    "--redact", type=click.Choice(list(OFF_ON)), help="Take credentials out before anything is stored."
)
@click.option("--anonymize", type=click.Choice(list(OFF_ON)), help="Take out names of people and machines.")
def privacy(settings: Settings, as_json: bool, name: str, redact: str | None, anonymize: str | None) -> None:
    """Say what is taken out of texts before a workspace stores them, or show it. Off unless it is turned on.

    It counts for what is written from now on; what is stored already stays as it is.

    \b
    backscroll workspace privacy team --redact on
    """
    from service.jobs import privacy as jobs

    wanted = {"redact": OFF_ON.get(redact or ""), "anonymize": OFF_ON.get(anonymize or "")}
    kept = people.ask(settings, lambda db: jobs.keep(db, name, **wanted))
    out = [
        what
        for what, on in (("credentials", kept.redact), ("names and paths of people", kept.anonymize))
        if on
    ]
    sentence = f"takes {' and '.join(out)} out of what it stores" if out else "stores what is said as it is"
    people.tell(kept, as_json, f"{kept.workspace} {sentence}.")


def archived(asked: dict[str, Any]) -> dict[str, Any]:
    """A split of a format whose records have no place for it goes into an archive."""
    bare = asked["format"] in ("openai-finetune", "ragas", "ragas-multi", "sharegpt")
    return {"archive": True} if "split" in asked and (bare or not asked["include_metadata"]) else {}


def write(out: Path | None, fill: Callable[[Callable[[bytes], object]], Any]) -> Any:
    """What `fill` gives, which puts pieces into the file; a file that is not whole does not stay."""
    if out is None:
        return fill(sys.stdout.buffer.write)
    partial = out.with_name(out.name + ".part")
    try:
        with partial.open("wb") as file:
            found = fill(file.write)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return found


VERBS = (evals, export)
