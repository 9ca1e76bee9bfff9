"""How far a long job is: on a terminal a bar with its rate and the time left, elsewhere silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Shown:
    """The steps of a job by name, each with how many are done and of how many."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=None)
        self._bars.update(self._tasks[step], completed=done, total=total or None)


class RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s")


@contextmanager
def shown(*, quiet: bool = False) -> Iterator[Shown]:
    """Bars on standard error while the block lasts, when that is a terminal and not `quiet`."""
    out = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn(),
        console=out, disable=quiet or not out.is_terminal,
    )  # fmt: skip
    with bars:
        yield Shown(bars)
        for task in bars.tasks:  # the last step reports before it is done
            bars.update(task.id, completed=task.total or task.completed)
