"""Readers that stop reading while much is written: what they cost the process, and the others."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import psutil

from benchmarks.live.readers import Readers, messages_of, reading
from benchmarks.live.setting import Setting, on_its_own
from benchmarks.live.writing import Commit, commits, delivered
from benchmarks.report import Figure, Report
from benchmarks.running import BenchmarkError

TITLE = "Live queries: readers that stopped reading"
EXPECTED = """A few MB: a reader that stopped keeps one payload in the process, the rest in its socket, and is cut after 30 s without taking a byte; others
do not notice."""
STOPPED, HOT, PACE = 100, 10, 20.0
HOT_MESSAGES, ROWS, COMMITS_S = 100, 50, 20.0
"""A session that changes all the time has so many messages; a commit changes so many of them."""
WORDS = 300
"""Of a note, about 2,000 bytes: a socket's buffers on one machine hold 2.5 MB, which are full within seconds. Notes, since
nothing else follows them: with new texts this would measure how the worker indexes a thousand of them a second."""
RECEIVE_BYTES = 4096
"""What the system keeps for a reader that has stopped."""

CHANGE = """
update messages set notes = %s || id
where id in (
    select m.id from messages m join sessions s on s.workspace_id = m.workspace_id and s.id = m.session_id
    where s.workspace_id = current_workspace() and s.external_id = %s
    order by m.id limit %s
)
"""


def _measure(setting: Setting, report: Report) -> None:
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
        before_ms = _delay(setting, healthy, others, followers, seconds / 4)
        memory, changed = Memory(api), changes.rows
        still = held.enter_context(
            reading(url, key, messages_of(hot * (STOPPED // HOT)), receive_bytes=RECEIVE_BYTES)
        )
        still.until_told()
        still.stall()
        open_before = setting.figures()["streams"]
        begun_s = time.monotonic()
        with memory:
            while_ms = _delay(setting, healthy, others, followers, seconds)
        rate = (changes.rows - changed) / (time.monotonic() - begun_s)
        cut = open_before - setting.figures()["streams"]
    report.note(
        f"{cut:.0f} of the {STOPPED} had been cut at the end: they had taken nothing for 30 s, with their sockets full. Others' delay p50 {while_ms[0]:.1f} ms, before {before_ms[0]:.1f} ms."
    )
    report.add(
        Figure(what=f"{STOPPED} readers that stopped reading, {rate:,.0f} changes/s for {seconds:.0f} s: memory of the API", values=[memory.grown_mb],
               unit="MB more", must=50)
    )  # fmt: skip
    report.add(
        Figure(what="the same: others' delay p99", values=[while_ms[1]], unit="ms", baselines=[before_ms[1]],
               baseline="the same changes without those readers", must=1.5, goal_on="ratio")
    )  # fmt: skip


def _delay(
    setting: Setting,
    readers: Readers,
    sessions: Sequence[str],
    followers: Mapping[str, Sequence[int]],
    seconds: float,
) -> tuple[float, float]:
    """Its p50 and p99, milliseconds."""
    done: dict[int, Commit] = commits(setting, sessions, pace=PACE, seconds=seconds)
    found = delivered(readers, done, followers)
    if found.lost:
        raise BenchmarkError(f"{found.lost} events were lost beside readers that stand still.")
    return found.ms(50), found.ms(99)


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
                text = f"{turn} {' '.join(chance.choices(('again', 'another', 'word'), k=WORDS))} "
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


run = on_its_own(_measure)
