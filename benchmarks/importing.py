"""`backscroll import` of real transcripts, repeated: stored and found by words; again; and one file of 1 GB."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import transcripts
from benchmarks.measure import say
from benchmarks.report import Figure, Report
from benchmarks.running import BenchmarkError, Options, Service, serving, settle

TITLE = "Import: transcripts of Claude Code and Codex"
EXPECTED = """About 4,000 messages/s with the text index: a message has 4 kB, and two cores share parsing (20,000/s by itself), the request
(8,000/s), Postgres and tantivy. The second run reads no file, only what the service says of each: a second for 4,000 files. Memory
does not depend on the file's size: at most some batches are held."""
COPIES = 33
"""Of 6,000 messages each: 200,000."""
ROUNDS = 3


def run(options: Options, report: Report) -> None:
    if not transcripts.REAL.is_dir():
        report.note("Left out: the transcripts are not here (a folder shared/data beside the project).")
        return
    with tempfile.TemporaryDirectory(prefix="backscroll-bench-", dir="/tmp") as directory:
        root = Path(directory)
        _measure_rate(options, report, root / "many")
        _measure_memory(options, report, root / "long")


def _measure_rate(options: Options, report: Report, root: Path) -> None:
    copies = 2 if options.quick else COPIES
    size = transcripts.repeat(root, times=copies)
    environ = transcripts.homes(root)
    found, parse_s, _ = import_files(None, environ, ["--dry-run"])
    messages = sum(source["messages"] for source in found["sources"].values())
    report.note(f"{messages:,} messages, {size / 1e6:,.0f} MB: the real transcripts {copies} times over.")
    rates: list[float] = []
    stored: list[float] = []
    again_s: list[float] = []
    for _ in range(1 if options.quick else ROUNDS):
        with serving(options, environ={"BACKSCROLL_EMBEDDING_MODEL": "none"}) as service:
            start = time.perf_counter()
            _, took_s, _ = import_files(service, environ, [])
            settle(service.client(), "text index", meaning=False)
            rates.append(messages / (time.perf_counter() - start))
            stored.append(messages / took_s)
            second, took_s, _ = import_files(service, environ, [])
            again_s.append(took_s)
            new = sum(source["newMessages"] for source in second["sources"].values())
            if new:
                raise BenchmarkError(f"The second import brought {new} new messages.")
    report.add(
        Figure(
            what="stored and word-searchable", values=rates, unit="messages/s", must=3000, target=10_000,
            better="higher", baselines=[messages / parse_s], baseline="parsing alone (--dry-run)",
        )
    )  # fmt: skip
    report.add(
        Figure(
            what="stored",
            values=stored,
            unit="messages/s",
            better="higher",
            baselines=rates,
            baseline="and word-searchable",
        )
    )
    report.add(
        Figure(
            what="the second import, nothing new",
            values=again_s,
            unit="s",
            baselines=[parse_s],
            baseline="parsing alone (--dry-run)",
        )
    )


def _measure_memory(options: Options, report: Report, root: Path) -> None:
    small, large = (8, 32) if options.quick else (64, 1024)
    with serving(options, environ={"BACKSCROLL_EMBEDDING_MODEL": "none"}) as service:
        peaks = []
        for size_mb in (small, large):
            path = transcripts.write_long(root / f"{size_mb}" / "projects" / "long", size_bytes=size_mb << 20)
            _, took_s, peak_mb = import_files(service, transcripts.homes(root / f"{size_mb}"), [str(path)])
            say(f"  {size_mb} MB: {took_s:.0f} s, {peak_mb:.0f} MB at most")
            peaks.append(peak_mb)
            path.unlink()
    report.add(
        Figure(
            what=f"memory of `import`, one file of {large:,} MB",
            values=[peaks[1]],
            unit="MB",
            baselines=[peaks[0]],
            baseline=f"one file of {small} MB",
        )
    )


def import_files(
    service: Service | None, environ: Mapping[str, str], arguments: Sequence[str]
) -> tuple[dict[str, Any], float, float]:
    """What `backscroll import --json` says, how long it took in seconds, and the most memory it held in MB."""
    given = {"BACKSCROLL_URL": service.url, "BACKSCROLL_API_KEY": service.key} if service else {}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BACKSCROLL_")}
    command = [sys.executable, "-c", "from service.cli import main; main()", "import", "--json", *arguments]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, env={**clean, **environ, **given}, stdout=out)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        took_s = time.perf_counter() - start
        if process.returncode:
            raise BenchmarkError(f"`backscroll import` ended with {process.returncode}.")
        out.seek(0)
        return msgspec.json.decode(out.read()), took_s, used.ru_maxrss / 1024
