"""What one request is about to write, and what it wrote: passed between those who decide and `batch.py`, which acts."""

from __future__ import annotations

from typing import Any

import msgspec

from service.model.message import MessageWrite
from service.model.session import SessionWrite
from service.storage.sync_rows import Key


class Taken(msgspec.Struct, frozen=True):
    """A stored message that becomes the transcript's: its row stays under another name, others' go."""

    session_id: int
    id: int
    external_id: str
    absorbed: tuple[int, ...]
    labels: dict[str, str | None]


class Adopted(msgspec.Struct, frozen=True):
    """Clients' rows of other sessions that are this message: they go, and it has their labels."""

    place: Key
    sessions: frozenset[int]
    """Those of the rows."""
    ids: tuple[int, ...]
    labels: dict[str, str | None]


class Met(msgspec.Struct):
    """How a request's messages meet the stored ones: under which keys they stand, and what goes with that."""

    messages: dict[Key, MessageWrite]
    """What to store, by the key of its row."""
    renamed: dict[Key, Key] = {}
    """Keys as they were sent to those of their rows, where these differ."""
    fresh: set[Key] = set()
    """Certainly not stored yet: not compared, and inserted."""
    ids: dict[Key, int] = {}
    text_keys: dict[Key, int | None] = {}
    taken: list[Taken] = []
    adopted: list[Adopted] = []
    records: dict[tuple[int, str], tuple[Key, str]] = {}
    """Names to add: (session id, record id) to the message's key and the side that tells it."""
    told: set[tuple[int, str]] = set()
    """Of these names those that are there already, told by one side."""
    moved: set[tuple[int, str]] = set()
    """Of these names those that were another message's until a better parser told the two apart."""
    lines: dict[tuple[Key, str], set[int]] = {}
    """Offsets of raw lines to note, by message and stream."""
    anew: set[tuple[int, str]] = set()
    """Session ids and streams of which these lines take the place of those that were noted."""

    @property
    def touched(self) -> set[int]:
        """Sessions in which something is to be written beside messages."""
        return {
            *(taken.session_id for taken in self.taken),
            *(session_id for adopted in self.adopted for session_id in adopted.sessions),
            *(session_id for session_id, _ in self.records),
            *(key[0] for key, _ in self.lines),
        }


class Written(msgspec.Struct):
    met: Met
    rows: dict[Key, dict[str, Any]] = {}
    """Messages that were written: id, inserted."""
    sessions: set[int] = set()
    """Whose own fields changed."""


class Plan(msgspec.Struct):
    met: Met
    sessions: dict[int, SessionWrite]
    changed: set[int]
    lines: list[dict[str, Any]]
    touched: set[int]
