"""Entries: one answer each that any number of subscribers share, and the book of what makes which of them dirty.

An entry is (query, arguments, workspace). That is its permission scope too: whoever may read the workspace may read
all of it, so that one answer serves all its readers. It lives as long as anybody subscribes to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from service.live import answers
from service.live.answers import Answer
from service.live.query import Outcome, Query, Step
from service.storage.change_log import FACTS, Change

if TYPE_CHECKING:
    from service.live.streams import Subscription

UNSENT = 2
"""Deltas that are kept: who is further behind gets the whole."""
MOST_CHANGED = 200
"""Messages that are asked for one by one; with more of them the whole is."""
Key = tuple[str, int, bytes]
NO_MESSAGES: frozenset[int] = frozenset()


class Cursor(msgspec.Struct, frozen=True, order=True):
    """How far this process has followed the log; counted, since snapshots have no order of their own."""

    number: int
    token: str


class Entry:
    """One answer, its last versions, and who follows it."""

    def __init__(self, query: Query, asked: Any, workspace_id: int) -> None:
        self.query, self.asked, self.workspace_id = query, asked, workspace_id
        self.watches = query.watches(asked)
        self.subscribers: set[Subscription] = set()
        self.answer: Answer | None = None
        self.version = 0
        self.deltas: deque[tuple[int, bytes]] = deque(maxlen=UNSENT)
        """(the version that it leads to, its bytes)"""
        self.dirty_since: Cursor | None = Cursor(0, "")
        """The last cursor of which the answer is known to be right; None: it is right now."""
        self.changed: set[int] | None = None
        """The messages that are all that changed since the answer; None: anything may have."""
        self.memory: Any = None
        """What `Query.step` needs of the answer; None: the next one is asked for whole."""
        self.computing_since: Cursor | None = None
        """The same of an answer that is being computed apart."""
        self.due_s = 0.0
        """When it may be computed again, on the monotonic clock."""
        self.alone = False
        """A statement that it was part of failed: it is asked by itself, and whole, until that succeeds."""
        self.failed = False
        """That failed too."""
        self.unsettled = 0
        """How often in a row its answer was not settled."""
        self.day: date | None = None
        """In its own zone, when it was answered; for what depends on the clock."""

    @property
    def key(self) -> Key:
        return key_of(self.query, self.asked, self.workspace_id)

    def soil(self, cursor: Cursor, messages: Collection[int] | None = None) -> None:
        """Something that it watches changed after `cursor`: these messages at most, or (None) anything."""
        if self.dirty_since is None:
            self.dirty_since, self.changed = cursor, set()
        if self.changed is not None:
            self.changed = None if messages is None else self.changed.union(messages)

    def begin(self) -> None:
        """It is being computed apart; what changes from now on makes it dirty again."""
        self.computing_since, self.dirty_since = self.dirty_since, None

    def step(self) -> Step | None:
        """What leads to the next answer; None: it is asked for whole."""
        known = self.memory is not None and self.changed is not None and not self.alone
        if not known or self.answer is None or len(self.changed or ()) > MOST_CHANGED:
            return None
        return Step(self.asked, self.memory, self.answer.rows, frozenset(self.changed or ()))

    @property
    def right_until(self) -> Cursor | None:
        """The last cursor of which the answer is known to be right; None: it is right now."""
        known = [each for each in (self.dirty_since, self.computing_since) if each is not None]
        return min(known, default=None)

    def take(self, outcome: Outcome) -> bool:
        """Put in the new answer; whether there is something to tell."""
        if outcome.session_ids is not None:
            first = self.query.watches(self.asked)
            name = None if outcome.is_fixed else first.name
            self.watches = msgspec.structs.replace(first, session_ids=outcome.session_ids, name=name)
        old = self.answer
        onto = old.rows if outcome.is_step and old is not None else answers.NO_ROWS
        new = answers.taken_apart(self.query, self.asked, outcome.result, onto=onto)
        self.failed, self.alone, self.memory = False, self.failed, outcome.memory
        zone = self.query.clock(self.asked)
        self.day = datetime.now(zone).date() if zone is not None else None
        if self.computing_since is None:
            self.dirty_since = None
        self.computing_since = None
        if old is not None and answers.same(self.query, old, new):
            return False
        self.version += 1
        self.answer = new
        told = answers.delta(self.query, old, new) if old is not None else None
        if told is None:
            self.deltas.clear()
        else:
            self.deltas.append((self.version, told))
        return True

    def since(self, version: int | None) -> list[tuple[str, bytes]]:
        """The events that lead from a version (None: from nothing) to the present one."""
        if self.answer is None or version == self.version:
            return []
        needed = [(to, told) for to, told in self.deltas if version is not None and to > version]
        if version is not None and len(needed) == self.version - version:
            return [("delta", told) for _, told in needed]
        return [self.answer.whole()]


class Book:
    """All entries of a process, by what they are and by what they watch."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self.dirty: set[Entry] = set()
        self._watching: dict[tuple[int, str, int], set[Entry]] = {}
        """By workspace, table and session (0: any)."""
        self._names: dict[int, dict[str, set[Entry]]] = {}
        """By workspace and external id."""

    def enter(self, query: Query, asked: Any, workspace_id: int) -> Entry:
        """The entry for these arguments, made where there is none."""
        key = key_of(query, asked, workspace_id)
        entry = self.entries.get(key)
        if entry is None:
            entry = self.entries[key] = Entry(query, asked, workspace_id)
            self.dirty.add(entry)
            self._watch(entry)
        return entry

    def leave(self, entry: Entry) -> None:
        """Nobody subscribes to it any more."""
        self.entries.pop(entry.key, None)
        self.dirty.discard(entry)
        self._unwatch(entry)

    def soil(self, entry: Entry, cursor: Cursor, messages: Collection[int] | None = None) -> None:
        """`Entry.soil`."""
        entry.soil(cursor, messages)
        self.dirty.add(entry)

    def begin(self, entry: Entry) -> None:
        """`Entry.begin`."""
        entry.begin()
        self.dirty.discard(entry)

    def turned(self, now: datetime) -> list[Entry]:
        """The entries whose day has turned since they were answered."""
        return [
            entry
            for entry in self.entries.values()
            if entry.day is not None and entry.day != now.astimezone(entry.query.clock(entry.asked)).date()
        ]

    def take(self, entry: Entry, outcome: Outcome) -> bool:
        """`Entry.take`, with what it watches from now on."""
        before = entry.watches
        news = entry.take(outcome)
        if entry.dirty_since is None:
            self.dirty.discard(entry)
        if entry.watches != before and entry.key in self.entries:
            after, entry.watches = entry.watches, before
            self._unwatch(entry)
            entry.watches = after
            self._watch(entry)
        return news

    def touched(self, changes: Iterable[Change]) -> dict[Entry, set[int] | None]:
        """What these changes make dirty, names apart, and by which messages (None: not by messages alone)."""
        found: dict[Entry, set[int] | None] = {}
        for change in changes:
            messages = messages_of(change)
            for session_id in {0, change.session_id or 0}:
                for entry in self._watching.get((change.workspace_id, change.tbl, session_id), ()):
                    so_far = found.setdefault(entry, set())
                    if so_far is not None and messages is not None:
                        so_far |= messages
                    else:
                        found[entry] = None
        return found

    def named(self, workspace_id: int, names: Iterable[str]) -> set[Entry]:
        """What asks for one of these external ids."""
        found: set[Entry] = set()
        for name in names:
            found |= self._names.get(workspace_id, {}).get(name, set())
        return found

    def all_named(self, workspace_id: int) -> set[Entry]:
        """What asks for any session of a workspace by name."""
        return set().union(*self._names.get(workspace_id, {}).values())

    def newly_named(self, changes: Iterable[Change]) -> dict[int, list[int]]:
        """Sessions by workspace that may have come under a name that somebody watches."""
        found: dict[int, list[int]] = {}
        for change in changes:
            may_be_named = change.op == "I" or (change.op == "U" and change.cols & FACTS)
            if (
                change.tbl == "sessions"
                and may_be_named
                and change.row_id
                and change.workspace_id in self._names
            ):
                found.setdefault(change.workspace_id, []).append(change.row_id)
        return found

    def _places(self, entry: Entry) -> Iterator[tuple[int, str, int]]:
        sessions = entry.watches.session_ids
        for table in entry.watches.tables:
            for session_id in (0,) if sessions is None else sessions:
                yield entry.workspace_id, table, session_id

    def _watch(self, entry: Entry) -> None:
        for place in self._places(entry):
            self._watching.setdefault(place, set()).add(entry)
        if entry.watches.name is not None:
            named = self._names.setdefault(entry.workspace_id, {})
            named.setdefault(entry.watches.name, set()).add(entry)

    def _unwatch(self, entry: Entry) -> None:
        for place in self._places(entry):
            drop(self._watching, place, entry)
        if entry.watches.name is not None:
            named = self._names.get(entry.workspace_id, {})
            drop(named, entry.watches.name, entry)
            if not named:
                self._names.pop(entry.workspace_id, None)


def messages_of(change: Change) -> frozenset[int] | None:
    """The messages of a session that are others by a change; None: perhaps all, or it is not said which.

    A message that got another place says FACTS, and so does a session that got another name.
    """
    if change.op == "U" and change.cols & FACTS:
        return None
    if change.tbl == "messages" and change.row_id is not None:
        return frozenset({change.row_id})
    return NO_MESSAGES if change.tbl == "sessions" and change.op == "U" else None


def drop(book: dict[Any, set[Entry]], place: Any, entry: Entry) -> None:
    kept = book.get(place)
    if kept is not None:
        kept.discard(entry)
        if not kept:
            del book[place]


def key_of(query: Query, asked: Any, workspace_id: int) -> Key:
    return query.name, workspace_id, msgspec.json.encode(asked, order="sorted")
