"""What an import did, by source: files, sessions, messages, and the lines of which only the raw line is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from service.collect.reader import Outcome

FileState = Literal["new", "changed", "unchanged"]
MOST_ERRORS = 10_000


@dataclass
class OfSource:
    """Counts of one source. Sessions and messages are those found in what was read; new and changed says the service."""

    files: Counter[FileState] = field(default_factory=Counter)
    read_bytes: int = 0
    lines: int = 0
    sessions: int = 0
    new_sessions: int = 0
    changed_sessions: int = 0
    messages: int = 0
    new_messages: int = 0
    changed_messages: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.sessions += outcome.sessions
        self.messages += outcome.messages
        self.lines += outcome.lines
        self.left_out.update(outcome.left_out)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "files": self.files.total(),
            "newFiles": self.files["new"],
            "changedFiles": self.files["changed"],
            "unchangedFiles": self.files["unchanged"],
            "bytes": self.read_bytes,
            "lines": self.lines,
            "sessions": self.sessions,
            "newSessions": self.new_sessions,
            "changedSessions": self.changed_sessions,
            "messages": self.messages,
            "newMessages": self.new_messages,
            "changedMessages": self.changed_messages,
            "leftOut": dict(self.left_out.most_common()),
        }


@dataclass
class Summary:
    """Of one run."""

    sources: dict[str, OfSource] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Paths that could not be read, and why."""
    errors: list[str] = field(default_factory=list)
    """What the service did not take, in its words; the first `MOST_ERRORS`."""
    error_count: int = 0

    def of(self, source: str) -> OfSource:
        return self.sources.setdefault(source, OfSource())

    def refused(self, errors: list[str]) -> None:
        self.error_count += len(errors)
        self.errors += errors[: MOST_ERRORS - len(self.errors)]
