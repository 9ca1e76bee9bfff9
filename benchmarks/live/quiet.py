"""What is sent and what is asked when little happens: a session that grows under one viewer, and streams at rest."""

from __future__ import annotations

import time

import psutil

from benchmarks.live.readers import messages_of, reading
from benchmarks.live.setting import Raw, Setting, on_its_own
from benchmarks.live.writing import Commit, body_of, delivered, send
from benchmarks.report import Figure, Report

TITLE = "Live queries: bytes to one viewer, and rest"
EXPECTED = "About 1 % of the bytes: a message once in place of all of them each time. At rest four looks into the log a second, and 1 % of a core."
STREAMS, CHARS = 2000, 60
IDLE_S = 20.0


def _measure(setting: Setting, report: Report) -> None:
    _bytes(setting, report)
    _idle(setting, report)


def _bytes(setting: Setting, report: Report) -> None:
    there, appended = 50, 150
    sessions = setting.sessions("viewed", 1, messages=there, chars=1000)
    client, plain = setting.client(), 0
    with reading(setting.service.url, setting.service.key, messages_of(sessions)) as readers:
        readers.until_told()
        for _ in range(appended):
            mark = next(setting.marks)
            setting.refused += send(client, body_of(sessions[0], mark))
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
    sessions = setting.sessions("topic", streams, chars=CHARS)
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


run = on_its_own(_measure)
