"""The lines of a session: what the session is called, its messages, and what became of them.

Rule: one message is open, the last one; a line of another id closes it. Ids of the last messages are remembered with
what was counted for them, so that a record that comes late is a change of its message and not a second one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from service.importers import blocks, record
from service.importers.clock import from_iso, from_ms, to_ms
from service.importers.gemini import message
from service.importers.gemini.message import Read
from service.importers.model import Found, FoundMessage, FoundSession, Line, Parser, Place, Resume, State
from service.importers.names import unknown_type
from service.importers.running import Again, Running, Usage, facts, name, project
from service.model import raw_members
from service.model.raw_members import Members

SOURCE = "gemini-cli"

REWIND = "rewind to an earlier message"
SAVED_CHECKPOINT = "saved checkpoint, which is no session"
REMEMBERED = 64
MAX_DIRECTORIES = 20

_HASH = re.compile(r"[0-9a-f]{64}")
_OF_SESSION = ("projectHash", "kind")


class Log:
    def __init__(self, place: Place, state: State | None = None) -> None:
        kept = state or {}
        self._parent, self._folder = _around(place)
        self._running = Running(SOURCE, self._called(place.stem), kept.get("running"))
        self._recent: dict[str, list[int | None]] = dict(kept.get("recent", {}))
        self._latest_ms: int = kept.get("latest_ms", 0)
        self._messages: int = kept.get("messages", 0)
        self._open: tuple[Read, list[int]] | None = None

    def feed(self, line: Line) -> Iterable[Found]:
        try:
            members = record.members(line.data)
        except record.Unreadable as error:
            return [self._running.left_out(line.offset, str(error))]
        if "$rewindTo" in members:
            return [self._running.left_out(line.offset, REWIND)]
        if "$set" in members:
            return self._changes(line.offset, raw_members.of(members["$set"]) or {})
        if "sessionId" in members or "messages" in members:
            return self._whole(line.offset, members)
        if "type" in members and ("id" in members or "content" in members):
            return self._message(line.offset, members)
        kind = raw_members.string(members.get("type"))
        reason = SAVED_CHECKPOINT if "history" in members else unknown_type(kind)
        return [self._running.left_out(line.offset, reason)]

    def finish(self) -> Iterable[Found]:
        return [*self._closed(), *self._running.finish()]

    def resume(self, end: int) -> Resume:
        """The open message is found again from its first line; what else was said behind it may be said twice."""
        state = {
            "running": self._running.state(),
            "recent": dict(self._recent),
            "latest_ms": self._latest_ms,
            "messages": self._messages - (self._open is not None),
        }
        return Resume(self._open[1][0] if self._open else end, state)

    def _whole(self, line: int, members: Members) -> list[Found]:
        """The first line of a log, or a whole document."""
        found: list[Found] = [self._session(line, members)]
        by_id: dict[str, Members] = {}
        for place, raw in enumerate(blocks.elements(members.get("messages"))):
            element = raw_members.of(raw) or {"content": raw}
            by_id[raw_members.string(element.get("id")) or f"at {place}"] = element
        for element in by_id.values():
            found += self._message(line, element)
        return found + (self._closed() if by_id else [])

    def _changes(self, line: int, members: Members) -> list[Found]:
        """`$set`: of the session; with `messages` all that the model is shown from here on."""
        found: list[Found] = [self._session(line, members)]
        for raw in blocks.elements(members.get("messages")):
            element = raw_members.of(raw) or {}
            if self._is_new(element):
                found += self._message(line, element)
        return found

    def _session(self, line: int, members: Members) -> FoundSession:
        said = {key: record.value(raw) for key, raw in members.items() if key != "messages"}
        told = record.identifier(said.get("sessionId"))
        session = self._running.root(self._called(told) if told else None)
        directories = _paths(said.get("directories"))
        project_hash = said.get("projectHash") or self._running.told(session).get("attrs", {}).get(
            "projectHash"
        )
        return self._running.says(
            line,
            session,
            at=from_iso(said.get("startTime")),
            title=name(said.get("summary")),
            parent_external_id=self._parent,
            attrs=facts(said, _OF_SESSION) | ({"directories": directories} if directories else {}),
            **(self._folder | _project(directories, project_hash)),
        )

    def _message(self, line: int, members: Members) -> list[Found]:
        read = message.read(members)
        if self._open and read.id and self._open[0].id == read.id:
            before, lines = self._open
            self._open = (read._replace(usage=read.usage.over(before.usage)), [*lines, line])
            return []
        found = self._closed()
        if read.id in self._recent:
            return [*found, self._written(read, [line])]
        self._messages += 1
        if read.id is None:
            read = read._replace(id=f"{self._running.root()}-message-{self._messages}")
        self._open = (read, [line])
        return found

    def _closed(self) -> list[Found]:
        """The open message, which nothing but a late record changes now."""
        if self._open is None:
            return []
        (read, lines), self._open = self._open, None
        return [self._written(read, lines)]

    def _written(self, read: Read, lines: list[int]) -> FoundMessage:
        id = str(read.id)
        before = self._recent.get(id)
        found = self._running.message(
            self._running.root(),
            id,
            read.role,
            read.parts,
            lines=tuple(dict.fromkeys(lines)),
            records=blocks.call_ids(read.parts),
            text=read.text,
            at=read.at,
            model=read.model,
            usage=read.usage,
            again=_again(before) if before else None,
            attrs=read.attrs,
        )
        write = found.write
        counted = [
            write.prompt_tokens,
            write.completion_tokens,
            write.cache_read_tokens,
            write.cache_write_tokens,
        ]
        self._recent[id] = [to_ms(write.created_at) if write.created_at else None, *counted]
        while len(self._recent) > REMEMBERED:
            del self._recent[next(iter(self._recent))]
        self._latest_ms = max(self._latest_ms, to_ms(read.at) if read.at else 0)
        return found

    def _is_new(self, members: Members) -> bool:
        """Whether a checkpoint's message was made with it: not known, and no older than all that was read."""
        id, at = raw_members.string(members.get("id")), from_iso(record.value(members.get("timestamp")))
        opened = self._open[0] if self._open else None
        if not id or at is None or id in self._recent or (opened and opened.id == id):
            return False
        latest = max(self._latest_ms, to_ms(opened.at) if opened and opened.at else 0)
        return to_ms(at) >= latest

    def _called(self, session: str) -> str:
        return f"{self._parent}:{session}" if self._parent else session


