"""Figures with their baselines and goals: kept in results/*.json as they come, shown in results.md.

A figure's goal is on its raw value or on its ratio to the baseline. A quick run has its own file and is shown
only where there is no full one.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec
import psutil

from benchmarks.measure import say

FOLDER = Path(__file__).parent / "results"
PAGE = Path(__file__).parent / "results.md"
PACKAGES = (
    "backscroll",
    "litestar",
    "msgspec",
    "psycopg",
    "tantivy",
    "onnxruntime",
    "sentence-transformers",
    "torch",
)


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured thing: a value a round, a baseline beside each (or one for all), and what it ought to be."""

    what: str
    values: list[float]
    unit: str
    baselines: list[float] = []
    baseline: str = ""
    """What the baseline is."""
    must: float | None = None
    target: float | None = None
    goal_on: Literal["value", "ratio"] = "value"
    better: Literal["lower", "higher"] = "lower"

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def ratio(self) -> float | None:
        """To the baseline: the median over rounds where each round has its own."""
        if not self.baselines or not median(self.baselines):
            return None
        if len(self.values) == len(self.baselines):
            return median(
                value / base for value, base in zip(self.values, self.baselines, strict=True) if base
            )
        return self.value / median(self.baselines)

    @property
    def reached(self) -> str:
        """`target`, `must`, `no`; empty without a goal.

        >>> Figure(what="p50", values=[20.0], unit="ms", must=25, target=12).reached
        'must'
        """
        measured = self.value if self.goal_on == "value" else self.ratio
        if measured is None or (self.must is None and self.target is None):
            return ""
        for name, goal in (("target", self.target), ("must", self.must)):
            if goal is not None and (measured <= goal if self.better == "lower" else measured >= goal):
                return name
        return "no"


class Section(msgspec.Struct, kw_only=True):
    """One benchmark's results, as kept in its file."""

    name: str
    title: str
    expected: str
    quick: bool
    started_at: str
    machine: str
    versions: str
    finished_at: str = ""
    load: str = ""
    figures: list[Figure] = []
    notes: list[str] = []


class Report:
    """Where a benchmark puts what it measures; written at every addition."""

    def __init__(self, name: str, title: str, expected: str, *, quick: bool, goes_on: bool = False) -> None:
        """`goes_on`: figures and notes that other parts left stay; one that is measured again is replaced."""
        self.section = Section(
            name=name,
            title=title,
            expected=" ".join(expected.split()),
            quick=quick,
            started_at=_now(),
            machine=machine(),
            versions=", ".join(f"{package} {version(package)}" for package in PACKAGES),
            load=f"{psutil.getloadavg()[0]:.1f} before",
        )
        if goes_on and self._path.exists():
            kept = msgspec.json.decode(self._path.read_bytes(), type=Section)
            self.section.figures, self.section.notes = kept.figures, kept.notes
        self._write()

    def add(self, figure: Figure) -> None:
        if self.section.quick:  # goals are for the full size
            figure = msgspec.structs.replace(figure, must=None, target=None)
        others = [each for each in self.section.figures if each.what != figure.what]
        self.section.figures = [*others, figure]
        beside = f"  ({_number(figure.ratio)} x {figure.baseline})" if figure.ratio is not None else ""
        reached = f"  reached: {figure.reached}" if figure.reached else ""
        say(f"  {figure.what}: {_spread(figure.values)} {figure.unit}{beside}{reached}")
        self._write()

    def note(self, text: str) -> None:
        """What a reader must know of the figures; also what was left out, and why."""
        if text not in self.section.notes:
            self.section.notes.append(text)
        say(f"  note: {text}")
        self._write()

    def finish(self) -> None:
        self.section.finished_at = _now()
        self.section.load += f", {psutil.getloadavg()[0]:.1f} after"
        self._write()

    def value(self, what: str) -> float | None:
        """Of a figure that was measured, now or by another part."""
        return next((figure.value for figure in self.section.figures if figure.what == what), None)

    def _write(self) -> None:
        FOLDER.mkdir(exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(self.section), indent=1) + b"\n")
        draft.replace(self._path)

    @property
    def _path(self) -> Path:
        return FOLDER / f"{self.section.name}{'.quick' if self.section.quick else ''}.json"


def write_page(names: Sequence[str]) -> Path:
    """results.md from the sections kept, in the order of `names`."""
    lines = [
        "# What was measured",
        "",
        "Written by `make bench`. Through the service over HTTP with its own Postgres, except where a row says otherwise. A figure is the",
        "median of its rounds, with their range in brackets; the ratio is to the baseline of the same run. Goals are floor / wish; `reached` says which of",
        "them the figure meets.",
    ]
    for name in names:
        found = [path for path in (FOLDER / f"{name}.json", FOLDER / f"{name}.quick.json") if path.exists()]
        if found:
            lines += rendered(msgspec.json.decode(found[0].read_bytes(), type=Section))
    PAGE.write_text("\n".join(lines) + "\n")
    return PAGE


def rendered(section: Section) -> list[str]:
    """A section in Markdown."""
    state = "" if section.finished_at else " The run was interrupted: figures are missing."
    size = (
        " Quick run: small, good for an order of magnitude, and not held against goals."
        if section.quick
        else ""
    )
    head = ["what", "measured", "baseline", "ratio", "must / target", "reached"]
    return [
        "",
        f"## {section.title}",
        "",
        f"{section.started_at[:16].replace('T', ' ')} UTC. {section.machine}. Load {section.load}. {section.versions}.{size}{state}",
        "",
        f"Expected: {section.expected}",
        "",
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
        *(f"| {' | '.join(_cells(figure))} |" for figure in section.figures),
        *(f"\n- {note}" if place == 0 else f"- {note}" for place, note in enumerate(section.notes)),
    ]


def machine() -> str:
    """Processor, cores, memory, system, Python.

    Of /proc/cpuinfo where there is one, since `platform` does not know the processor's name on Linux.
    """
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{names[0] if names else platform.processor() or platform.machine()}, {psutil.cpu_count()} cores, "
        f"{memory_gib:.0f} GiB, {platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _cells(figure: Figure) -> list[str]:
    ratio = "" if figure.ratio is None else f"{_number(figure.ratio)} x"
    baseline = (
        f"{_spread(figure.baselines)} {figure.unit}: {figure.baseline}"
        if figure.baselines
        else figure.baseline
    )
    sign, unit = (
        ("≤" if figure.better == "lower" else "≥"),
        ("x" if figure.goal_on == "ratio" else figure.unit),
    )
    goals = [_number(goal) for goal in (figure.must, figure.target) if goal is not None]
    goal = f"{sign} {' / '.join(goals)} {unit}".strip() if goals else ""
    return [
        figure.what,
        f"{_spread(figure.values)} {figure.unit}".strip(),
        baseline.strip(),
        ratio,
        goal,
        figure.reached,
    ]


def _spread(values: Sequence[float]) -> str:
    """
    >>> _spread([12.34]), _spread([9.0, 12.34, 1234.5])
    ('12.3', '12.3 (9–1,234)')
    """
    middle = _number(median(values))
    return middle if len(values) == 1 else f"{middle} ({_number(min(values))}–{_number(max(values))})"


def _number(value: float | None) -> str:
    """Three significant digits, none of them made up by a trailing zero.

    >>> _number(0.12345), _number(12.0), _number(98765.4)
    ('0.123', '12', '98,765')
    """
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
