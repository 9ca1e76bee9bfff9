"""Figures of the benchmarks over time: what `benchmarks/results/*.json` says now, and said in each commit that changed it."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from service.looking.tables import TIME, frame

RESULTS = Path("benchmarks") / "results"
GIT_S = 20.0

FIGURES = {
    "name": pl.String(),  # of the benchmark: retrieval, search, ...
    "what": pl.String(),
    "at": TIME,  # when that run began
    "value": pl.Float64(),  # the median of its runs
    "unit": pl.String(),
    "baseline": pl.Float64(),  # the median of what it is compared with
    "baseline_is": pl.String(),
    "must": pl.Float64(),
    "target": pl.Float64(),
    "better": pl.String(),  # higher, lower
}


def figures(root: Path) -> pl.DataFrame:
    """`FIGURES` of a checkout, in the order of time; without git only those of today, without results none."""
    rows = [row for text in versions(root) for row in figure_rows(json.loads(text))]
    told = frame(rows, FIGURES | {"at": pl.String()}).with_columns(
        pl.col("at").str.to_datetime("%+", time_unit="ms", time_zone="UTC")
    )
    return told.unique(["name", "what", "at"], keep="last", maintain_order=True).sort(
        "at", "name", maintain_order=True
    )


def versions(root: Path) -> Iterator[str]:
    """Each version of each file, the oldest first."""
    for file in sorted((root / RESULTS).glob("*.json")):
        if file.name.endswith(".quick.json"):
            continue
        place = str(RESULTS / file.name)
        for commit in reversed(git(root, "log", "--format=%H", "--", place).split()):
            yield git(root, "show", f"{commit}:{place}")
        yield file.read_text(encoding="utf-8")


def git(root: Path, *words: str) -> str:
    """What git prints; nothing where there is no git, or no checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=GIT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def figure_rows(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of `FIGURES`. What a figure says after a semicolon is said of one run only."""
    for each in told["figures"]:
        if each["values"]:
            yield {
                "name": told["name"],
                "what": each["what"].partition(";")[0],
                "at": told["started_at"],
                "value": statistics.median(each["values"]),
                "unit": each["unit"],
                "baseline": statistics.median(each["baselines"]) if each["baselines"] else None,
                "baseline_is": each["baseline"],
                **{name: each[name] for name in ("must", "target", "better")},
            }
