"""What `serve` says when it is ready."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import click
import msgspec

from service.settings import Settings, from_environment, to_environment

QUESTION = "endless redirect after signing in"


def tell(settings: Settings, *, tried: str = "import", of: str = "") -> None:
    """One line: where it answers, where the key is, what to try: on an empty service no search finds anything."""
    command = shlex.join(filter(None, ["backscroll", tried, *flags(settings), of]))
    click.echo(
        f"Backscroll is ready on {served(settings).base_url} · key in {settings.key_file} · try: {command}"
    )


def with_sample(settings: Settings) -> None:
    """The same, then the sample when there are no sessions yet, and one search with its answer."""
    tell(settings, tried="search", of=QUESTION)
    run(settings, "sample", "load", "--if-empty")
    click.echo(f"\n$ {shlex.join(['backscroll', 'search', *flags(settings), QUESTION])}")
    run(settings, "search", "--limit", "1", QUESTION)


def run(settings: Settings, *arguments: str) -> None:
    """Run our command against this service, its output below ours. It tells itself when it fails."""
    environ = {**os.environ, **to_environment(served(settings))}
    subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments], env=environ, stdin=subprocess.DEVNULL, check=False
    )


def served(settings: Settings) -> Settings:
    """As a client of this service needs them: BACKSCROLL_URL may name another one."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return msgspec.structs.replace(settings, host=local, url="", api_key="")


def flags(settings: Settings) -> list[str]:
    """The flags that lead another terminal here, where its settings would not."""
    usual = served(from_environment())
    home = ["--home", str(settings.home)] if settings.home != usual.home else []
    port = ["--port", str(settings.port)] if settings.port != usual.port else []
    return home + port
