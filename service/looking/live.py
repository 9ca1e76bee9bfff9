"""A notebook that reads again when the service has something new: one small live answer is followed in a thread.

Rule: only where somebody looks on (never in a run without a browser), only for a service, and at most every `PAUSE_S`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import marimo as mo

from service.client import Client
from service.errors import BackscrollError
from service.looking.places import Place

PAUSE_S = 2.0
Tell = Callable[[Callable[[int], int]], None]
"""What `mo.state` gives to change a number."""


def watch(place: Place, tell: Tell) -> bool:
    """Count up with each change of the place's usage, until the cell runs anew; whether it is followed at all."""
    if place.client is None or not mo.running_in_notebook():
        return False
    mo.Thread(target=follow, args=(place.client, tell), daemon=True).start()
    return True


def follow(client: Client, tell: Tell) -> None:
    """In a thread of the notebook's: ends with its cell, at the next change, or when the key is revoked."""
    thread, pause = mo.current_thread(), threading.Event()
    try:
        for _ in later(client.follow({"usage": ("usage.summary", {})})):
            if thread.should_exit:
                return
            tell(lambda count: count + 1)
            pause.wait(PAUSE_S)
    except BackscrollError:
        return  # what the notebook asks next says it to its reader


def later(answers: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Answers that say something else than the one before: neither the first, nor what only came again.

    >>> list(later(iter([("a", {"n": 1}), ("a", {"n": 1}), ("a", {"n": 2})])))
    [{'n': 2}]
    """
    known: dict[str, Any] | None = None
    for _, answer in answers:
        if known is not None and answer != known:
            yield answer
        known = answer
