"""Asking a service again when what hinders may pass: no connection, 429, 503."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from service.errors import BackscrollError, NotYet, TooMany, Unreachable

T = TypeVar("T")

FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 5.0
PATIENCE_S = 60.0


class Stopped(BackscrollError):
    """Somebody asked to stop while something waited to be sent."""


class Patience(msgspec.Struct, frozen=True):
    """How long to try, and when to give up at once."""

    stop: threading.Event
    seconds: float | None = PATIENCE_S
    """None: until it works."""
    told: Callable[[BackscrollError], None] = lambda error: None
    """Is told why it waits, before each further try."""

    def call(self, ask: Callable[[], T]) -> T:
        """The answer, in the end. Errors: the last one, `Stopped`, and what does not pass."""
        began_s, wait_s = time.monotonic(), FIRST_WAIT_S
        while True:
            try:
                return ask()
            except (Unreachable, TooMany, NotYet) as error:
                wanted_s = max(wait_s, getattr(error, "retry_after_s", 0.0))
                if self.seconds is not None and time.monotonic() - began_s + wanted_s > self.seconds:
                    raise
                self.told(error)
                if self.stop.wait(wanted_s):
                    raise Stopped("Stopped before everything was sent; again goes on from there.") from error
                wait_s = min(wait_s * 2, LONGEST_WAIT_S)
