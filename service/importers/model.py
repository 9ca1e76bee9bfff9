"""What a parser is and what it finds: the interface between files on disk and sessions.

A parser is pure: lines in, findings out; it reads no file, no clock and no environment. It is fed the lines of one
transcript in their order and can be asked at any point where to go on later (`resume`), so that a file that grows is
read on from there and not from its beginning.

Rule: every line that is not blank ends in exactly one place: in a message, in a session's fields, or left out with a
reason. `Found.lines` says which; a test adds them up over real transcripts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, NamedTuple, Protocol

import msgspec

from service.model.message import MessageWrite
from service.model.session import SessionWrite

State = dict[str, Any]
"""What a parser must remember between two readings: small, plain JSON."""


class Line(NamedTuple):
    """A line without its newline, and the offset of its first byte in the file. A document is one line."""

    offset: int
    data: bytes


class Place(msgspec.Struct, frozen=True):
    """Where a transcript lies, as its machine names it. Only the name and its folders say something."""

    path: str

    @property
    def name(self) -> str:
        return PurePath(self.path).name

    @property
    def stem(self) -> str:
        return PurePath(self.path).stem

    @property
    def folders(self) -> tuple[str, ...]:
        """The innermost first.

        >>> Place("/home/u/.claude/projects/-src/abc/subagents/agent-1.jsonl").folders[:2]
        ('subagents', 'abc')
        """
        return tuple(reversed(PurePath(self.path).parts[:-1]))


class FoundSession(msgspec.Struct, frozen=True):
    """What is known of a session so far: counts are absolute, so that the same finding again changes nothing."""

    write: SessionWrite
    lines: tuple[int, ...] = ()
    """Offsets of the lines that say nothing but this (a title, a setting)."""


EXCERPT = "excerpt"
"""Among the attrs of a message that is one."""


class FoundMessage(msgspec.Struct, frozen=True):
    """A message, complete as far as the transcript goes.

    `records` are the ids by which other copies of it can be known again: of every record that went into it, of the
    model's answer, of its tool calls. Its own external id need not stand among them.
    """

    write: MessageWrite
    records: tuple[str, ...]
    lines: tuple[int, ...]
    excerpt: bool = False
    """Some of a message that its own session's transcript tells whole: never in place of that."""


class LeftOut(msgspec.Struct, frozen=True):
    """A line of which nothing is kept but the raw line, and why: a few words from a fixed list, no text of people."""

    line: int
    reason: str
    session_external_id: str | None = None
    """Whose raw lines it stands among; None: the first session of the transcript."""


Found = FoundSession | FoundMessage | LeftOut


class Resume(msgspec.Struct, frozen=True):
    """Where to read on, and with what in mind.

    A message that may still grow begins at or after `offset`: reading on finds it again from its first line.
    """

    offset: int
    state: State


class Parser(Protocol):
    """Reads one transcript. No bytes make it raise: what it cannot read it leaves out."""

    def feed(self, line: Line) -> Iterable[Found]:
        """What is complete with this line. Messages come in the order of their first lines."""
        ...

    def finish(self) -> Iterable[Found]:
        """What is still open, at the end of what is there now. The parser is not fed again."""
        ...

    def resume(self, end: int) -> Resume:
        """Where to read on when all lines before `end` were fed. Called before `finish`."""
        ...


class OpenParser(Protocol):
    """Makes a parser: a new one, or one that goes on from a `Resume`'s state."""

    def __call__(self, place: Place, state: State | None = None) -> Parser: ...


class Format(msgspec.Struct, frozen=True):
    """A transcript format: its name on the command line, its source on the wire, its parser."""

    name: str
    source: str
    open: OpenParser
    version: int = 1
    """Raise it when the parser reads better: state kept by an older one is not used, and `reparse` says what is new."""
