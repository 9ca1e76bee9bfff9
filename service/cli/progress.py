"""How far a long job is: on a terminal a bar with its rate and the time left, elsewhere silence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
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


LINE_S = 5.0
"""Where no terminal shows a bar, so often a line says how far it is."""


class Reading:
    """How far an import is: bytes and messages done."""

    def __init__(self, show: Callable[[int, int], None]) -> None:
        self._show = show
        self.size, self.messages = 0, 0

    def __call__(self, size: int, messages: int) -> None:
        """Add what is done."""
        self.size += size
        self.messages += messages
        self._show(self.size, self.messages)

    def stop(self) -> None:
        """Show no more; it may still be told."""
        self._show = _nothing


@contextmanager
def reading(total: int, *, quiet: bool = False) -> Iterator[Reading]:
    """A bar in bytes with messages, rate and time left, on a terminal; else a line now and then on standard error."""
    out = Console(stderr=True)
    if quiet or not out.is_terminal:
        shown = Reading(_nothing if quiet else _lines(out, total))
        yield shown
        shown.stop()
        return
    bar = Progress(
        TextColumn("reading"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[messages]:,} messages"),
        MessageRateColumn(), TimeRemainingColumn(), console=out,
    )  # fmt: skip
    with bar:
        task = bar.add_task("reading", total=total or None, messages=0)
        shown = Reading(lambda size, messages: bar.update(task, completed=size, messages=messages))
        yield shown
        shown.stop()
        bar.update(task, completed=total)


class MessageRateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.fields['messages'] / max(task.elapsed or 0, 0.001):,.0f}/s")


def _nothing(size: int, messages: int) -> None:
    pass


def _lines(out: Console, total: int) -> Callable[[int, int], None]:
    began_s = said_s = time.monotonic()

    def say(size: int, messages: int) -> None:
        nonlocal said_s
        if (now_s := time.monotonic()) - said_s >= LINE_S:
            said_s = now_s
            rate = messages / (now_s - began_s)
            left_s = (total - size) / max(size, 1) * (now_s - began_s)
            out.print(
                f"{size / 1e6:,.0f} of {total / 1e6:,.0f} MB, {messages:,} messages, {rate:,.0f}/s, "
                f"{max(left_s, 0):,.0f} s left",
                highlight=False,
            )

    return say
