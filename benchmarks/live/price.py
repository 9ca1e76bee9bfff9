"""What live queries cost: writers, bytes, and a service where nothing is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import psutil
import psycopg

from benchmarks.live.readers import messages_of, reading
from benchmarks.live.setting import Raw, Setting
from benchmarks.live.writing import Commit, body_of, delivered, send, text_of
from benchmarks.report import Figure, Report

CLIENTS = 8
CAPTURING = ("sessions", "session_tags", "messages")
STREAMS = 2000
IDLE_S = 20.0

APPEND = """
insert into messages (workspace_id, session_id, external_id, role, text, created_at)
values (current_workspace(), %s, %s, 'assistant', %s, clock_timestamp())
"""


def measure(setting: Setting, report: Report) -> None:
    _capture(setting, report)
    _bytes(setting, report)
    _idle(setting, report)


def _capture(setting: Setting, report: Report) -> None:
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
        send(client, body_of(session, next(setting.marks)))
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


def _bytes(setting: Setting, report: Report) -> None:
    there, appended = 50, 150
    sessions = setting.sessions("viewed", 1, messages=there, chars=1000)
    client, plain = setting.client(), 0
    with reading(setting.service.url, setting.service.key, messages_of(sessions)) as readers:
        readers.until_told()
        for _ in range(appended):
            mark = next(setting.marks)
            send(client, body_of(sessions[0], mark))
            delivered(readers, {mark: Commit(sessions[0], time.monotonic())}, {sessions[0]: (0,)})
            plain += len(
                Raw(setting.service).text(f"/api/sessions/{sessions[0]}/messages?limit=1000").encode()
            )
        told = readers.seen().bytes
    report.add(
        Figure(what="bytes to one viewer: a session of 50 messages, 150 more, all told one by one", values=[told / 1000], unit="kB",
               baselines=[plain / 1000], baseline="the result sent after each", must=0.05, target=0.02, goal_on="ratio")
    )  # fmt: skip


def _idle(setting: Setting, report: Report) -> None:
    streams = 300 if setting.quick else STREAMS
    seconds = 5.0 if setting.quick else IDLE_S
    sessions = setting.sessions("topic", streams)
    setting.quiet()
    api = setting.api()
    with reading(setting.service.url, setting.service.key, messages_of(sessions)) as readers:
        readers.until_told()
        setting.quiet()
        time.sleep(2)
        before, cpu_s, client_s, begun_s = (
            setting.figures(),
            _cpu_s(api),
            readers.seen().cpu_s,
            time.monotonic(),
        )
        time.sleep(seconds)
        passed_s = time.monotonic() - begun_s
        used_s, after = _cpu_s(api) - cpu_s, setting.figures()
        client_share = (readers.seen().cpu_s - client_s) / passed_s
    report.add(
        Figure(what=f"idle: {streams:,} streams, no writes: the API process", values=[100 * used_s / passed_s], unit="% of a core", must=5)
    )  # fmt: skip
    looks = sum(after[name] - before[name] for name in ("live_ticks_total", "live_statements_total"))
    report.add(
        Figure(what=f"idle: {streams:,} streams: looks into the log and statements for answers", values=[looks / passed_s],
               unit="queries/s", must=5)
    )  # fmt: skip
    report.note(f"Idle: the load client used {100 * client_share:.1f} % of a core.")


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)
