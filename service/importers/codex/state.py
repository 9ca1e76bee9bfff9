"""What a reading must remember of the lines before it: small, and copied cheaply at every line.

Rule: no value is changed in place, only replaced. So a shallow copy is a snapshot, and the parser can go back to the
state as it was at any line where an open message began.
"""

from __future__ import annotations

import copy
from typing import Any
from zlib import crc32

import msgspec

from service.importers.model import State

MAX_CALLS = 128
MAX_OWN = 64


class Counts(msgspec.Struct, frozen=True):
    """Tokens as Codex counts them: `input` holds the cached ones and those written to the cache."""

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0


class Memory(msgspec.Struct, kw_only=True):
    # who
    session: str | None = None
    created_ms: int | None = None
    cwd: str | None = None
    title: str | None = None
    provider: str | None = None
    parent: str | None = None
    attrs: dict[str, Any] = {}
    # the turn
    model: str | None = None
    turn: str | None = None
    turn_cwd: str | None = None
    goal: str | None = None
    calls: dict[str, str] = {}
    """The tools of the latest calls, by call id."""
    # times and ids
    clock_ms: int | None = None
    id_ms: int = 0
    id_count: int = -1
    own: tuple[int, ...] = ()
    """Digests of the latest ids that records brought along."""
    # tokens
    total: Counts | None = None
    """The last cumulative count that was told."""
    spent: Counts = Counts()
    """What this session used so far."""
    held: Counts | None = None
    """Used before any answer that it could stand at."""
    # copies that are still to come, of messages that are closed
    awaited: tuple[str, ...] = ()
    awaited_for: int = 0
    """For so many messages more."""
    # copied history
    copied_from: str | None = None
    """The session whose history is being repeated here; None where the session speaks for itself."""
    born_ms: int = 0
    burst_ms: int = 0
    dated_turns: bool = False
    began: bool = False

    def snapshot(self) -> Memory:
        return copy.copy(self)

    def wait_for(self, names: tuple[str, ...], messages: int) -> None:
        """Copies by their names (`copies.py`), until so many more messages began."""
        self.awaited, self.awaited_for = names, messages

    def arrived(self, name: str) -> None:
        at = self.awaited.index(name)
        self.awaited = self.awaited[:at] + self.awaited[at + 1 :]

    def began_message(self) -> None:
        self.awaited_for = max(0, self.awaited_for - 1)
        self.awaited = self.awaited if self.awaited_for else ()

    def is_new(self, id: str) -> bool:
        """Whether none of the latest messages has this id; from now on one has."""
        digest = crc32(id.encode())
        if digest in self.own:
            return False
        self.own = (*self.own[-(MAX_OWN - 1) :], digest)
        return True

    def called(self, call_id: str, tool: str) -> None:
        """Remember the tool of a call; the oldest of many is forgotten."""
        kept = list(self.calls.items())[-(MAX_CALLS - 1) :] if len(self.calls) >= MAX_CALLS else self.calls
        self.calls = {**dict(kept), call_id: tool}


def to_state(memory: Memory) -> State:
    state: State = msgspec.to_builtins(memory)
    return state


def from_state(state: State | None) -> Memory:
    """The memory that `to_state` gave; a fresh one where it was not this parser's."""
    try:
        return msgspec.convert(state or {}, Memory)
    except msgspec.ValidationError:
        return Memory()
