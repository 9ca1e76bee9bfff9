"""Follows growing transcripts: what the system says changed is read at once, and now and then everything is looked at.

Rule: events only make it fast. What they miss (a file system without events, a burst that overflowed) the slow look
finds, and a place that comes into being is followed from then on; a service that is away is waited for, and the positions know what it lacks.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

import structlog
import watchfiles

from service.collect.find import Finder
from service.collect.importing import Import, Told
from service.collect.model import Transcript
from service.collect.places import ITSELF, Spot
from service.collect.reader import Outcome
from service.collect.stores import databases

log = structlog.get_logger()
DEBOUNCE_MS, STEP_MS = 100, 25
WAKE_MS = 500
"""So often the watcher looks whether to stop, or whether it is time for the slow look."""
LOOK_S = 30.0
REST = 10
POLL_S = 1.0
"""Where there are no events, or nothing is there yet, all is looked at so often."""

Changes = list[str]


def changes(
    spots: Iterable[Spot], stop: threading.Event, *, look_s: float = LOOK_S, events: bool = True
) -> Iterator[Changes | None]:
    """Paths that changed, as they change, until `stop`; None when it is time to look at everything.

    The first is None, after the watcher stands: so nothing that happened before it is missed. Without a change an
    empty list comes every `WAKE_MS`. Without events all is None.
    """
    spots = list(spots)
    while not stop.is_set():
        roots = _roots(spots)
        if not roots or not events:
            yield None
            stop.wait(min(look_s, POLL_S))
            continue
        try:
            yield from _until_look(roots, spots, stop, look_s)
        except FileNotFoundError:
            continue  # a folder went just now
        except OSError as error:
            # Too many folders for the system's events, or none here.
            log.warning("no events from the system: looking at files instead", error=error.strerror)
            events = False


class Follower:
    """Reads what changed into an import that runs on.

    A database says that it changed many times a second while its tool works, and all of it must be looked at: after
    each look it is left alone for ten times as long as that took.
    """

    def __init__(self, run: Import, spots: Sequence[Spot], told: Told, only: str | None = None) -> None:
        self._run, self._spots, self._told, self._only = run, spots, told, only
        self._seen: dict[str, tuple[object, ...]] = {}
        self._looked: set[str] = set()
        self._rests_until_s: dict[str, float] = {}
        self._later: set[str] = set()
        self._warned = set(run.summary.unreadable.items())
        self._refused = run.summary.error_count

    def follow(self, stop: threading.Event, *, look_s: float = LOOK_S, events: bool = True) -> None:
        """Until `stop`; tells each reading when the service has answered.

        Errors: `BackscrollError` when the service refuses; one that is away is waited for.
        """
        for paths in changes(self._spots, stop, look_s=look_s, events=events):
            began_s = time.monotonic()
            brought: list[tuple[Transcript, Outcome]] = []
            self._run.told = lambda *one, brought=brought: brought.append(one)
            later, self._later = self._later, set()
            finder = Finder(self._run.unreadable, self._only, self._is_worth_a_look)
            if paths is None:
                self._run.read(finder.at(self._spots))
            elif paths or later:
                self._run.read(finder.changed(self._spots, [*paths, *later]))
            self._run.drain()
            for one in brought:
                self._told(*one)
            self._warn()
            self._rest(time.monotonic() - began_s)

    def _warn(self) -> None:
        """Log what could not be read, and how much the service did not take, each once."""
        summary = self._run.summary
        for path, why in summary.unreadable.items() - self._warned:
            self._warned.add((path, why))
            log.warning("cannot be read", path=path, why=why)
        if summary.error_count > self._refused:
            log.warning("not accepted by the service", count=summary.error_count - self._refused)
            self._refused = summary.error_count

    def _is_worth_a_look(self, store: str) -> bool:
        if time.monotonic() < self._rests_until_s.get(store, 0.0):
            self._later.add(store)
            return False
        now = databases.signature(store)
        if now and self._seen.get(store) == now:
            return False
        self._seen[store] = now
        self._looked.add(store)
        return True

    def _rest(self, took_s: float) -> None:
        for store in self._looked:
            self._rests_until_s[store] = time.monotonic() + REST * took_s
        self._looked = set()


def _until_look(
    roots: Mapping[str, int], spots: Sequence[Spot], stop: threading.Event, look_s: float
) -> Iterator[Changes | None]:
    """Until it is time for the slow look, or there are other folders to watch."""
    began_s: float | None = None
    for found in watchfiles.watch(
        *roots, stop_event=stop, debounce=DEBOUNCE_MS, step=STEP_MS, rust_timeout=WAKE_MS, yield_on_timeout=True,
        watch_filter=None, raise_interrupt=False,
    ):  # fmt: skip
        if began_s is None:
            began_s = time.monotonic()
            yield None
        yield sorted(path for _, path in found)
        if time.monotonic() - began_s >= look_s or _roots(spots) != roots:
            return


def _roots(spots: Iterable[Spot]) -> dict[str, int]:
    """The folders to watch that exist now, with their inodes: one that was made anew is another."""
    roots: dict[str, int] = {}
    for spot in spots:
        root = os.path.dirname(spot.root) if spot.pattern == ITSELF else spot.root
        with suppress(OSError):
            found = os.stat(root)
            if stat.S_ISDIR(found.st_mode):
                roots[root] = found.st_ino
    return roots
