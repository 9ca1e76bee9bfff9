"""A `backscroll serve` of its own that is killed in part or as a whole, and started again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from benchmarks import running

KINDS = ("api", "worker", "postgres", "backend", "immediate", "all", "serve")
"""What is hit: one process; one connection's process of Postgres; Postgres by `pg_ctl stop -m immediate`, which is
SIGQUIT; API, worker and Postgres at once; `serve` itself, with which all ends. By SIGKILL where nothing else is said."""
READY_S = 120.0
LOOK_S = 0.05


class Victim:
    """`with` stops it at the end."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self.home = home
        self._environ = environ
        self._service = running.start(home, environ=environ)
        self._still = threading.Event()

    def __enter__(self) -> Victim:
        return self

    def __exit__(self, *_: object) -> None:
        running.stop(self._service)

    @property
    def url(self) -> str:
        """Another after each start of `serve`."""
        return self._service.url

    @property
    def key(self) -> str:
        return self._service.key

    @property
    def database_url(self) -> str:
        return self._service.database_url

    @property
    def environ(self) -> dict[str, str]:
        """For our command beside it."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BACKSCROLL_")}
        return {
            **inherited,
            **self._environ,
            "BACKSCROLL_HOME": str(self.home),
            "BACKSCROLL_URL": self.url,
            "BACKSCROLL_API_KEY": self.key,
        }

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False, verify=False)

    def hit(self, kind: str, rng: random.Random) -> int:
        """Kill what `kind` says; how many processes."""
        if kind == "serve":
            self._process.kill()
            self._process.wait()
            return 1
        if kind == "backend":
            backends = [each for found in self._part("postgres") for each in found.children()]
            return self._signal(rng.sample(backends, 1) if backends else [], signal.SIGKILL)
        if kind == "immediate":
            return self._signal(self._part("postgres"), signal.SIGQUIT)
        names = ("api", "worker", "postgres") if kind == "all" else (kind,)
        return self._signal([each for name in names for each in self._part(name)], signal.SIGKILL)

    def wait_for_meaning(self) -> None:
        """Until the model is loaded and a search by meaning is answered by it."""
        running.wait_for_meaning(self._service.client())

    def memory_mb(self, name: str) -> float:
        """Resident memory of that part."""
        return round(sum(each.memory_info().rss for each in self._part(name)) / 2**20, 1)

    def recover(self) -> float:
        """Start `serve` again if it has ended, and wait until all is ready; the seconds that took."""
        begun = time.monotonic()
        if self._process.poll() is not None:
            self._service = running.start(self.home, environ=self._environ)
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() - begun > READY_S:
                log = self.home.parent / "serve.log"
                raise RuntimeError(f"It did not come back. Its log ends:\n{log.read_text()[-3000:]}")
            self._still.wait(LOOK_S)
        return time.monotonic() - begun

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        assert self._service.process is not None
        return self._service.process

    def _is_ready(self) -> bool:
        with suppress(httpx.TransportError):
            return (
                httpx.get(f"{self.url}/health/ready", timeout=5, trust_env=False, verify=False).status_code
                == 200
            )
        return False

    def _part(self, name: str) -> list[psutil.Process]:
        """The process of that name that runs now, if it does."""
        found = []
        with suppress(psutil.Error):
            for child in psutil.Process(self._process.pid).children():
                if name in child.cmdline() or (name == "postgres" and child.name() == "postgres"):
                    found.append(child)
        return found

    def _signal(self, processes: list[psutil.Process], number: signal.Signals) -> int:
        hit = 0
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
                hit += 1
        return hit
