"""The link to Postgres: both sides notice within seconds that the other one is gone without a word.

A process that dies says goodbye (its kernel closes the connection). A machine that loses power, a cable, a firewall that
forgets do not, and then TCP alone waits for a quarter of an hour, and Postgres for two: with an advisory lock that the
dead one held. Hence keepalives on both sides; and, for a proxy between us that lives while what is behind it does not,
a limit to how long an answer may be missing, after which the connection is cut.
"""

from __future__ import annotations

import asyncio
import gc
import os
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping
from psycopg.rows import Row
from psycopg_pool import AsyncConnectionPool

PARAMETERS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""Of libpq, for every connection that we make."""
SERVER_SIDE = (
    "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3; "
    "set tcp_user_timeout = '15s'"
)
"""To be said on a new connection; without meaning on a socket of this machine."""
CHECK_S = 2.0
"""A connection that rested answers an empty question within this time, or is not used any more."""
TRUSTED_S = 1.0
"""So long after it answered, a connection whose socket is silent is used unasked: an end that is told makes a socket readable."""
STATEMENT_S = 60
"""After so long the server gives up on a statement."""
GRACE_S = 10.0
"""And so much later we give up on the server."""
DOUBT_S = 3.0
"""An answer that is missing for so long is of a slow statement, or of a server that nobody reaches: the server is asked which."""
PING_S = 2
"""So long it may take to answer that (libpq's least)."""


class Link(psycopg.AsyncConnection[Row]):
    """psycopg's connection; an attempt that came to nothing leaves no socket open."""

    answered_s: float = 0.0
    """When it last answered `check`, on the monotonic clock."""

    @classmethod
    async def connect(cls, *args: Any, **kwargs: Any) -> Self:
        try:
            return await super().connect(*args, **kwargs)
        except psycopg.errors.ConnectionTimeout:
            # What was half open hangs in the cycle of an exception with its traceback, and would become a connection of
            # Postgres, used by nobody, as soon as the network is back.
            gc.collect()
            raise


async def check(conn: psycopg.AsyncConnection[Any]) -> None:
    """Errors: `psycopg.OperationalError` when nobody answers any more."""
    trusted = isinstance(conn, Link) and time.monotonic() - conn.answered_s < TRUSTED_S
    if trusted and is_silent(conn.fileno()):
        return
    with answered_within(conn, CHECK_S):
        await AsyncConnectionPool.check_connection(conn)
    if isinstance(conn, Link):
        conn.answered_s = time.monotonic()


def is_silent(descriptor: int) -> bool:
    """Whether a socket has nothing to read: no word, and no end."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return not poll.poll(0)


@contextmanager
def answered_within(
    conn: psycopg.AsyncConnection[Any], seconds: float = STATEMENT_S + GRACE_S
) -> Iterator[None]:
    """Cut the connection when the block lasts longer, or when nobody reaches its server meanwhile: what waits in it then meets
    `psycopg.OperationalError`. An answer that is here, and that we are too busy to read, is an answer."""
    loop = asyncio.get_running_loop()

    def late() -> None:
        if not conn.closed and not is_silent(conn.fileno()):
            timers[0] = loop.call_later(seconds, late)
        else:
            cut(conn)

    timers = [loop.call_later(seconds, late)]
    if seconds > DOUBT_S:
        timers.append(loop.call_later(DOUBT_S, doubt, conn, timers))
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


def doubt(conn: psycopg.AsyncConnection[Any], timers: Sequence[asyncio.TimerHandle]) -> None:
    """Ask the server, beside the connection, whether it can be reached, and cut the connection if not and it still waits."""

    def told(asked: asyncio.Future[bool]) -> None:
        known = not asked.cancelled() and asked.exception() is None
        if known and not asked.result() and not timers[0].cancelled():
            cut(conn)

    if not conn.closed:
        asyncio.get_running_loop().run_in_executor(None, is_reached, conn.info.dsn).add_done_callback(told)


def is_reached(dsn: str) -> bool:
    """Whether the server answers a stranger: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQPING"""
    return PGconn.ping(make_conninfo(dsn, connect_timeout=PING_S).encode()) != Ping.NO_RESPONSE


def cut(conn: psycopg.AsyncConnection[Any]) -> None:
    """End the connection at our end, so that whoever reads from it reads its end; psycopg then cleans up by itself."""
    if conn.closed:
        return
    with socket.socket(fileno=os.dup(conn.fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)
