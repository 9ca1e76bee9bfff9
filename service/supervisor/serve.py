"""`backscroll serve`: everything that one machine needs, as separate processes.

    serve ── Postgres (unless a URL is set)
          ├─ worker
          └─ API          listens on the socket that serve took before it started anything

Started in this order, stopped in the other: the API finishes its requests, then the worker, then Postgres. One that
dies is started again. SIGTERM, SIGHUP and Ctrl-C stop; the second one kills. One plain loop in one thread: it must be
the main thread, since Linux tells Postgres of the end of the thread that started it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException

import msgspec
import structlog

from service.errors import BackscrollError
from service.postgres import EmbeddedPostgres, hold, running_url
from service.settings import Settings, to_environment
from service.storage.change_log import keep_partitions
from service.storage.migrations import migrate
from service.supervisor import address, first_start
from service.supervisor.children import Kept, Program

STOP_S = 9.0
"""All of it stops within this time; what has not is killed."""
API_STOP_S, WORKER_STOP_S, POSTGRES_KILL_S = 4.0, 2.5, 2.5
TICK_S = 0.1
HOPELESS = 3
"""A part that ends so many times before the service was ever ready will not get better."""

ALLOCATOR = {"MALLOC_ARENA_MAX": "2"}
"""glibc otherwise keeps freed memory in an arena a thread: a worker's batches of long texts would add up."""

log = structlog.get_logger()


class WillNotStart(BackscrollError):
    """A part ends again and again before the service was ready; its own words stand above in the log."""


def serve(settings: Settings, *, when_ready: Callable[[Settings], None]) -> None:
    """Run until SIGTERM or Ctrl-C, then stop everything; `when_ready` is called once, when searching works.

    Errors: `AlreadyRunning`, `SettingError` (an address in use), `DatabaseError`, `WillNotStart`.
    """
    parts: list[Kept] = []
    with (
        interrupted_by_signals(),
        hold(settings.home),
        address.take(settings.host, settings.port) as listener,
    ):
        settings = msgspec.structs.replace(settings, port=listener.getsockname()[1])
        try:
            start(settings, listener, parts)
            wait_until_ready(settings, parts)
            when_ready(settings)
            while True:
                tend(parts)
        except KeyboardInterrupt:
            log.info("stopping")
        finally:
            stop(parts, listener)


def start(settings: Settings, listener: socket.socket, parts: list[Kept]) -> None:
    """Start each part and put it into `parts`, in order."""
    if not settings.database_url:
        parts.append(Kept("postgres", lambda: EmbeddedPostgres.start(settings.home)))
    # Not by bootstrap, which would load models' and indexes' libraries into a process that only watches.
    url = settings.database_url or running_url(settings.home)
    assert url is not None, "the server was started a moment ago"
    for name in migrate(url):
        log.info("migrated", migration=name)
    keep_partitions(url, now=datetime.now(UTC), keep_hours=settings.change_log_hours)
    if first_start.prepare(url, settings.key_file):
        log.info("key_written", file=str(settings.key_file))
    environ = {**ALLOCATOR, **os.environ, **to_environment(settings)}
    socket_number = listener.fileno()
    parts.append(Kept("worker", lambda: Program("worker", "--kept", environ=environ)))
    parts.append(
        Kept(
            "api",
            lambda: Program(
                "api", "--kept", f"--fd={socket_number}", environ=environ, pass_fds=[socket_number]
            ),
        )
    )


def wait_until_ready(settings: Settings, parts: list[Kept]) -> None:
    """Return when the API says that words can be searched. Errors: `WillNotStart`."""
    while not is_ready(settings):
        tend(parts)
        for part in parts:
            if part.quick_ends >= HOPELESS:
                raise WillNotStart(
                    f"The {part.name} ended {part.quick_ends} times while Backscroll started; "
                    "the reason stands above. `backscroll doctor` looks for what is wrong."
                )


def is_ready(settings: Settings) -> bool:
    """Whether GET /health and /health/ready answer 200."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    connection = HTTPConnection(host, settings.port, timeout=5.0)
    try:
        for path in ("/health", "/health/ready"):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                return False
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def tend(parts: list[Kept]) -> None:
    for part in parts:
        part.tend()
    time.sleep(TICK_S)


def stop(parts: list[Kept], listener: socket.socket) -> None:
    """Stop the parts in reverse, within `STOP_S`; a signal that comes meanwhile kills them."""

    def kill(*_: object) -> None:
        for part in reversed(parts):
            part.kill()
        os._exit(130)

    for number in SIGNALS:
        signal.signal(number, kill)
    listener.close()  # the API holds it too, until it has stopped
    deadline_s = time.monotonic() + STOP_S
    for part in reversed(parts):
        limits = {"api": API_STOP_S, "worker": WORKER_STOP_S}
        part.stop(limits.get(part.name, max(deadline_s - time.monotonic() - POSTGRES_KILL_S, 1.0)))


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does; an ignored one stays ignored (nohup)."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