def opened(place: Place, state: State | None = None) -> Parser:
    return Log(place, state)


def _around(place: Place) -> tuple[str | None, dict[str, str]]:
    """The session whose sub-agent this is; and the project, where its folder has its name and not its hash.

    >>> _around(Place("/home/u/.gemini/tmp/my-app/chats/session-1.jsonl"))
    (None, {'project_name': 'my-app'})
    """
    folders = (*place.folders, "", "", "")
    nested = folders[0] != "chats" and folders[1] == "chats"
    folder = folders[2] if nested else folders[1] if folders[0] == "chats" else ""
    known = folder and not _HASH.fullmatch(folder)
    return folders[0] if nested else None, {"project_name": folder} if known else {}


def _paths(told: Any) -> list[str]:
    listed = told if isinstance(told, list) else []
    return [path for path in listed if record.text(path) and len(path) <= record.MAX_LINE_CHARS][
        :MAX_DIRECTORIES
    ]


def _project(directories: list[str], project_hash: Any) -> dict[str, str]:
    """The directory whose hash the session tells is where it ran."""
    ours = (path for path in directories if hashlib.sha256(path.encode()).hexdigest() == project_hash)
    return project(next(ours, None))


def _again(before: list[int | None]) -> Again:
    ms, prompt, completion, read, write = before
    return Again(from_ms(ms) if ms is not None else None, Usage(prompt, completion, read, write))
