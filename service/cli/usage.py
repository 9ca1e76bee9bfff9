"""usage: what agents did and what it cost, as tables; prices anew."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from service.cli.flags import Verb, with_json, with_settings
from service.settings import Settings

if TYPE_CHECKING:
    from service.cli.usage_tables import Column

CUTS = ("source", "provider", "model", "project", "user", "service", "metric")
BY = f"Cut each by {', '.join(CUTS)}; several with commas."


MOST_EMPTY = 3
"""Days, weeks or months without anything that have a line each."""


def with_range(verb: Verb) -> Verb:
    """Give the verb `asked`: the parameters of the API that its flags stand for."""

    @click.option("--since", help="From this day on: 2026-01-31, 90d, yesterday.")
    @click.option("--until", help="Up to this day, which is included; today unless told.")
    @click.option("--tz", help="The time zone of days, such as Europe/Berlin; this machine's unless told.")
    @click.option("--source", multiple=True, help="Only of this tool. May be repeated.")
    @click.option("--project", multiple=True, help="Only of this project. May be repeated.")
    @click.option("--model", multiple=True, help="Only of this model. May be repeated.")
    @functools.wraps(verb)
    def wrapped(
        *args: Any, since: str | None, until: str | None, tz: str | None, source: tuple[str, ...],
        project: tuple[str, ...], model: tuple[str, ...], **options: Any,
    ) -> None:  # fmt: skip
        given = flags_before()
        options["as_json"] = options["as_json"] or given.get("as_json", False)
        if "by" in options:
            options["by"] = options["by"] or given.get("by")
        elif given.get("by"):
            raise click.UsageError("--by cuts days: it is for daily, weekly and monthly.")
        asked = {
            "from": since or given.get("since"),
            "to": until or given.get("until"),
            "tz": tz or given.get("tz") or local_zone(),
            "source": source or given.get("source", ()),
            "project": project or given.get("project", ()),
            "model": model or given.get("model", ()),
        }
        verb(*args, asked=asked, **options)

    return wrapped


def flags_before() -> Mapping[str, Any]:
    """Flags that stand before the report's name: they count as those after it do."""
    outer = click.get_current_context().parent
    return outer.params if outer and "since" in outer.params else {}


@click.group(invoke_without_command=True)
@click.pass_context
@with_settings
@with_json
@with_range
@click.option("--by", help=BY)
def usage(
    context: click.Context, settings: Settings, as_json: bool, asked: dict[str, Any], by: str | None
) -> None:
    """What agents did and what it cost, by day; other reports below.

    Without --since: the last 30 days. Costs are known prices of the time; a star marks what has none in part.

    \b
    backscroll usage
    backscroll usage --since 2026-01-01 --by model
    backscroll usage models --since 90d
    """
    if context.invoked_subcommand is None:
        by_time(settings, as_json, asked | {"by": by}, per="day")


def verb_of_time(name: str, per: str, summary: str) -> click.Command:
    @usage.command(name, help=f"{summary}\n\n\b\nbackscroll usage {name} --by model")
    @with_settings
    @with_json
    @with_range
    @click.option("--by", help=BY)
    def report(settings: Settings, as_json: bool, asked: dict[str, Any], by: str | None) -> None:
        by_time(settings, as_json, asked | {"by": by}, per=per)

    return report


def verb_of_rows(name: str, summary: str, columns: Callable[[], Sequence[Column]]) -> click.Command:
    @usage.command(name, help=f"{summary}\n\n\b\nbackscroll usage {name} --since 90d")
    @with_settings
    @with_json
    @with_range
    @click.option(
        "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Rows at most."
    )
    def report(settings: Settings, as_json: bool, asked: dict[str, Any], limit: int) -> None:
        by_name(settings, as_json, asked | {"limit": limit}, name=name, columns=columns)

    return report


verb_of_time("daily", "day", "By day, as without a report's name.")
verb_of_time("weekly", "week", "By week, from Monday; the last 12 unless told.")
verb_of_time("monthly", "month", "By month; the last 12 unless told.")


def columns_of(name: str) -> Callable[[], Sequence[Column]]:
    """Columns of a report, made when it runs: rich is not loaded before."""

    def made() -> Sequence[Column]:
        from service.cli import usage_tables as tables

        if name == "sessions":
            return tables.SESSION
        if name == "tools":
            return tables.TOOL
        return (tables.text(name.removesuffix("s"), name.removesuffix("s")), *tables.FIGURES)

    return made


verb_of_rows("models", "By model, the costliest first.", columns_of("models"))
verb_of_rows("projects", "By project, the costliest first.", columns_of("projects"))
verb_of_rows("sources", "By the tool that sent sessions, the costliest first.", columns_of("sources"))
verb_of_rows("sessions", "By session, the costliest first.", columns_of("sessions"))
verb_of_rows("tools", "By tool that agents called, the one called most first.", columns_of("tools"))


