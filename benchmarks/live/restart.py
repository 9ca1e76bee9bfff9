"""The API is killed under its streams, and each of them has missed something when it comes back."""

from __future__ import annotations

import os
import signal
import time

from benchmarks.live.reader import RETRY_S
from benchmarks.live.readers import Readers, messages_of, reading
from benchmarks.live.setting import Raw, Setting, on_its_own
from benchmarks.live.writing import text_of
from benchmarks.report import Figure, Report
from benchmarks.running import BenchmarkError

TITLE = "Live queries: streams resume after the API was killed"
EXPECTED = """All current within 4 s: the API answers again after 1.5 s, readers come back spread over another 1.2 s, and 2,000 answers are read, 500 in a
statement."""
STREAMS, CHARS = 2000, 60
CURRENT_WITHIN_S = 60.0

APPEND_TO_EACH = """
insert into messages (workspace_id, session_id, external_id, role, text, created_at)
select workspace_id, id, 'while away', 'assistant', %s, clock_timestamp() from sessions where external_id = any(%s)
"""


def _measure(setting: Setting, report: Report) -> None:
    """Every session changes while the API is away, so that every stream has missed something."""
    streams = 300 if setting.quick else STREAMS
    sessions = setting.sessions("topic", streams, chars=CHARS)
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
        f"After the restart the last of {streams:,} streams was current {current[-1] - ready_s:.1f} s after /health answered, half of them {current[streams // 2] - ready_s:.1f} s; clients wait {RETRY_S[0]} to {RETRY_S[1]} s before they come again."
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


run = on_its_own(_measure)
