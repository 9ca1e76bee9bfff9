"""The link to Postgres: a server that is slow is told from one that nobody reaches."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from service.storage import link


def test_it_knows_a_server_that_answers_strangers(database_url: str) -> None:
    """A Postgres that is there says so to whoever asks."""
    assert link.is_reached(make_conninfo(database_url))


def test_it_knows_a_server_that_says_nothing() -> None:
    """One that takes connections and is silent, as behind a network that lost its way; it is known soon."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun_s = time.monotonic()
        assert not link.is_reached(f"host=127.0.0.1 port={silent.getsockname()[1]} dbname=x user=x")
        assert time.monotonic() - begun_s < 3 * link.PING_S


async def test_it_waits_for_a_slow_statement(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That an answer is missing for long is no reason to cut a connection whose server is there."""
    monkeypatch.setattr(link, "DOUBT_S", 0.05)
    async with await psycopg.AsyncConnection.connect(database_url) as conn:
        with link.answered_within(conn):
            answer = await (await conn.execute("select pg_sleep(0.6), 7")).fetchone()
    assert answer is not None
    assert answer[1] == 7


async def test_it_takes_an_answer_that_it_was_too_busy_to_read(database_url: str) -> None:
    """Where our own loop stood still for longer than an answer may be missing, the server is not to blame."""
    async with await psycopg.AsyncConnection.connect(database_url) as conn:
        with link.answered_within(conn, 2.0):
            asked = asyncio.create_task(conn.execute("select 7"))
            await asyncio.wait({asked}, timeout=0)  # the transaction's begin is sent
            threading.Event().wait(2.5)  # and nothing else of this loop goes on
            assert not link.is_silent(conn.fileno())
            assert await (await asked).fetchone() == (7,)
        assert not conn.closed


async def test_it_cuts_a_connection_whose_answer_is_missing(database_url: str) -> None:
    """What waits in it then meets an error."""
    async with await psycopg.AsyncConnection.connect(database_url) as conn:
        with link.answered_within(conn, 0.2), pytest.raises(psycopg.OperationalError):
            await conn.execute("select pg_sleep(20)")
