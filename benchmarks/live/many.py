"""Many streams on topics of their own: how many, how late, and beside a transaction that stays open."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from benchmarks.live import stub
from benchmarks.live.readers import Readers, messages_of, reading
from benchmarks.live.setting import Setting
from benchmarks.live.writing import Delivery, commits, delivered
from benchmarks.measure import percentile
from benchmarks.report import Figure, Report

PACE = 50.0


def measure(setting: Setting, report: Report) -> None:
    sizes = (300,) if setting.quick else (2000, 5000)
    seconds, held_s = (6.0, 10.0) if setting.quick else (30.0, 60.0)
    sessions = setting.sessions("topic", sizes[-1])
    setting.quiet()
    held = 0.0
    for size in sizes:
        with reading(setting.service.url, setting.service.key, messages_of(sessions[:size])) as readers:
            opened_s = readers.until_told()
            found, event_bytes = _under_load(setting, readers, sessions[:size], seconds)
            report.note(
                f"{size:,} streams were open after {opened_s:.1f} s; lost: {found.lost}; cut: {readers.seen().cuts}."
            )
            held = held if found.lost else float(size)
            _latency(report, found, size, _able(report, size, event_bytes, seconds / 3))
            if size == sizes[0]:
                _beside_an_old_transaction(setting, report, readers, sessions[:size], found, held_s)
    report.add(
        Figure(what="streams on distinct topics, 50 commits/s, none lost", values=[held], unit="streams",
               must=2000, target=5000, better="higher")
    )  # fmt: skip


def _under_load(
    setting: Setting, readers: Readers, sessions: Sequence[str], seconds: float
) -> tuple[Delivery, int]:
    """What came of the commits, and the bytes of one event."""
    followers = {session: (number,) for number, session in enumerate(sessions)}
    delivered(readers, commits(setting, sessions, pace=PACE, seconds=2.0), followers)  # warm
    before = readers.seen()
    done = commits(setting, sessions, pace=PACE, seconds=seconds)
    found = delivered(readers, done, followers)
    after = readers.seen()
    return found, round((after.bytes - before.bytes) / max(1, after.events - before.events))


def _able(report: Report, size: int, event_bytes: int, seconds: float) -> stub.Ability:
    """The client alone, as many streams and bytes."""
    able = stub.ability(streams=size, event_bytes=event_bytes, pace=PACE, seconds=seconds)
    report.add(
        Figure(what=f"the load client's own capacity, {size:,} streams, events of {event_bytes} bytes from a stub",
               values=[able.events_per_s], unit="events/s", baselines=[PACE], baseline="what the row asks of it",
               better="higher")
    )  # fmt: skip
    return able


def _latency(report: Report, found: Delivery, size: int, able: stub.Ability) -> None:
    for percent, must, target in ((50, 15.0, 5.0), (99, 80.0, 30.0)):
        report.add(
            Figure(what=f"{size:,} streams, 50 commits/s: delay p{percent}", values=[found.ms(percent)], unit="ms",
                   baselines=[percentile(able.delays_ms, percent)], baseline="the load client's own, against a stub",
                   must=must, target=target)
        )  # fmt: skip


def _beside_an_old_transaction(
    setting: Setting,
    report: Report,
    readers: Readers,
    sessions: Sequence[str],
    before: Delivery,
    seconds: float,
) -> None:
    """A transaction that has written, and neither commits nor ends while others go on."""
    with psycopg.connect(setting.service.database_url) as conn:
        conn.execute("select pg_current_xact_id()")
        found, _ = _under_load(setting, readers, sessions, seconds)
        conn.rollback()
    report.add(
        Figure(what=f"an older transaction open for {seconds:.0f} s: others' delay p99", values=[found.ms(99)], unit="ms",
               baselines=[before.ms(99)], baseline="without it, just before", must=2, target=1.2, goal_on="ratio")
    )  # fmt: skip
