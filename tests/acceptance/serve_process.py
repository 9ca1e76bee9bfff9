"""A real `backscroll serve` with a home and a port of its own, and our command beside it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

COMMAND = [sys.executable, "-m", "service.cli"]
READY_S = 60.0
STOP_S = 10.0


class Serve:
    """A `serve` that said it is ready."""

    def __init__(self, home: Path, *flags: str) -> None:
        self.home = home
        self.environ = environ(home)
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", *flags], env=self.environ, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        too_late = threading.Timer(READY_S, self.process.kill)
        too_late.start()
        self.greeting = self.process.stdout.readline()
        too_late.cancel()
        assert "is ready on" in self.greeting, f"serve ended with {self.process.poll()}"
        self.url = self.greeting.split()[4]
        self.environ["BACKSCROLL_URL"] = self.url
        self.tree = psutil.Process(self.process.pid).children(recursive=True)

    def api(self) -> httpx.Client:
        """A client with the key of the home's key file."""
        key = (self.home / "api-key").read_text().strip()
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=10, verify=False
        )

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Our command as a person runs it in another terminal."""
        return run(*arguments, environ=self.environ | environ)

    def child(self, verb: str) -> psutil.Process:
        """The process of `api` or `worker` that runs now."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if verb in child.cmdline())

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(STOP_S)


def run(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def environ(home: Path) -> dict[str, str]:
    """This process' environment without what a developer may have set; words only, which starts faster, and quiet."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BACKSCROLL_")}
    return inherited | {
        "BACKSCROLL_HOME": str(home),
        "BACKSCROLL_EMBEDDING_MODEL": "none",
        "BACKSCROLL_LOG_LEVEL": "warning",
        "NO_COLOR": "1",
    }


@contextmanager
def new_home() -> Iterator[Path]:
    """A home that does not exist yet, in a directory that the system user of `serve` as root can enter."""
    with tempfile.TemporaryDirectory(prefix="backscroll-test-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "home"
        elsewhere = Path(directory) / "home" / "postgres"
        if elsewhere.is_symlink():
            shutil.rmtree(elsewhere.resolve())


@contextmanager
def serving(home: Path, *flags: str) -> Iterator[Serve]:
    """A serve that is stopped at the end, if the test has not done so."""
    served = Serve(home, *flags)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.process.send_signal(signal.SIGTERM)
            served.process.wait(STOP_S)
