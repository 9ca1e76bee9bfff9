"""The load client as the benchmark holds it: streams shared out among processes, and what they have read."""

from __future__ import annotations

import json
import multiprocessing
import resource
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.live import reader
from benchmarks.live.reader import Arrival, Asked, Seen
from benchmarks.running import BenchmarkError

PROCESSES = 2
OPEN_WITHIN_S = 120.0
LOOK_S = 0.05


class Readers:
    """Streams that are held elsewhere."""

    def __init__(self, pipes: Sequence[Connection], count: int) -> None:
        self._pipes, self.count = pipes, count

    def seen(self) -> Seen:
        """Of all processes, added up."""
        return Seen(*(sum(values) for values in zip(*self._ask("seen"), strict=True)))

    def arrivals(self) -> list[Arrival]:
        """What was read since this was asked last."""
        return [each for some in self._ask("arrivals") for each in some]

    def stall(self) -> None:
        """Let all streams stand open and read nothing any more."""
        self._ask("stall")

    def until_told(self, *, within_s: float = OPEN_WITHIN_S) -> float:
        """Wait until every stream has had an event; the seconds that it took. Errors: `BenchmarkError`."""
        begun_s = time.monotonic()
        while (seen := self.seen()).told < self.count:
            if time.monotonic() - begun_s > within_s:
                raise BenchmarkError(
                    f"{self.count - seen.told} of {self.count} streams had no event within {within_s:.0f} s ({seen.refused} refused)."
                )
            time.sleep(LOOK_S)
        return time.monotonic() - begun_s

    def _ask(self, command: str) -> list[Any]:
        for pipe in self._pipes:
            pipe.send(command)
        return [pipe.recv() for pipe in self._pipes]


@contextmanager
def reading(
    url: str, key: str, targets: Sequence[str], *, processes: int = PROCESSES, receive_bytes: int = 0
) -> Iterator[Readers]:
    """One stream a target, numbered as they come; closed at the end. They open while the caller goes on."""
    allow_many_files()
    address = urlsplit(url)
    asked = [Asked(number, target, receive_bytes) for number, target in enumerate(targets)]
    context = multiprocessing.get_context("spawn")
    pipes, children = [], []
    for share in (asked[place::processes] for place in range(min(processes, len(asked)))):
        ours, theirs = context.Pipe()
        place = (address.hostname or "127.0.0.1", address.port or 80)
        child = context.Process(target=reader.hold, args=(place, key, share, theirs), daemon=True)
        child.start()
        theirs.close()
        pipes.append(ours)
        children.append(child)
    try:
        yield Readers(pipes, len(asked))
    finally:
        for pipe, child in zip(pipes, children, strict=True):
            pipe.close()  # which ends it
            child.join(5)
            child.kill()


def messages_of(sessions: Iterable[str]) -> list[str]:
    """A stream a session: its messages."""
    return [target("sessions.messages", session=session) for session in sessions]


def target(query: str, **args: object) -> str:
    """The path of a stream with one query."""
    return f"/api/live?q={quote(json.dumps({'id': 'a', 'query': query, 'args': args}))}"


def allow_many_files() -> None:
    """For this process and those that it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
