"""A session's title: the person's own, else the one that a model wrote, else a summary of this conversation.

Rule: a summary names the last record that it sums up. It titles this session only when that record is in it: files
begin with summaries of other sessions. A title counts when its session has messages; until then its line waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from service.importers import record
from service.importers.claude_code import reasons
from service.importers.model import LeftOut, State

_RANKS = {"summary": 1, "ai-title": 2, "custom-title": 3}
_MEMBERS = {"summary": "summary", "ai-title": "aiTitle", "custom-title": "customTitle"}
_MOST_WAITING = 128


class Title(msgspec.Struct, omit_defaults=True, rename="camel"):
    rank: int
    text: str
    leaf: str | None = None
    """The record that must be in the session for it to count; None: any message."""
    told: bool = False
    """Its line is accounted for, by an earlier reading."""


class Titles:
    def __init__(self, state: State | None = None) -> None:
        kept = state or {}
        self._rank = int(kept.get("rank", 0))
        self._waiting: dict[int, Title] = {
            int(offset): title
            for offset, title in msgspec.convert(kept.get("waiting", {}), dict[str, Title]).items()
        }

    @property
    def state(self) -> State:
        waiting = {
            str(offset): msgspec.to_builtins(msgspec.structs.replace(title, told=True))
            for offset, title in self._waiting.items()
        }
        return {"rank": self._rank, "waiting": waiting}

    def read(self, values: dict[str, Any], kind: str) -> Title | None:
        text = record.text(values.get(_MEMBERS[kind]), most=record.MAX_LINE_CHARS)
        leaf = record.identifier(values.get("leafUuid")) if kind == "summary" else None
        if text is None or (kind == "summary" and leaf is None):
            return None
        return Title(_RANKS[kind], text, leaf)

    def wait(self, offset: int, title: Title) -> bool:
        """Whether there is room for it to wait."""
        if len(self._waiting) >= _MOST_WAITING and offset not in self._waiting:
            return False
        self._waiting[offset] = title
        return True

    def counts(self, title: Title) -> bool:
        """Whether it is at least as good as the one that the session has; then it is the session's."""
        better = title.rank >= self._rank
        self._rank = max(self._rank, title.rank)
        return better

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def due(self, name: str | None) -> Iterator[tuple[int, Title]]:
        """The titles, with their lines, that count now: of the summaries those of the record `name`."""
        for offset, title in sorted(self._waiting.items()):
            if title.leaf is None or title.leaf == name:
                del self._waiting[offset]
                yield offset, title

    def unused(self, session: str | None) -> Iterator[LeftOut]:
        """The lines that still wait at the end."""
        for offset, title in sorted(self._waiting.items()):
            if not title.told:
                reason = reasons.FOREIGN_SUMMARY if title.leaf else reasons.EMPTY_TITLE
                yield LeftOut(offset, reason, session)
