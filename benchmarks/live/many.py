"""Many streams on topics of their own: how many, and how late."""

from __future__ import annotations

from benchmarks.live import stub
from benchmarks.live.readers import messages_of, reading
from benchmarks.live.setting import Setting, on_its_own
from benchmarks.live.writing import Delivery, under_load
from benchmarks.measure import percentile
from benchmarks.report import Figure, Report

TITLE = "Live queries, many topics: from the acknowledged commit to the bytes at the client"
EXPECTED = """5,000 streams on one process; about 4 ms p50 and 40 ms p99 at 50 commits/s: a tick takes about 2 ms, and the worker's indexing shares the
cores."""
PACE, CHARS = 50.0, 60


def _measure(setting: Setting, report: Report) -> None:
    sizes, seconds = ((300,), 6.0) if setting.quick else ((2000, 5000), 20.0)
    sessions = setting.sessions("topic", sizes[-1], chars=CHARS)
    setting.quiet()
    held = 0.0
    for size in sizes:
        with reading(setting.service.url, setting.service.key, messages_of(sessions[:size])) as readers:
            opened_s = readers.until_told()
            found, event_bytes = under_load(setting, readers, sessions[:size], pace=PACE, seconds=seconds)
            cuts = readers.seen().cuts
        report.note(
            f"{size:,} streams were open after {opened_s:.1f} s; {len(found.delays_ms):,} events arrived, lost: {found.lost}; cut: {cuts}."
        )
        held = held if found.lost else float(size)
        _latency(report, found, size, _able(report, size, event_bytes, seconds / 4))
    report.add(
        Figure(what="streams on distinct topics, 50 commits/s, none lost", values=[held], unit="streams",
               must=2000, target=5000, better="higher")
    )  # fmt: skip


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


run = on_its_own(_measure)
