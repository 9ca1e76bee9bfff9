"""The bundled sample in a service of its own: a temporary home, a free port, gone when who asked for it is gone.

Rule: it touches nothing that is yours: settings of the environment do not reach it. The sample is read through a
service, not computed beside one, so that every figure is the API's own, and searches and eval sets work on it too.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from service.client import Client
from service.errors import NotYet, Unreachable
from service.jobs import sample
from service.settings import PREFIX

LOADED_S, LOOK_S = 120.0, 0.2
"""How long the model may load; without it words alone are searched, and answers say so."""
running: list[subprocess.Popen[str]] = []
"""Held, since each ends when nobody holds the other end of its standard input."""


@functools.cache
def sample_client() -> Client:
    """A client of the sample's service, once a process: ready, loaded and rolled up. Meaning comes later (`understood`). Errors: `Unreachable`."""
    directory = Path(tempfile.mkdtemp(prefix="backscroll-sample-"))
    directory.chmod(0o755)
    keeper = subprocess.Popen(
        [sys.executable, "-m", "service.looking.trial", str(directory)],
        env=environment(directory / "home"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert keeper.stdout is not None
    greeting = keeper.stdout.readline()
    if "is ready on" not in greeting:
        raise Unreachable("The sample's service did not start: `backscroll serve` says why.")
    key = (directory / "home" / "api-key").read_text(encoding="utf-8").strip()
    client = Client(greeting.split()[4], key, use_proxy=False)
    running.append(keeper)
    sample.load(client)
    wait_for(lambda: counted(client))
    client.commit = None  # from here on answers say what they lack, and make nobody wait
    return client


def wait_for(readable: Callable[[], bool]) -> None:
    """No longer than `LOADED_S`: what is not there then is said by the answers."""
    end_s = time.monotonic() + LOADED_S
    while not readable() and time.monotonic() < end_s:
        time.sleep(LOOK_S)


def counted(client: Client) -> bool:
    """Whether figures contain what this client wrote."""
    try:
        return bool(client.usage("summary"))
    except NotYet:
        return False


def understood(client: Client) -> bool:
    """Whether the model is loaded and every message has its vectors."""
    answer = client.search("redirect loop", type="semantic", limit=1)
    return answer["modeUsed"] == "semantic" and not any(
        answer["index"][lag] for lag in ("textLag", "vectorLag")
    )


def environment(home: Path) -> dict[str, str]:
    rest = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return rest | {f"{PREFIX}HOME": str(home), f"{PREFIX}LOG_LEVEL": "error"}


def keep(directory: Path) -> None:
    """Serve until whoever started this closes its end of standard input, by ending if not otherwise; then clean up."""
    served = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "serve", "--port", "0"], stdin=subprocess.DEVNULL
    )
    try:
        sys.stdin.read()
    finally:
        served.terminate()
        served.wait()
        postgres = directory / "home" / "postgres"
        if postgres.is_symlink():
            shutil.rmtree(postgres.resolve(), ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
