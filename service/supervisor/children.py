"""Processes that are kept running: started, watched, started again when they end, stopped.

Rule: a child ends with its parent, however that ends. Its standard input is a pipe of which only the parent holds
the other end; the kernel closes it when the parent is gone, and `end_with_parent` in the child sees that.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import structlog

from service.errors import DatabaseError

SOON_S = 30.0
"""A process that ends sooner after its start than this waits longer each time before it is started again."""
LONGEST_DELAY_S = 30.0
FAREWELL_S = 3.0
"""How long a child whose parent is gone may take to end well."""

log = structlog.get_logger()


class Running(Protocol):
    """A process that was started; the embedded Postgres is one too."""

    @property
    def process(self) -> subprocess.Popen[bytes]: ...
    def exit_code(self) -> int | None: ...
    def stop(self, timeout_s: float) -> None: ...


class Program:
    """A verb of our own command in a process of its own. Fulfils `Running`."""

    def __init__(self, *arguments: str, environ: Mapping[str, str], pass_fds: Collection[int] = ()) -> None:
        # A session of its own: Ctrl-C in the terminal is the parent's to pass on, in order.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", *arguments],
            stdin=subprocess.PIPE, env=dict(environ), pass_fds=tuple(pass_fds), start_new_session=True,
        )  # fmt: skip

    def exit_code(self) -> int | None:
        return self.process.poll()

    def stop(self, timeout_s: float) -> None:
        """Ask it to end, and end it when it has not by then."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout_s)
        self.process.kill()
        self.process.wait()


class Kept:
    """A part of the service that is started again whenever it ends."""

    def __init__(self, name: str, start: Callable[[], Running]) -> None:
        self.name = name
        self.quick_ends = 0
        """How many times in a row it ended soon after its start."""
        self._start = start
        self._started_at_s = time.monotonic()
        self._due_at_s: float | None = None
        self._running: Running | None = start()

    def tend(self) -> None:
        """Notice its end; start it again when that is due."""
        now_s = time.monotonic()
        if self._running is not None and (code := self._running.exit_code()) is not None:
            self._running = None
            self._plan(now_s, ended=describe(code))
        if self._running is None and self._due_at_s is not None and now_s >= self._due_at_s:
            self._started_at_s = now_s
            try:
                self._running = self._start()
            except (DatabaseError, OSError) as error:
                self._plan(time.monotonic(), ended=str(error))

    def stop(self, timeout_s: float) -> None:
        if self._running is not None:
            self._running.stop(timeout_s)

    def kill(self) -> None:
        """End it at once, without waiting: also from within a signal handler."""
        if self._running is not None:
            self._running.process.kill()

    def _plan(self, now_s: float, *, ended: str) -> None:
        self.quick_ends = self.quick_ends + 1 if now_s - self._started_at_s < SOON_S else 1
        delay_s = restart_delay_s(self.quick_ends)
        self._due_at_s = now_s + delay_s
        log.error("process_ended", process=self.name, ended=ended, restart_in_s=delay_s)


def restart_delay_s(quick_ends: int) -> float:
    """At once the first time, then longer each time.

    >>> [restart_delay_s(n) for n in (1, 2, 3, 4, 9)]
    [0.0, 1.0, 2.0, 4.0, 30.0]
    """
    return 0.0 if quick_ends <= 1 else min(2.0 ** (quick_ends - 2), LONGEST_DELAY_S)


def describe(code: int) -> str:
    """
    >>> describe(2), describe(-9)
    ('exit status 2', 'SIGKILL')
    """
    return f"exit status {code}" if code >= 0 else signal.Signals(-code).name


def end_with_parent() -> None:
    """In a child: end by SIGTERM when standard input closes, and for good when that was not enough."""

    def wait() -> None:
        while os.read(0, 1024):
            continue
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(FAREWELL_S)
        os._exit(1)

    threading.Thread(target=wait, name="end with parent", daemon=True).start()
