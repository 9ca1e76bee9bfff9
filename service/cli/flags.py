"""What verbs share: flags that override settings, `--json`, and how an error ends the command."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from service.errors import BackscrollError
from service.settings import Settings, from_environment

Verb = Callable[..., None]


class Verbs(click.Group):
    """The verbs in the order in which they were added; an error is one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get("BACKSCROLL_DEBUG"):
            return super().invoke(ctx)
        sys.excepthook = tell_in_one_sentence
        try:
            return super().invoke(ctx)
        except BackscrollError as error:
            click.echo(str(error), err=True)
            ctx.exit(error.exit_code)


def tell_in_one_sentence(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """What Python calls for an error that nobody expected, in place of a traceback. It exits with 1."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    # Not the error's own text: it may quote what people wrote.
    click.echo(
        f"Backscroll failed unexpectedly ({kind.__name__}{place}). BACKSCROLL_DEBUG=1 shows the way there.",
        err=True,
    )


def with_settings(verb: Verb) -> Verb:
    """Give the verb `settings`: the environment's, overridden by --home, --host and --port."""

    @click.option(
        "--home", type=click.Path(path_type=Path), help="Where Backscroll keeps its data. [BACKSCROLL_HOME]"
    )
    @click.option("--host", help="The address of the service. [BACKSCROLL_HOST]")
    @click.option("--port", type=click.IntRange(0, 65535), help="Its port. [BACKSCROLL_PORT]")
    @functools.wraps(verb)
    def wrapped(*args: Any, home: Path | None, host: str | None, port: int | None, **options: Any) -> None:
        outer = click.get_current_context().parent
        given = outer.params if outer else {}  # flags before a verb of a group count too
        home, host, port = (
            home or given.get("home"),
            host or given.get("host"),
            given.get("port") if port is None else port,
        )
        # An address that is given by flag is meant, whatever BACKSCROLL_URL says.
        url = "" if host is not None or port is not None else None
        settings: Settings = from_environment(home=home, host=host, port=port, url=url)
        verb(*args, settings=settings, **options)

    return wrapped


def with_json(verb: Verb) -> Verb:
    """Give the verb `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(verb)
