"""aider's chat history: one markdown file a repository, `.aider.chat.history.md`, with all its runs.

Rule: a run is a session. Its id is its time and a hash of its lines up to the user's first one, so that it depends on
no path and no machine (a history is committed, cloned and moved with its repository), is known before anything of the
run is told, and differs for runs of one second. A message's id is its place in the run. A run in which the user never
said anything is left out; its lines are held, and read again when the file has grown.

Times are the machine's local ones without a zone: taken as UTC, with `localTime` among the session's attrs. All
messages of a run have the time at which it started. Token counts are aider's rounded ones: `estimated`.

It is read as a log; a whole file given as one line reads the same, with its blank lines exact.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import PurePath
from typing import Any, NamedTuple

import msgspec

from service.importers import clock
from service.importers.aider import notes
from service.importers.aider.lines import Habits, Kind, bare, started_at
from service.importers.aider.notes import Usage
from service.importers.model import (
    Found,
    FoundMessage,
    FoundSession,
    LeftOut,
    Line,
    Place,
    Resume,
    State,
)
from service.model.message import MessageWrite, Role
from service.model.session import SessionWrite

SOURCE = "aider"
NOTHING_SAID = "a run in which nothing was said"
MAX_HELD_LINES = 500
"""Of a run before the user's first line; one with more is told without."""
MAX_MESSAGE_CHARS = 1_000_000
"""A longer message goes on as another one, so that memory stays flat."""
MAX_BLANK_LINES = 2
"""In a log blank lines are known by the bytes between lines: they may have been one line of spaces."""

_ROLES: dict[Kind, Role] = {"user": "user", "note": "system", "answer": "assistant", "run": "system"}


class Run(msgspec.Struct):
    """What must be known of the run at a line: plain, so that it can be carried over."""

    habits: Habits = msgspec.field(default_factory=Habits)
    session: str = ""
    """Its external id; "" until the user has said something."""
    previous: str = ""
    """The run before."""
    messages: int = 0
    model: str = ""
    version: str = ""
    usage: Usage = msgspec.field(default_factory=Usage)
    end: int | None = None
    """Where the line before ended."""
    newline: int = 1
    """Bytes of a line's end."""


class _Before(NamedTuple):
    """Where to read on so that a line is read again, with what was known there."""

    offset: int
    run: Run


class _Read(NamedTuple):
    offset: int
    text: str
    blanks: int
    """Blank lines before this one."""
    before: _Before


class _Block(msgspec.Struct):
    """A message in the making."""

    kind: Kind
    place: int
    before: _Before
    texts: list[str]
    lines: list[int]
    chars: int = 0
    usage: Usage | None = None
    told: str = ""
    """What aider says of the tokens."""


