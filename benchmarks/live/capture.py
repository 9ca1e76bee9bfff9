"""What capturing changes costs writers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import psycopg

from benchmarks.live.readers import messages_of, reading
from benchmarks.live.setting import Setting, on_its_own
from benchmarks.live.writing import body_of, send, text_of
from benchmarks.report import Figure, Report

TITLE = "Live queries: what change capture costs writers"
EXPECTED = "A tenth of the writes at most: one or two rows more a commit, in the same transaction, and no lock that outlives it."
CLIENTS = 8
CAPTURING = ("sessions", "session_tags", "messages")

APPEND = """
insert into messages (workspace_id, session_id, external_id, role, text, created_at)
values (current_workspace(), %s, %s, 'assistant', %s, clock_timestamp())
"""


def _measure(setting: Setting, report: Report) -> None:
    """The worker rests meanwhile: it would index what is captured, and not what is not."""
    seconds, rounds = (1.5, 2) if setting.quick else (5.0, 4)
    sessions = setting.sessions("capture", CLIENTS)
    setting.quiet()
    with setting.tables() as conn:
        rows = conn.execute(
            "select external_id, id from sessions where external_id = any(%s)", (sessions,)
        ).fetchall()
    numbers: dict[str, int] = dict(rows)
    worker = setting.worker()
    worker.suspend()
    try:
        with reading(setting.service.url, setting.service.key, messages_of(sessions)[:1]) as readers:
            readers.until_told()
            for what, write in (
                ("POST /sync/message", lambda place, until_s: _posted(setting, sessions[place], until_s)),
                ("bare inserts by psycopg", lambda place, until_s: _inserted(setting, numbers[sessions[place]], until_s)),
            ):  # fmt: skip
                _rate(write, 0.5)
                with_it, without = [], []
                for _ in range(rounds):
                    with_it.append(_rate(write, seconds))
                    with _uncaptured(setting):
                        without.append(_rate(write, seconds))
                report.add(
                    Figure(what=f"writes with change capture, {CLIENTS} clients: {what}", values=with_it, unit="commits/s",
                           baselines=without, baseline="its triggers disabled", must=0.75, target=0.9, goal_on="ratio", better="higher")
                )  # fmt: skip
    finally:
        worker.resume()


def _rate(write: Callable[[int, float], int], seconds: float) -> float:
    """Commits a second of all clients."""
    begun_s = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        written = sum(pool.map(lambda place: write(place, begun_s + seconds), range(CLIENTS)))
    return written / (time.monotonic() - begun_s)


def _posted(setting: Setting, session: str, until_s: float) -> int:
    client, written = setting.client(), 0
    while time.monotonic() < until_s:
        setting.refused += send(client, body_of(session, next(setting.marks)))
        written += 1
    return written


def _inserted(setting: Setting, session_id: int, until_s: float) -> int:
    with setting.tables() as conn:
        for written in count():
            if time.monotonic() >= until_s:
                return written
            mark = next(setting.marks)
            conn.execute(APPEND, (session_id, f"bare-{mark}", text_of(mark)))
    raise AssertionError


@contextmanager
def _uncaptured(setting: Setting) -> Iterator[None]:
    """The triggers of the change log off; the others stay, in both rounds."""
    try:
        _switch(setting, "disable")
        yield
    finally:
        _switch(setting, "enable")


def _switch(setting: Setting, how: str) -> None:
    with psycopg.connect(setting.service.database_url, autocommit=True) as conn:
        for table in CAPTURING:
            names = conn.execute(
                "select tgname from pg_trigger where tgrelid = %s::regclass and tgname like 'log\\_%%'",
                (table,),
            ).fetchall()
            for (name,) in names:
                conn.execute(f"alter table {table} {how} trigger {name}")


run = on_its_own(_measure)
