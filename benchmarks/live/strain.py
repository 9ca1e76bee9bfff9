"""What goes wrong in a day: the API is restarted under its streams; readers stop reading while much is written."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import psutil

from benchmarks.live.readers import Readers, messages_of, reading
from benchmarks.live.setting import Raw, Setting
from benchmarks.live.writing import Commit, commits, delivered, text_of
from benchmarks.report import Figure, Report
from benchmarks.running import BenchmarkError

STREAMS = 2000
CURRENT_WITHIN_S = 60.0
STOPPED, HOT, PACE = 100, 10, 20.0
HOT_MESSAGES, ROWS, COMMITS_S = 100, 50, 20.0
"""A session that changes all the time has so many messages; a commit changes so many of them."""

APPEND_TO_EACH = """
insert into messages (workspace_id, session_id, external_id, role, text, created_at)
select workspace_id, id, 'while away', 'assistant', %s, clock_timestamp() from sessions where external_id = any(%s)
"""
CHANGE = """
update messages set text = %s || id
where id in (
    select m.id from messages m join sessions s on s.workspace_id = m.workspace_id and s.id = m.session_id
    where s.workspace_id = current_workspace() and s.external_id = %s
    order by m.id limit %s
)
"""


def measure(setting: Setting, report: Report) -> None:
    _restart(setting, report)
    _stopped(setting, report)


def _restart(setting: Setting, report: Report) -> None:
    """Every session changes while the API is away, so that every stream has missed something."""
    streams = 300 if setting.quick else STREAMS
    sessions = setting.sessions("topic", streams)
    setting.quiet()
    mark = next(setting.marks)
    with reading(setting.service.url, setting.service.key, messages_of(sessions)) as readers:
        readers.until_told()
        killed_s = time.monotonic()
        os.kill(setting.api().pid, signal.SIGKILL)
        with setting.tables() as conn:
            conn.execute(APPEND_TO_EACH, (text_of(mark), sessions))
        while not Raw(setting.service).ready():
            time.sleep(0.02)
        ready_s = time.monotonic()
        current = _current(readers, mark, streams)
    report.add(
        Figure(what=f"API killed, {streams:,} streams resume: all told what they missed, since the kill", values=[current[-1] - killed_s],
               unit="s", baselines=[ready_s - killed_s], baseline="until the API answers again", must=10, target=5)
    )  # fmt: skip
    report.note(
        f"After the restart the last of {streams:,} streams was current {current[-1] - ready_s:.1f} s after /health answered, half of them {current[streams // 2] - ready_s:.1f} s; clients wait {0.3} to {1.5} s before they come again."
    )


def _current(readers: Readers, mark: int, streams: int) -> list[float]:
    """When each stream had read the mark, in order of time."""
    first: dict[int, float] = {}
    end = time.monotonic() + CURRENT_WITHIN_S
    while len(first) < streams:
        for each in readers.arrivals():
            if each.mark == mark:
                first.setdefault(each.stream, each.at_s)
        if time.monotonic() > end:
            raise BenchmarkError(
                f"{streams - len(first)} of {streams} streams were not current within {CURRENT_WITHIN_S:.0f} s."
            )
        time.sleep(0.1)
    return sorted(first.values())


def _stopped(setting: Setting, report: Report) -> None:
    """Others' delay and memory: the same changes to the same answers, first without readers who stand still."""
    seconds = 15.0 if setting.quick else 60.0
    hot = setting.sessions("hot", HOT, messages=HOT_MESSAGES)
    others = setting.sessions("others", 100)
    setting.quiet()
    api = setting.api()
    url, key = setting.service.url, setting.service.key
    followers = {session: (number,) for number, session in enumerate(others)}
    with ExitStack() as held, Changes(setting, hot) as changes:
        healthy = held.enter_context(reading(url, key, messages_of([*others, *hot])))
        healthy.until_told()
        _delay(setting, healthy, others, followers, 3.0)
        before_ms = _delay(setting, healthy, others, followers, seconds / 3)
        memory, changed = Memory(api), changes.rows
        still = held.enter_context(reading(url, key, messages_of(hot * (STOPPED // HOT))))
        still.until_told()
        still.stall()
        begun_s = time.monotonic()
        with memory:
            while_ms = _delay(setting, healthy, others, followers, seconds)
        rate = (changes.rows - changed) / (time.monotonic() - begun_s)
    report.add(
        Figure(what=f"{STOPPED} readers that stopped reading, {rate:,.0f} changes/s for {seconds:.0f} s: memory of the API", values=[memory.grown_mb],
               unit="MB more", must=50)
    )  # fmt: skip
    report.add(
        Figure(what="the same: others' delay p99", values=[while_ms], unit="ms", baselines=[before_ms],
               baseline="the same changes without those readers", must=1.5, goal_on="ratio")
    )  # fmt: skip


def _delay(
    setting: Setting,
    readers: Readers,
    sessions: Sequence[str],
    followers: Mapping[str, Sequence[int]],
    seconds: float,
) -> float:
    done: dict[int, Commit] = commits(setting, sessions, pace=PACE, seconds=seconds)
    found = delivered(readers, done, followers)
    if found.lost:
        raise BenchmarkError(f"{found.lost} events were lost beside readers that stand still.")
    return found.ms(99)


class Changes:
    """Sessions whose messages are rewritten, `ROWS` a commit and `COMMITS_S` commits a second, in a thread."""

    def __init__(self, setting: Setting, sessions: Sequence[str]) -> None:
        self.rows = 0
        self._setting, self._sessions = setting, sessions
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Changes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        chance, turn, begun_s = random.Random(3), 0, time.monotonic()
        with self._setting.tables() as conn:
            while not self._over.wait(max(0.0, begun_s + turn / COMMITS_S - time.monotonic())):
                turn += 1
                text = f"{turn} {' '.join(chance.choices(('again', 'another', 'word'), k=30))} "
                self.rows += conn.execute(CHANGE, (text, chance.choice(self._sessions), ROWS)).rowcount
                conn.execute("notify backscroll_bell")


class Memory:
    """The most that a process held while this was open, above what it had before; megabytes."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._at_first = process.memory_info().rss
        self._most = self._at_first
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def grown_mb(self) -> float:
        return float(self._most - self._at_first) / 1e6

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            self._most = max(self._most, self._process.memory_info().rss)
