"""Which named statements one request ran, and for how long: for the slow query log, which knows names and no values.

Rule: a statement is told by its name (`sessions.page`); one that was put together at run time is `other`. Parameters
and texts are never looked at.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import Row

from service.storage.link import answered_within
from service.storage.queries import name_of

MOST_TOLD = 8
collecting: ContextVar[Timings | None] = ContextVar("collecting", default=None)


class Timings:
    """What one request asked of Postgres."""

    def __init__(self) -> None:
        self._spent_s: dict[str, float] = {}

    def add(self, name: str, seconds: float) -> None:
        self._spent_s[name] = self._spent_s.get(name, 0.0) + seconds

    def told(self) -> dict[str, float]:
        """Milliseconds by name, the longest first.

        >>> timings = Timings()
        >>> timings.add("sessions.page", 0.0012), timings.add("other", 0.0101)
        (None, None)
        >>> timings.told()
        {'other': 10.1, 'sessions.page': 1.2}
        """
        longest = sorted(self._spent_s.items(), key=lambda item: -item[1])[:MOST_TOLD]
        return {name: round(seconds * 1000, 1) for name, seconds in longest}


@contextmanager
def collected() -> Iterator[Timings]:
    """Whatever is asked within the block, also by tasks that are started in it."""
    timings = Timings()
    token = collecting.set(timings)
    try:
        yield timings
    finally:
        collecting.reset(token)


@contextmanager
def told_together(statements: Sequence[object]) -> Iterator[None]:
    """The block sends these at once: what it takes is told under all their names, and none is told alone."""
    timings = collecting.get()
    if timings is None:
        yield
        return
    started_s, token = time.perf_counter(), collecting.set(None)
    try:
        yield
    finally:
        collecting.reset(token)
        timings.add("+".join(dict.fromkeys(map(name_of, statements))), time.perf_counter() - started_s)


class TimedCursor(AsyncCursor[Row]):
    """psycopg's cursor, which tells the request in whose context it runs how long a statement took, and does not wait
    for ever."""

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        timings = collecting.get()
        if timings is None:
            with answered_within(self.connection):
                return await super().execute(query, params, **options)
        started_s = time.perf_counter()
        try:
            with answered_within(self.connection):
                return await super().execute(query, params, **options)
        finally:
            timings.add(name_of(query), time.perf_counter() - started_s)