class AiderParser:
    def __init__(self, place: Place, state: State | None = None) -> None:
        self._place = place
        self._run = msgspec.convert(state, Run) if state else Run()
        self._held: list[_Read] = []
        """The run's lines, as long as it has no id."""
        self._open: list[_Block] = []
        """At most an answer and the notes behind it, which tell what it took."""

    def feed(self, line: Line) -> Iterable[Found]:
        if not line.data.strip():
            return
        encoding = "utf-8-sig" if line.offset == 0 else "utf-8"
        text = line.data.decode(encoding, errors="replace").replace("\0", "")
        if "\n" in text:
            yield from self._document(line.offset, text)
            return
        before, blanks = _Before(line.offset, self._run), 0
        if before.run.end is not None:
            between = line.offset - before.run.end
            newline = 2 if before.run.habits.last == "run" and between >= 4 else before.run.newline
            self._run = msgspec.structs.replace(before.run, newline=newline)
            blanks = min(max(between // newline - 1, 0), MAX_BLANK_LINES)
        self._run = msgspec.structs.replace(self._run, end=line.offset + len(line.data.rstrip(b"\r")))
        yield from self._line(_Read(line.offset, text.rstrip("\r"), blanks, before))

    def finish(self) -> Iterable[Found]:
        yield from self._end_run()

    def resume(self, end: int) -> Resume:
        waiting = [read.before for read in self._held[:1]] or [block.before for block in self._open[:1]]
        offset, run = waiting[0] if waiting else (end, self._run)
        return Resume(offset, msgspec.to_builtins(run))

    def _document(self, offset: int, text: str) -> Iterator[Found]:
        """A whole file as one line."""
        before, blanks = _Before(offset, self._run), 0
        found: list[Found] = []
        for piece in text.split("\n"):
            if piece.strip():
                found += self._line(_Read(offset, piece.rstrip("\r"), blanks, before))
            blanks = 0 if piece.strip() else blanks + 1
        found += self._end_run()
        self._run = Run()
        kept = [item for item in found if not isinstance(item, LeftOut)]
        yield from kept or found[:1]

    def _line(self, read: _Read) -> Iterator[Found]:
        habits = copy.copy(self._run.habits)
        kind = habits.kind_of(read.text, after_blank=read.blanks > 0)
        if kind == "run":
            yield from self._end_run()
            self._begin_run(read)
            return
        self._run = msgspec.structs.replace(self._run, habits=habits)
        if not self._run.session:
            self._held.append(read)
            if habits.spoken or len(self._held) > MAX_HELD_LINES:
                yield from self._tell_run()
            return
        yield from self._add(read, kind)

    def _begin_run(self, read: _Read) -> None:
        run = self._run
        self._run = Run(previous=run.session or run.previous, end=run.end, newline=run.newline)
        self._run.habits = Habits(started_at=started_at(read.text), last="run")
        self._held = [read]

    def _tell_run(self) -> Iterator[Found]:
        """The run has an id now: its lines so far are read again, this time for good."""
        held, self._held = self._held, []
        begun = self._run.habits.started_at
        self._run.session = _session_id(begun, [read.text for read in held], other_than=self._run.previous)
        headers = [read.offset for read in held[:1] if started_at(read.text)]
        yield FoundSession(self._session(first=True), tuple(headers))
        habits = Habits(started_at=begun, last="run")
        for read in held[len(headers) :]:
            kind = habits.kind_of(read.text, after_blank=read.blanks > 0)
            # A line before the user's first words has an id only together with all that was held.
            yield from self._add(read._replace(before=held[0].before), kind)
        self._run.habits = habits

    def _add(self, read: _Read, kind: Kind) -> Iterator[Found]:
        last = self._open[-1] if self._open else None
        apart = kind == "user" and read.blanks > 0
        if last is None or last.kind != kind or apart or last.chars > MAX_MESSAGE_CHARS:
            if last is None or not (kind == "note" and last.kind == "answer"):
                yield from self._close()
            last = _Block(kind, self._run.messages, read.before, [], [])
            self._open.append(last)
            self._run.messages += 1
        text = bare(read.text, kind)
        last.texts.append("\n" * read.blanks + text if last.texts and kind == "answer" else text)
        last.lines.append(read.offset)
        last.chars += len(text)
        if kind == "note":
            self._heed(text)

    def _heed(self, note: str) -> None:
        """What a note tells of the run, or of the answer before it."""
        if name := notes.model(note):
            self._run.model = name
        if version := notes.version(note):
            self._run.version = version
        told = notes.usage(note)
        if told is None or len(self._open) < 2:
            return
        answer = self._open[-2]
        answer.usage = (answer.usage or Usage()).plus(told)
        answer.told = f"{answer.told}\n{note}".strip()
        self._run.usage = self._run.usage.plus(told)

    def _close(self) -> Iterator[Found]:
        closed, self._open = self._open, []
        for block in closed:
            yield FoundMessage(self._message(block), records=(), lines=tuple(dict.fromkeys(block.lines)))

    def _end_run(self) -> Iterator[Found]:
        if self._run.session:
            yield from self._close()
            yield FoundSession(self._session())
        for offset in dict.fromkeys(read.offset for read in self._held):
            yield LeftOut(offset, NOTHING_SAID)
        self._held = []

    def _message(self, block: _Block) -> MessageWrite:
        usage = block.usage or Usage()
        answered = block.kind == "answer"
        attrs: dict[str, Any] = {"usage": block.told, "estimated": True} if block.usage else {}
        return MessageWrite(
            session_external_id=self._run.session,
            external_id=str(block.place),
            role=_ROLES[block.kind],
            text="\n".join(block.texts).strip("\n") or None,
            model=(block.before.run.model or self._run.model or None) if answered else None,
            source=SOURCE,
            created_at=self._begun(),
            prompt_tokens=usage.sent or None,
            completion_tokens=usage.received or None,
            cache_read_tokens=usage.cache_read or None,
            cache_write_tokens=usage.cache_write or None,
            cost_usd=usage.cost_usd or None,
            attrs=attrs or None,
        )

    def _session(self, *, first: bool = False) -> SessionWrite:
        """What is known of the run; without counts at first, when no answer has been read."""
        usage = Usage() if first else self._run.usage
        folder = PurePath(self._place.path).parent
        named = folder.name not in ("", ".", "..")
        attrs: dict[str, Any] = {"localTime": True} if self._begun() else {}
        if self._run.version:
            attrs["version"] = self._run.version
        return SessionWrite(
            external_id=self._run.session,
            source=SOURCE,
            kind="agent",
            project_path=str(folder) if named else None,
            project_name=folder.name if named else None,
            model=self._run.model or None,
            created_at=self._begun(),
            prompt_tokens=usage.sent or None,
            completion_tokens=usage.received or None,
            cache_read_tokens=usage.cache_read or None,
            cache_write_tokens=usage.cache_write or None,
            cost_usd=usage.cost_usd or None,
            attrs=attrs or None,
        )

    def _begun(self) -> datetime | None:
        return clock.from_iso(self._run.habits.started_at)


def _session_id(begun: str, texts: list[str], *, other_than: str) -> str:
    """
    >>> _session_id("2025-03-01 09:30:00", ["#### hi  "], other_than="")
    'aider:20250301T093000-81ccf1738ea9'
    """
    digest = hashlib.sha256("\n".join(text.rstrip() for text in texts).encode()).hexdigest()[:12]
    when = begun.replace("-", "").replace(":", "").replace(" ", "T")
    name = f"aider:{when}-{digest}" if when else f"aider:{digest}"
    # The same run twice in one second, with the same words: the first one's twin.
    return f"{name}~2" if name == other_than else name