@usage.command()
@with_settings
@with_json
@click.option("--since", help="From this day on (UTC); everything unless told.")
def reprice(settings: Settings, as_json: bool, since: str | None) -> None:
    """Price all usage anew, with the prices and rates of now for the time at which it was used.

    Acts on the database, and needs no key. A cost that a client reported stays as it is.

    \b
    backscroll usage reprice --since 2026-01-01
    """
    from service.cli import output, repricing

    given = flags_before()
    since, as_json = since or given.get("since"), as_json or given.get("as_json", False)
    hours = repricing.run(settings, since=since, quiet=as_json)
    if as_json:
        output.print_json({"hours": hours})
    else:
        click.echo(f"Priced {hours:,} hours of usage anew.")


def by_time(settings: Settings, as_json: bool, asked: Mapping[str, Any], *, per: str) -> None:
    """A row a day, week or month; cut by names, a row for each combination that did something."""
    from service.cli import output
    from service.cli import usage_tables as tables
    from service.client import Client

    whole = {name: value for name, value in asked.items() if value and name != "by"}
    names = names_of(asked.get("by") or "")
    with Client.of(settings) as client:
        answer = client.usage("daily", **whole, by=",".join(names) or None, per=per)
        if as_json:
            output.print_json(answer)
            return
        total = client.usage("summary", **whole | {"from": answer["from"], "to": answer["to"]})
    rows = worth_showing(answer["days"], cut=names)
    cuts = [tables.text(name, name) for name in names]
    figures = (tables.QUANTITY, *tables.FIGURES) if "metric" in names else tables.FIGURES
    columns = [tables.day(per, 7 if per == "month" else 10), *cuts, *figures]
    show(columns, rows, total, answer)


def names_of(by: str) -> list[str]:
    """
    >>> names_of("model, source,model"), names_of("")
    (['model', 'source'], [])
    """
    return list(dict.fromkeys(filter(None, map(str.strip, by.split(",")))))


def by_name(
    settings: Settings, as_json: bool, asked: Mapping[str, Any], *, name: str, columns: Callable[[], Sequence[Column]]
) -> None:  # fmt: skip
    """A row a model, project, source, session or tool."""
    from service.cli import output
    from service.client import Client

    whole = {key: value for key, value in asked.items() if value}
    with Client.of(settings) as client:
        answer = client.usage(name, **whole)
        if as_json:
            output.print_json(answer)
            return
        of_all = {key: value for key, value in whole.items() if key != "limit"}
        total = answer["all"] if name == "tools" else client.usage("summary", **of_all)
    show(columns(), answer[name], total, answer)


def show(
    columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], total: Mapping[str, Any], answer: Mapping[str, Any]
) -> None:  # fmt: skip
    """The table, and below it what has to be said of it."""
    from service.cli import usage_tables as tables

    if not rows:
        click.echo(
            f"Nothing was used from {answer['from']} to {answer['to']} ({answer['tz']}); --since looks further back."
        )
        return
    measure = next(
        name
        for name in ("costUsd", "totalTokens", "calls", "messages")
        if total.get(name) or name == "messages"
    )
    tables.print_usage(columns, rows, total, bars=lambda row: row.get(measure, 0))
    click.echo(f"{answer['from']} to {answer['to']}, {answer['tz']}")
    if answer.get("total", 0) > len(rows):
        click.echo(f"{answer['total'] - len(rows):,} more; --limit shows them.")
    if unpriced := total.get("unpricedMessages"):
        click.echo(f"* without {unpriced:,} message{'s' if unpriced > 1 else ''} of no known price")


def worth_showing(days: Sequence[Mapping[str, Any]], *, cut: Sequence[str]) -> list[Mapping[str, Any]]:
    """Days from the first that has something on, many empty ones in a row as one line; cut by names, only what has
    something.

    Cut by model, what people wrote is no row of its own: it has no model and used none.
    """
    used = [any(day[name] for name in ("totalTokens", "costUsd", "unpricedMessages")) for day in days]
    if cut:
        return [
            day
            for day, is_used in zip(days, used, strict=True)
            if is_used or ("model" not in cut and day["messages"])
        ]
    busy = [is_used or day["messages"] > 0 for day, is_used in zip(days, used, strict=True)]
    if True not in busy:
        return []
    begin = busy.index(True)
    return folded(days[begin:], busy[begin:])


def folded(days: Sequence[Mapping[str, Any]], busy: Sequence[bool]) -> list[Mapping[str, Any]]:
    """Runs of more than `MOST_EMPTY` days with nothing are one row, which says how many they are.

    >>> folded([{"day": n} for n in range(6)], [True, False, False, False, False, True])
    [{'day': 0}, {'empty': 4}, {'day': 5}]
    """
    shown: list[Mapping[str, Any]] = []
    for is_busy, run in groupby(zip(days, busy, strict=True), key=itemgetter(1)):
        rows = [day for day, _ in run]
        shown += rows if is_busy or len(rows) <= MOST_EMPTY else [{"empty": len(rows)}]
    return shown


def local_zone() -> str:
    """This machine's time zone by its IANA name; UTC where it has none."""
    from tzlocal import get_localzone_name

    try:
        return get_localzone_name() or "UTC"
    except LookupError:
        return "UTC"


VERBS = (usage,)
