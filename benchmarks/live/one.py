"""One topic: with one reader on an idle system, with a thousand, and what each commit asks of Postgres then."""

from __future__ import annotations

import psycopg

from benchmarks.live import stub
from benchmarks.live.readers import messages_of, reading
from benchmarks.live.setting import Setting, on_its_own
from benchmarks.live.writing import Delivery, commits, delivered
from benchmarks.measure import latencies, percentile
from benchmarks.report import Figure, Report

TITLE = "Live queries, one topic: from the acknowledged commit to the bytes at the client"
EXPECTED = """One subscriber: about 2 ms, which is four round trips to Postgres in the process that also answers the writer; 1,000 subscribers: about
60 ms p99, which is 1,000 writes to sockets; what is asked of Postgres does not depend on the number of subscribers."""
CROWD, PACE = 1000, 5.0


def _measure(setting: Setting, report: Report) -> None:
    crowd, seconds = (200, 6.0) if setting.quick else (CROWD, 20.0)
    setting.quiet()
    alone, asked_alone, _ = _followed(setting, 1, seconds, session="alone")
    notice = _notice(setting)
    report.add(
        Figure(what="one subscriber, idle system: delay p50", values=[alone.ms(50)], unit="ms", baselines=[percentile(notice, 50)],
               baseline="R, a raw NOTIFY until it is heard", must=20, target=10, goal_on="ratio")
    )  # fmt: skip
    report.note(
        f"One subscriber: {alone.early} of {len(alone.delays_ms)} events came before the writer had its answer, and count as 0 ms; p99 {alone.ms(99):.1f} ms."
    )
    together, asked_together, event_bytes = _followed(setting, crowd, seconds, session="crowd")
    able = stub.ability(streams=crowd, event_bytes=event_bytes, pace=PACE, burst=crowd, seconds=seconds / 2)
    report.add(
        Figure(what=f"one topic, {crowd:,} subscribers, 5 commits/s: delay p99", values=[together.ms(99)], unit="ms",
               baselines=[percentile(able.delays_ms, 99)], baseline="the same bursts from a stub, the load client included",
               must=250, target=100)
    )  # fmt: skip
    report.note(
        f"{crowd:,} subscribers: lost {together.lost}, delay p50 {together.ms(50):.1f} ms; the load client takes {able.events_per_s:,.0f} events/s and was asked for {crowd * PACE:,.0f}."
    )
    report.add(
        Figure(what=f"statements of live queries a commit, {crowd:,} subscribers of one entry", values=[asked_together], unit="statements",
               baselines=[asked_alone], baseline="with one subscriber", must=3)
    )  # fmt: skip


def _followed(setting: Setting, readers: int, seconds: float, *, session: str) -> tuple[Delivery, float, int]:
    """What came of commits to one session, what a commit asked of Postgres, and the bytes of an event."""
    sessions = setting.sessions(session, 1)
    with reading(setting.service.url, setting.service.key, messages_of(sessions * readers)) as held:
        held.until_told()
        setting.quiet()
        seen, before = held.seen(), setting.figures()
        done = commits(setting, sessions, pace=PACE, seconds=seconds)
        found = delivered(held, done, {sessions[0]: range(readers)})
        after, read = setting.figures(), held.seen()
    statements = _reads(after) - _reads(before)
    return (
        found,
        statements / len(done),
        round((read.bytes - seen.bytes) / max(1, read.events - seen.events)),
    )


def _reads(figures: dict[str, float]) -> float:
    """Looks into the log, and statements for answers; both in a transaction that is begun and ended."""
    return figures["live_ticks_total"] + figures["live_statements_total"]


def _notice(setting: Setting) -> list[float]:
    """From one connection to another, milliseconds."""
    url = setting.service.database_url
    with (
        psycopg.connect(url, autocommit=True) as hearing,
        psycopg.connect(url, autocommit=True) as ringing,
    ):
        hearing.execute("listen benchmark_live")

        def ring(_: int) -> None:
            ringing.execute("notify benchmark_live")
            next(hearing.notifies(timeout=5, stop_after=1))

        return latencies(ring, range(200))


run = on_its_own(_measure)
