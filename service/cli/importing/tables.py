"""Tables of `import` and `sources`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import click

from service.cli.output import clean, minute, print_table
from service.collect.summary import OfSource, Summary
from service.collect.survey import OfTool

SHOWN = 5
"""Of errors and of files that cannot be read; --json has all."""


def print_summary(summary: Summary, *, trial: bool, seconds: float, named: bool) -> None:
    """What an import did, by source; below it what was left out, and what went wrong. `named`: paths were given."""
    if not summary.sources:
        looked = "there" if named else "; `backscroll sources` says where was looked"
        click.echo(f"No transcripts were found{' ' if named else ''}{looked}.")
    else:
        rows = [
            (source, _files(of), *_found(of, trial=trial), of.left_out.total())
            for source, of in _known(summary)
        ]
        print_table(
            ["source", "files", "sessions", "messages", "lines left out"], rows, right=["lines left out"]
        )
    for source, of in _known(summary):
        for reason, count in of.left_out.most_common():
            click.echo(f"{source}: {_lines(count)} left out: {reason}")
    print_unreadable(summary.unreadable)
    if summary.error_count:
        click.echo(f"The service did not take {summary.error_count:,}:")
        _print_some([clean(error) for error in summary.errors], summary.error_count)
    done = "Read, and sent nothing," if trial else "Done"
    click.echo(f"{done} in {seconds:.1f} s.")


def print_unreadable(unreadable: Mapping[str, str]) -> None:
    """Paths and why they could not be read."""
    if unreadable:
        click.echo(f"Could not be read: {len(unreadable):,}")
        _print_some([clean(f"{path}: {why}") for path, why in unreadable.items()], len(unreadable))


def print_sources(tools: Iterable[OfTool]) -> None:
    """What lies where."""
    rows = [
        (
            tool.source,
            f"{len(tool.files):,}",
            f"{tool.sessions:,}",
            _size(tool.size),
            minute(tool.read_at_ms) if tool.read_at_ms is not None else "",
            f"{tool.waiting:,}" + (f" ({_size(tool.waiting_size)})" if tool.waiting_size else ""),
            ", ".join(tool.looked),
        )
        for tool in tools
    ]
    columns = ["source", "files", "sessions", "size", "last read", "waiting", "looked in"]
    print_table(columns, rows, right=["files", "sessions", "size"], cut=["looked in"])


def _known(summary: Summary) -> list[tuple[str, OfSource]]:
    return sorted(summary.sources.items())


def _found(of: OfSource, *, trial: bool) -> tuple[str, str]:
    if trial:
        return f"{of.sessions:,}", f"{of.messages:,}"
    return _new(of.new_sessions, of.changed_sessions), _new(of.new_messages, of.changed_messages)


def _files(of: OfSource) -> str:
    """
    >>> from collections import Counter
    >>> _files(OfSource(files=Counter(new=2, unchanged=1)))
    '2 new, 1 unchanged'
    """
    return ", ".join(
        f"{of.files[state]:,} {state}" for state in ("new", "changed", "unchanged") if of.files[state]
    )


def _new(new: int, changed: int) -> str:
    """
    >>> _new(1200, 3), _new(0, 0)
    ('1,200 new, 3 changed', '0 new')
    """
    return f"{new:,} new" + (f", {changed:,} changed" if changed else "")


def _lines(count: int) -> str:
    return f"{count:,} line{'s' if count != 1 else ''}"


def _print_some(lines: list[str], count: int) -> None:
    for line in lines[:SHOWN]:
        click.echo(f"  {line}")
    if count > SHOWN:
        click.echo(f"  and {count - SHOWN:,} more; --json has them")


def _size(count: int) -> str:
    """
    >>> _size(999), _size(5_020_004), _size(3_000_000_000)
    ('999 B', '5.0 MB', '3.0 GB')
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
