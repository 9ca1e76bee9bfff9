"""From `backscroll serve` to ready, the memory of its processes, and the disk that a message takes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks import corpus, planting
from benchmarks.report import Figure, Report
from benchmarks.running import (
    BenchmarkError,
    Client,
    Options,
    Service,
    fresh_home,
    settle,
    start,
    stop,
    wait_for_meaning,
)
from service.postgres import EmbeddedPostgres
from service.settings import Settings

TITLE = "Start-up, memory, disk"
EXPECTED = """first start 6 to 8 s (initdb 2, imports 2, the rest migrations and a first index), next starts 3 s; the API 250 MB, the worker 900 MB with torch;
4 kB a message of 1 kB on disk: 1 kB text, 0.8 kB vector and about the same in its index, the rest words, keys and the change log."""
ROUNDS = 3
MB = 1e6
LOADED = {
    "API": "from indexing.embedder import open_query_embedder as load; from pathlib import Path; load(Path(sys.argv[1])).embed(['a short question'])",
    "worker": "from indexing.embedder import SentenceTransformerEmbedder as load; load().embed(['a short question'])",
}
GOALS_MB = {"API": (600.0, 350.0), "worker": (1500.0, 1000.0)}


def run(options: Options, report: Report) -> None:
    if options.url:
        report.note("Left out: starting is measured with a service of its own.")
        return
    _starts(report, 1 if options.quick else ROUNDS)
    count = 1_000 if options.quick else 20_000
    with fresh_home() as home:
        service = start(home)
        try:
            client = service.client()
            wait_for_meaning(client)
            empty = _disk(service)
            _fill(service, client, count)
            _memory(service, client, report)
            _message_on_disk(service, report, count, empty)
        finally:
            stop(service)


def _starts(report: Report, rounds: int) -> None:
    first, later, bare_first, bare_later, ended, meant = [], [], [], [], [], []
    for _ in range(rounds):
        with fresh_home() as home:
            bare_first.append(_postgres_alone(home))
            bare_later.append(_postgres_alone(home))
        with fresh_home() as home:
            took, meaning, end = _start_and_stop(home)
            first.append(took)
            meant.append(meaning)
            took, _, end = _start_and_stop(home)
            later.append(took)
            ended.append(end)
    alone = "its Postgres alone"
    report.add(
        Figure(
            what="serve to ready, first start",
            values=first,
            unit="s",
            baselines=bare_first,
            baseline=alone,
            must=20,
            target=8,
        )
    )
    report.add(
        Figure(
            what="serve to ready, next start",
            values=later,
            unit="s",
            baselines=bare_later,
            baseline=alone,
            must=6,
            target=3,
        )
    )
    report.add(
        Figure(what="serve to searching by meaning, first start (exports the model)", values=meant, unit="s")
    )
    report.add(Figure(what="SIGTERM to the end", values=ended, unit="s", must=10))


def _postgres_alone(home: Path) -> float:
    begun = time.perf_counter()
    postgres = EmbeddedPostgres.start(home)
    took = time.perf_counter() - begun
    postgres.stop()
    return took


def _start_and_stop(home: Path) -> tuple[float, float, float]:
    """Seconds to ready, to searching by meaning, and from the signal to the end."""
    begun = time.perf_counter()
    service = start(home)
    try:
        ready = time.perf_counter() - begun
        wait_for_meaning(service.client())
        meaning = time.perf_counter() - begun
    finally:
        ended = stop(service)
    return ready, meaning, ended


def _fill(service: Service, client: Client, count: int) -> None:
    for body in corpus.batches(corpus.messages(count, seed=1, chars=1000)):
        client.send("POST", "/sync/batch", body)
    planting.plant(service, client)
    settle(client, "both indexes")
    for question in corpus.questions(100, seed=2):
        client.search(question)


def _memory(service: Service, client: Client, report: Report) -> None:
    assert service.home is not None
    for name, process in _processes(service).items():
        memory = process.memory_full_info()
        must, target = GOALS_MB[name]
        report.add(
            Figure(
                what=f"memory of the {name} process (RSS; Pss {getattr(memory, 'pss', 0) / MB:,.0f} MB)",
                values=[memory.rss / MB],
                unit="MB",
                baselines=[_bare_memory(name, Settings(home=service.home).models_dir)],
                baseline="Python with the model alone",
                must=must,
                target=target,
            )
        )
    postgres = [each for each in _family(service) if each.name() == "postgres"]
    report.add(
        Figure(
            what="memory of Postgres (Pss, all its processes)",
            values=[sum(each.memory_full_info().pss for each in postgres) / MB],
            unit="MB",
        )
    )


def _bare_memory(name: str, models: Path) -> float:
    code = f"import sys, psutil; {LOADED[name]}; print(psutil.Process().memory_info().rss)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(models)], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1]) / MB


def _processes(service: Service) -> dict[str, psutil.Process]:
    """The API and the worker, told by their command lines."""
    found: dict[str, psutil.Process] = {}
    for each in _family(service):
        words = each.cmdline()
        for name, verb in (("API", "api"), ("worker", "worker")):
            if verb in words:
                found.setdefault(name, each)
    if len(found) < 2:
        raise BenchmarkError(
            "The processes of `serve` are not named `api` and `worker` on their command lines."
        )
    return found


def _family(service: Service) -> list[psutil.Process]:
    assert service.process is not None
    found: list[psutil.Process] = psutil.Process(service.process.pid).children(recursive=True)
    return found


def _message_on_disk(service: Service, report: Report, count: int, empty: dict[str, float]) -> None:
    report.note(f"{corpus.origin()} {planting.NOTE}")
    now = _disk(service)
    added = {name: (now[name] - empty[name]) / count / 1000 for name in now}
    report.add(
        Figure(
            what=f"disk a message of 1 kB, both indexes, of {count:,}",
            values=[sum(added.values())],
            unit="kB",
            baselines=[1.0],
            baseline="its text",
            must=6,
            target=4,
        )
    )
    report.note(
        "Of these kB a message: "
        + ", ".join(
            f"{name} {size:.2f}"
            for name, size in sorted(added.items(), key=lambda item: -item[1])
            if size >= 0.01
        )
        + ". Write-ahead log and what Postgres keeps free are not counted."
    )


def _disk(service: Service) -> dict[str, float]:
    """Bytes by table (with its indexes), and of the text index."""
    assert service.home is not None
    rows: list[tuple[Any, ...]]
    with psycopg.connect(service.database_url, autocommit=True) as conn:
        conn.execute("vacuum")
        rows = conn.execute(
            "select regexp_replace(relname, '^change_log.*', 'change_log'), sum(pg_total_relation_size(oid)) from pg_class "
            "where relkind = 'r' and relnamespace = 'public'::regnamespace group by 1"
        ).fetchall()
    text_index = sum(
        path.stat().st_size
        for path in Settings(home=service.home).text_index_dir.rglob("*")
        if path.is_file()
    )
    return {str(name): float(size) for name, size in rows} | {"text index": float(text_index)}
