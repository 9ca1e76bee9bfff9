"""Usage: all facts from rows, one late message, beside plain SQL; real transcripts beside ccusage; memory."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from benchmarks import transcripts
from benchmarks.measure import Progress
from benchmarks.report import Figure, Report
from benchmarks.running import BenchmarkError, Options, Service, serving, tables, workspace_id
from service.jobs import rollup
from service.storage.database import Database, open_database
from service.storage.usage import facts, rows

TITLE = "Usage: rollup"
EXPECTED = """Facts from rows: 0.3 M rows/s; Postgres folds 0.6 M rows/s into arrays, numpy and Polars read and group them in half of
that, and writing the facts back takes the rest. One late message: its hour is derived again, about 100 rows: 30 ms and the way
of the bell. Plain SQL's GROUP BY is slower for the arrays it must sort. ccusage reads 25 MB in half a second; it keeps nothing, and reads them again each time."""
PARTS = ("plant", "derive", "rebuild", "late", "ccusage")
"""One after the other; with `--home DIR --part NAME` each may have its own run, of two or three minutes on 2 cores. Where `derive`
is cut off, the next goes on with what is left."""
NO_MODEL = {"BACKSCROLL_EMBEDDING_MODEL": "none"}
ROWS, QUICK_ROWS = 2_000_000, 50_000
DAYS = 730
"""Of all rows; of fewer, as many fewer: so many rows an hour and so many a fact are the same."""
ROUNDS = 3
LATE = 20
HOURS = 2_000
"""Of facts in one transaction."""

SESSIONS = """
insert into sessions (workspace_id, source, external_id, project_name, provider, created_at, updated_at)
select current_workspace(), (array['claude-code', 'codex-cli'])[1 + n %% 2], 'bench' || n, 'project ' || n %% 7, 'anthropic', now(), now()
from generate_series(1, %(sessions)s) n
"""
MESSAGES = """
insert into messages (workspace_id, session_id, external_id, role, model, prompt_tokens, completion_tokens, cache_read_tokens,
    duration_ms, created_at)
select current_workspace(), s.id, 'm' || n, (array['assistant', 'user'])[1 + n %% 2],
    case when n %% 2 = 0 then (array['claude-sonnet-4-5', 'claude-opus-4-6', 'gpt-5'])[1 + n / 40 %% 3] end,
    case when n %% 2 = 0 then n %% 3000 end, case when n %% 2 = 0 then n %% 700 end, case when n %% 2 = 0 then n %% 9000 end,
    case when n %% 2 = 0 then n %% 30000 end,
    %(start)s::timestamptz + %(step)s * n * interval '1 second'
from generate_series(%(first)s::bigint, %(last)s::bigint) n
join sessions s on s.workspace_id = current_workspace() and s.external_id = 'bench' || (1 + n / 100)
"""
GROUP_BY = """
select date_trunc('hour', occurred_at, 'UTC') as hour, source, provider, model, project, user_id, service, metric,
    count(*) as messages, sum(input_tokens) as a, sum(cache_read_tokens) as b, sum(cache_write_tokens) as c,
    sum(output_tokens) as d, sum(cost_nano_usd) as cost_nano_usd, sum(tool_calls) as e, sum(tool_errors) as f,
    array_agg(distinct session_id) as session_ids,
    array_agg(duration_ms order by duration_ms) filter (where duration_ms is not null) as durations_ms
from usage_rows where counted group by 1, 2, 3, 4, 5, 6, 7, 8
"""


def run(options: Options, report: Report) -> None:
    if options.url:
        report.note("Left out: it plants rows, which a service that runs already keeps.")
        return
    asked = options.parts or PARTS
    count = QUICK_ROWS if options.quick else ROWS
    steps = {"plant": _plant, "derive": _derive, "rebuild": _rebuild, "late": _late}
    if chosen := [steps[part] for part in steps if part in asked]:
        with serving(options, environ=NO_MODEL) as service:
            for step in chosen:
                step(service, report, count)
    if "ccusage" in asked:
        _beside_ccusage(options, report)


