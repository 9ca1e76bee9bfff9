"""What `import` and `sources` do, between the terminal and `service/collect`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
import structlog

from service.cli import output, progress
from service.cli.importing import tables
from service.client import Client
from service.collect import machine, places
from service.collect.find import Finder, given
from service.collect.importing import Import, Positions, size_to_read
from service.collect.model import Transcript
from service.collect.patience import Patience, Stopped
from service.collect.places import Spot
from service.collect.reader import Outcome
from service.collect.sending import Post
from service.collect.summary import Summary
from service.collect.survey import survey
from service.collect.watch import Follower
from service.errors import BackscrollError, SettingError, Unauthorized, Unreachable
from service.importers.formats import FORMATS, named
from service.importers.wire import FileLine
from service.logs import configure
from service.settings import Settings

log = structlog.get_logger()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The flags of `import`."""

    paths: Sequence[str] = ()
    source: str | None = None
    workspace: str | None = None
    watch: bool = False
    trial: bool = False
    restore: bool = False


class Known(msgspec.Struct):
    """What the service says of this machine's files."""

    positions: Positions = {}
    read_at_ms: dict[str, int] = {}
    workspace: str | None = None
    missing: str | None = None
    """Why it says nothing, where it does not."""


def run(settings: Settings, asked: Asked, *, as_json: bool) -> None:
    """Import, tell what was done, and follow where that is asked. Errors: `BackscrollError`."""
    configure(settings.log_level)
    stop = threading.Event()
    if asked.watch:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
    patience = Patience(stop, None, _tell_waiting) if asked.watch else Patience(stop)
    spots = _spots(asked.paths, _format(asked.source))
    own = _machine(settings)
    try:
        if asked.trial:
            known = _known_or_not(settings, own, asked)
            _import(own, asked, spots, known, patience, client=None, as_json=as_json)
            return
        with Client.of(settings) as client:
            known = _known(client, own, asked, patience)
            _import(own, asked, spots, known, patience, client=client, as_json=as_json)
    except (Stopped, KeyboardInterrupt):
        click.echo(
            "Stopped. What the service has answered is kept; the same again goes on from there.", err=True
        )
        if not asked.watch:
            sys.exit(1)


def tell_sources(settings: Settings, *, as_json: bool) -> None:
    """List each tool's places, what lies there, when it was last read, and what waits."""
    unreadable: dict[str, str] = {}
    spots = _spots((), None)
    found = list(Finder(unreadable.__setitem__).at(spots))
    known = _known_or_not(settings, _machine(settings), Asked())
    tools = survey(spots, found, known.positions, known.read_at_ms)
    if as_json:
        told = {"sources": [tool.plain() for tool in tools], "unreadable": unreadable}
        output.print_json(told | ({"unknown": known.missing} if known.missing else {}))
        return
    tables.print_sources(tools)
    tables.print_unreadable(unreadable)
    if known.missing:
        click.echo(f"When they were read is not known: {known.missing}")


def _import(
    own: str, asked: Asked, spots: Sequence[Spot], known: Known, patience: Patience, *,
    client: Client | None, as_json: bool,
) -> None:  # fmt: skip
    """One run over all that is there; then, with --watch, what changes."""
    began_s, only = time.monotonic(), _format(asked.source)
    importing = Import(own, known.positions, anew=asked.restore, patience=patience, post=_post(client))
    found = list(Finder(importing.unreadable, only).at(spots))
    with importing:
        total = size_to_read(found, known.positions, anew=asked.restore)
        with progress.reading(total, quiet=as_json) as importing.progress:
            importing.read(found)
            importing.drain()
        seconds = time.monotonic() - began_s
        _tell(importing.summary, known, asked, seconds=seconds, as_json=as_json)
        if asked.watch:
            importing.anew = False
            log.info("watching", places=[spot.root for spot in spots])
            Follower(importing, spots, _log, only).follow(patience.stop)
        elif any(spot.root in importing.summary.unreadable for spot in spots if asked.paths):
            sys.exit(1)  # a path that was named brought nothing


def _post(client: Client | None) -> Post | None:
    return None if client is None else (lambda lines, anew: client.import_lines(lines, restore=anew))


def _tell(summary: Summary, known: Known, asked: Asked, *, seconds: float, as_json: bool) -> None:
    if not as_json:
        tables.print_summary(summary, trial=asked.trial, seconds=seconds, named=bool(asked.paths))
        if known.missing:
            click.echo(f"All counts as new: {known.missing}")
        return
    told = {
        "sources": {source: counts.plain() for source, counts in summary.sources.items()},
        "unreadable": summary.unreadable,
        "errorCount": summary.error_count,
        "errors": summary.errors,
        "seconds": round(seconds, 1),
        "dryRun": asked.trial,
    }
    extra = {"workspace": known.workspace, "unknown": known.missing}
    output.print_json(told | {name: value for name, value in extra.items() if value is not None})


def _log(transcript: Transcript, brought: Outcome) -> None:
    """One line for a file that was read: its place and counts, nothing of what it says."""
    source = FORMATS[transcript.format].source
    log.info("read", path=transcript.path, source=source, messages=brought.messages, lines=brought.lines)


def _tell_waiting(error: BackscrollError) -> None:
    log.warning("waiting for the service", error=type(error).__name__)


def _format(source: str | None) -> str | None:
    """The format that --source names. Errors: SettingError."""
    if source is None:
        return None
    found = named(source)
    if found is None:
        raise SettingError(f"--source takes one of {', '.join(sorted(FORMATS))}, not {source!r}.")
    return found.name


def _spots(paths: Sequence[str], only: str | None) -> list[Spot]:
    """The places that paths name, or those of every known tool. Errors: SettingError for a path that leads nowhere."""
    if paths:
        return given(paths, only, _refuse)
    known = places.spots(os.environ, Path.home(), sys.platform)
    return [spot for spot in known if only in {None, spot.format}]


def _machine(settings: Settings) -> str:
    """This machine's name. Errors: SettingError."""
    try:
        return machine.name(settings.home)
    except OSError as error:
        raise SettingError(
            f"{settings.home} cannot be written ({error.strerror}): set BACKSCROLL_HOME."
        ) from error


def _refuse(path: str, why: str) -> None:
    raise SettingError(f"{path}: {why}.")


def _known(client: Client, own: str, asked: Asked, patience: Patience) -> Known:
    """What the service says. Errors: SettingError when the key is of another workspace; `BackscrollError`."""
    known = patience.call(lambda: _ask(client, own)) if asked.watch else _ask(client, own)
    if asked.workspace and known.workspace != asked.workspace:
        raise SettingError(
            f"This key belongs to the workspace {known.workspace!r}: to import into {asked.workspace!r}, "
            "set BACKSCROLL_API_KEY to a key of that workspace."
        )
    return known


def _known_or_not(settings: Settings, own: str, asked: Asked) -> Known:
    """What the service says, if there is one."""
    try:
        with Client.of(settings) as client:
            return _known(client, own, asked, Patience(threading.Event()))
    except (Unreachable, Unauthorized) as error:
        return Known(missing=str(error))
    except SettingError as error:
        if asked.workspace:
            raise
        return Known(missing=str(error))


def _ask(client: Client, own: str) -> Known:
    answer = client.import_files(own)
    known = Known(workspace=answer.get("workspace"))
    for row in answer["files"]:
        file = msgspec.convert({"type": "file", "machine": own, **row}, FileLine)
        known.positions[file.path] = file
        if row.get("readAt") is not None:
            known.read_at_ms[file.path] = row["readAt"]
    return known
