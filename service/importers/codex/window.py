"""The messages that may still grow, in their order, and the line from which a later reading has to start.

Rule: a message is open until 64 newer ones began or its turn ended. This depends on what comes after it and never on
what came before, so a reading that starts between two messages finds the same. Between two messages means: no record
at or after the line belongs to a message that began before it. Where there is no such line for long, because every
copy comes after the next message, all are closed at once and their missing copies are awaited by name (`Memory`).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

from service.importers.codex.draft import Draft
from service.importers.codex.entry import Entry
from service.importers.codex.state import Memory

MOST_OPEN = 64
MOST_CLOSED = 256
"""Messages that a later reading may have to find again although they are closed."""


class Window:
    def __init__(self) -> None:
        self._open: deque[tuple[Entry, Memory]] = deque()
        self._of_kind: dict[str, deque[Entry]] = defaultdict(deque)
        self._reach = -1
        """The last line of the messages that are closed."""
        self._cut: tuple[int, Memory] | None = None
        self._closed = 0
        """Messages since the cut that are closed."""

    def __iter__(self) -> Iterator[Entry]:
        """The newest first."""
        return (entry for entry, _ in reversed(self._open))

    def add(self, entry: Entry, before: Memory) -> list[Entry]:
        """Opens a message; `before` is the memory before its line. Returns what is closed by that."""
        self._open.append((entry, before))
        self._of_kind[entry.draft.kind].append(entry)
        if self._cut is None:
            self._cut = (entry.first, before)
        return [self._close()] if len(self._open) > MOST_OPEN else []

    def is_stuck(self, line: int) -> bool:
        """Whether all has to be closed before a message that begins at this line."""
        if self._closed < MOST_CLOSED or not self._open:
            return False
        return line > max(self._reach, *(entry.lines[-1] for entry, _ in self._open))

    def close_all(self) -> list[Entry]:
        return [self._close() for _ in range(len(self._open))]

    def end_turn(self) -> list[Entry]:
        """Closes what is older than the last answer, at which token counts may still come."""
        entries = [entry for entry, _ in self._open]
        last = max((at for at, entry in enumerate(entries) if answers(entry)), default=len(entries))
        return [self._close() for _ in range(last)]

    def other_copy(self, said: Draft, *, event: bool) -> Entry | None:
        """The open message of which this record is the other copy; calls in their order, texts the latest first."""
        found = (entry for entry in reversed(self._of_kind[said.kind]) if entry.awaits(said, event=event))
        if said.kind == "call":
            return min(found, key=lambda entry: entry.first, default=None)
        return next(found, None)

    def last_answer(self) -> Entry | None:
        return next((entry for entry in self if answers(entry)), None)

    def start(self, end: int, memory: Memory) -> tuple[int, Memory]:
        """Where to read on, and with which memory, when all before `end` was read."""
        return self._cut or (end, memory)

    def _close(self) -> Entry:
        entry, _ = self._open.popleft()
        self._of_kind[entry.draft.kind].popleft()
        self._reach = max(self._reach, *entry.lines)
        self._closed += 1
        if not self._open:
            self._cut, self._closed = None, 0
        elif self._reach < self._open[0][0].first:
            self._cut, self._closed = (self._open[0][0].first, self._open[0][1]), 0
        return entry


def answers(entry: Entry) -> bool:
    """Whether it is something that the model said, at which its tokens can stand."""
    return entry.draft.role == "assistant"