def _plant(service: Service, report: Report, count: int) -> None:
    """Messages, by SQL: how they came does not matter here. The worker derives none of them meanwhile."""
    days = DAYS * count // ROWS
    report.note(f"{count:,} messages in {days} days, 100 a session, 7 projects, 3 models, 2 sources.")
    step = DAYS * 86_400 / ROWS
    start = datetime.now(UTC) - timedelta(seconds=step * count)
    progress = Progress("messages", count, "messages")
    with tables(service) as conn:
        conn.execute("select pg_advisory_lock(hashtextextended('backscroll usage', current_workspace()))")
        conn.execute(SESSIONS, {"sessions": count // 100 + 1})
        for first in range(1, count + 1, 50_000):
            last = min(first + 49_999, count)
            conn.execute(MESSAGES, {"first": first, "last": last, "start": start, "step": step})
            progress.at(last)
    with psycopg.connect(service.database_url, autocommit=True) as owner:
        owner.execute("vacuum analyze messages, sessions, usage_marks")


def _derive(service: Service, report: Report, count: int) -> None:
    """By the service's own worker, of the marks that are there: all, unless a run before this one was cut off."""
    with tables(service) as conn:
        share = _marked_hours(conn) / (DAYS * 24 * count / ROWS)
        derived_s = _until_derived(conn, within_s=3600)
    report.add(
        Figure(
            what="everything anew, by the worker: messages -> usage rows, priced -> facts", values=[share * count / derived_s],
            unit="messages/s", better="higher",
        )
    )  # fmt: skip
    with psycopg.connect(service.database_url, autocommit=True) as owner:
        owner.execute("vacuum analyze usage_rows, usage_facts")


def _marked_hours(conn: psycopg.Connection[Any]) -> int:
    row = conn.execute("select count(distinct hour) from usage_marks").fetchone()
    assert row
    return int(row[0])


def _rebuild(service: Service, report: Report, count: int) -> None:
    asyncio.run(_beside_sql(service, report, count))


async def _beside_sql(service: Service, report: Report, count: int) -> None:
    db, id = await open_database(service.database_url, pool_size=2), workspace_id(service)
    folded, grouped = [], []
    for _ in range(ROUNDS):
        folded.append(count / await _fold(db, id))
        with tables(service) as conn, conn.transaction():
            start = time.perf_counter()
            conn.execute(f"create temporary table grouped on commit drop as {GROUP_BY}")
            grouped.append(count / (time.perf_counter() - start))
    report.add(
        Figure(
            what="full rebuild: usage rows -> hourly facts, stored", values=folded, unit="usage rows/s", must=200_000,
            target=500_000, better="higher", baselines=grouped, baseline="SQL GROUP BY into a temporary table",
        )
    )  # fmt: skip
    report.add(Figure(what="memory of the process that rebuilds, at most", values=[_peak_mb()], unit="MB"))
    await db.close()


async def _fold(db: Database, id: int) -> float:
    """All facts of a workspace from its usage rows, with none of them there before: seconds."""
    async with db.workspace(id) as conn:
        told = await facts.hours(conn, id)
        assert told
        await conn.execute("delete from usage_facts")
    first, last = told
    hours = [first + timedelta(hours=n) for n in range((last - first) // timedelta(hours=1) + 1)]
    start = time.perf_counter()
    for place in range(0, len(hours), HOURS):
        some = hours[place : place + HOURS]
        async with db.workspace(id) as conn:
            counted = await rows.counted(conn, id, some)
            calls = await rows.tool_calls(conn, id, [])
            await facts.replace(conn, id, some, *rollup.sum_up(counted, calls))
    return time.perf_counter() - start


def _late(service: Service, report: Report, count: int) -> None:
    """From the answer to a message of some past hour until no mark waits: derived by the service's own worker."""
    client, took_s, days = service.client(), list[float](), DAYS * count // ROWS
    with tables(service) as conn:
        _until_derived(conn, within_s=600)
        for number in range(LATE):
            at = datetime.now(UTC) - timedelta(days=days * (number + 0.5) / LATE)
            client.post(
                "/sync/message",
                {
                    "sessionExternalId": f"bench{number + 1}", "externalId": f"late{time.time_ns()}", "role": "assistant",
                    "model": "claude-sonnet-4-5", "promptTokens": 10, "createdAt": int(at.timestamp() * 1000),
                },
            )  # fmt: skip
            took_s.append(_until_derived(conn))
    report.add(
        Figure(
            what="one late message, until its hour's facts hold it", values=[1000 * each for each in took_s], unit="ms",
            must=1000, target=200, better="lower",
        )
    )  # fmt: skip


def _until_derived(conn: psycopg.Connection[Any], *, within_s: float = 60.0) -> float:
    start = time.perf_counter()
    while time.perf_counter() - start < within_s:
        row = conn.execute("select exists (select from usage_marks)").fetchone()
        if row and not row[0]:
            return time.perf_counter() - start
        time.sleep(0.002)
    raise BenchmarkError(f"Marks were not worked off within {within_s:.0f} s.")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _beside_ccusage(options: Options, report: Report) -> None:
    """The real transcripts: ours imports them once and then answers from facts; ccusage reads the files at each question."""
    program = shutil.which("ccusage")
    if not transcripts.REAL.is_dir() or program is None:
        report.note(
            "Left out: ccusage beside us takes the real transcripts and `npm install -g ccusage@20.0.24`."
        )
        return
    environ = os.environ | transcripts.homes(transcripts.REAL)
    theirs = [
        _command([program, "daily", "--json", "--offline", "--timezone", "UTC"], environ)
        for _ in range(ROUNDS)
    ]
    with serving(replace(options, home=None), environ=NO_MODEL) as service:
        ours = environ | {"BACKSCROLL_URL": service.url, "BACKSCROLL_API_KEY": service.key}
        command = [sys.executable, "-c", "from service.cli import main; main()", "import", "--json"]
        imported_s = _command(command, ours)
        with tables(service) as conn:
            derived_s = imported_s + _until_derived(conn)
    report.add(
        Figure(
            what="real transcripts, from nothing to hourly facts: import and rollup", values=[derived_s], unit="s",
            better="lower", baselines=theirs, baseline="ccusage daily, which reads all again at each question",
        )
    )  # fmt: skip


def _command(command: list[str], environ: dict[str, str]) -> float:
    """Seconds."""
    start = time.perf_counter()
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return time.perf_counter() - start
