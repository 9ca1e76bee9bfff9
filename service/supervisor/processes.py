"""One API or one worker in this process, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
import uvloop

from service import logs
from service.bootstrap import Resources, open_resources
from service.postgres import database_url
from service.settings import Settings
from service.storage import migrations

log = structlog.get_logger()


def run_api(settings: Settings, listener: socket.socket) -> None:
    """Serve on `listener`, which is bound. Errors: `DatabaseUnavailable`."""
    run(settings, lambda resources: answer(resources, listener))


def run_worker(settings: Settings) -> None:
    """Index and keep house. Errors: `DatabaseUnavailable`."""
    run(settings, work)


async def answer(resources: Resources, listener: socket.socket) -> None:
    import uvicorn

    from service import connections
    from service.app import create_app

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Streams never finish by themselves: waiting for them would take all of FAREWELL_S.
            await resources.live.stop()
            await super().shutdown(sockets)

    connections.allow_many_files()
    config = connections.server(create_app(resources), resources.settings)
    keep_what_is_there()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    log.info("listening", address=listener.getsockname()[0], port=listener.getsockname()[1])
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again when it has stopped
        await Server(config).serve(sockets=[listener])


async def work(resources: Resources) -> None:
    from service.worker import run_worker

    keep_what_is_there()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await run_worker(resources)


def keep_what_is_there() -> None:
    """What was made to start stays until the end. A full collection that walks through it held searches up for 10 ms and
    more, and was a fifth of what an import cost."""
    gc.collect()
    gc.freeze()


def run(settings: Settings, main: Callable[[Resources], Coroutine[Any, Any, None]]) -> None:
    """Open what `main` needs, and close it when it returns.

    Errors: `DatabaseUnavailable`; `MigrationError` when this program and the database do not belong together.
    """

    async def opened() -> None:
        resources = await open_resources(settings)
        try:
            await main(resources)
        finally:
            await resources.close()

    logs.configure(settings.log_level)
    migrations.check(database_url(settings))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(opened())
