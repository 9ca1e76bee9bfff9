"""Messages without a time, at the head of a transcript: they wait for the next one of their session that has a time.

Rule: order is kept within a session. A message that stands behind one with a time has that time already (`clock.py`), so
only the first ones of a session ever wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from service.importers.model import FoundMessage

Dated = tuple[FoundMessage, datetime | None]
"""A message, and when it was said as far as another one tells."""


class Undated:
    """Those that wait, by session."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[FoundMessage]] = {}

    def add(self, found: FoundMessage) -> Iterator[Dated]:
        """The message and those that waited for it; nothing where it must wait itself."""
        session, at = found.write.session_external_id, found.write.created_at
        if at is None:
            self._waiting.setdefault(session, []).append(found)
            return
        for earlier in self._waiting.pop(session, ()):
            yield earlier, at
        yield found, None

    def rest(self, at: datetime | None) -> Iterator[Dated]:
        """Those for which no time came: `at` is the best that is known."""
        waiting, self._waiting = self._waiting, {}
        for messages in waiting.values():
            yield from ((found, at) for found in messages)
