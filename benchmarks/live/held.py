"""Beside a transaction that has written, and neither commits nor ends while others go on."""

from __future__ import annotations

import psycopg

from benchmarks.live.readers import messages_of, reading
from benchmarks.live.setting import Setting, on_its_own
from benchmarks.live.writing import under_load
from benchmarks.report import Figure, Report

TITLE = "Live queries beside a transaction that stays open"
EXPECTED = "No difference: a look into the log asks for what begins behind the snapshot, and for what was running then, by name."
PACE, STREAMS, CHARS = 50.0, 2000, 60


def _measure(setting: Setting, report: Report) -> None:
    streams, seconds = (300, 10.0) if setting.quick else (STREAMS, 60.0)
    sessions = setting.sessions("topic", streams, chars=CHARS)
    setting.quiet()
    with reading(setting.service.url, setting.service.key, messages_of(sessions)) as readers:
        readers.until_told()
        before, _ = under_load(setting, readers, sessions, pace=PACE, seconds=seconds / 3)
        with psycopg.connect(setting.service.database_url) as conn:
            conn.execute("select pg_current_xact_id()")
            found, _ = under_load(setting, readers, sessions, pace=PACE, seconds=seconds)
            conn.rollback()
    report.add(
        Figure(what=f"{streams:,} streams, 50 commits/s, an older transaction open for {seconds:.0f} s: others' delay p99", values=[found.ms(99)],
               unit="ms", baselines=[before.ms(99)], baseline="without it, just before", must=2, target=1.2, goal_on="ratio")
    )  # fmt: skip
    report.note(f"p50 {found.ms(50):.1f} ms beside it, {before.ms(50):.1f} ms without; lost: {found.lost}.")


run = on_its_own(_measure)
