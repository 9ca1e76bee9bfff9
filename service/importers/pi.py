"""pi: a session tree, one entry a line (`~/.pi/agent/sessions/--<folder>--/<time>_<id>.jsonl`).

Rule: the file's order is the session's; branches that were left stay in it, an entry's parent stands in `parentId`.
Entries of the oldest form have no id and are called by their number in the file: pi gives them ids when it rewrites
the file, and their number, which every message has among its records, stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec
from msgspec import Raw

from service.importers import blocks, record
from service.importers.clock import from_epoch, from_iso
from service.importers.model import Format, Found, FoundSession, Line, Parser, Place, Resume, State
from service.importers.names import unknown_type
from service.importers.running import UNKNOWN, Running, Usage, facts, money, name, project
from service.model import raw_members
from service.model.message import Part, Role
from service.model.raw_members import Members

SOURCE = "pi"

LABEL = "bookmark on an entry"
EXTENSION_STATE = "state of an extension"
NO_MESSAGE = "entry without its message"

_IN_FILE_NAME = re.compile(r"[^_]+_(.+)")
_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "toolResult": "tool",
    "bashExecution": "user",
    "custom": "system",
    "hookMessage": "system",
    "branchSummary": "system",
    "compactionSummary": "system",
}
_COUNTS = ("input", "output", "cacheRead", "cacheWrite")
_SUMMARIES = ("compaction", "branch_summary")
_OF_ENTRY = ("parentId", "customType", "display", "firstKeptEntryId", "fromId", "tokensBefore", "fromHook")
_OF_MESSAGE = ("api", "provider", "stopReason", "customType", "display", "fromId", "tokensBefore", "usage")


class _Pi:
    def __init__(self, place: Place, state: State | None = None) -> None:
        kept = state or {}
        self._running = Running(SOURCE, _session_in(place.stem), kept.get("running"))
        self._entries: int = kept.get("entries", 0)
        self._turns: int = kept.get("turns", 0)

    def feed(self, line: Line) -> Iterable[Found]:
        try:
            entry = record.members(line.data)
        except record.Unreadable as error:
            return [self._running.left_out(line.offset, str(error))]
        kind = raw_members.string(entry.get("type"))
        if kind == "session":
            return [self._header(line.offset, entry)]
        self._entries += 1
        if kind == "message":
            return [self._message(line.offset, entry)]
        if kind in _SUMMARIES:
            return [self._system(line.offset, entry, entry.get("summary"))]
        if kind == "custom_message":
            return [self._system(line.offset, entry, entry.get("content"))]
        return [self._setting(line.offset, kind, entry)]

    def finish(self) -> Iterable[Found]:
        return self._running.finish()

    def resume(self, end: int) -> Resume:
        """Every message is one line: none may grow."""
        state = {"running": self._running.state(), "entries": self._entries, "turns": self._turns}
        return Resume(end, state)

    def _header(self, line: int, entry: Members) -> FoundSession:
        said = {key: record.value(raw) for key, raw in entry.items()}
        forked = _session_in(str(said.get("parentSession") or "").replace("\\", "/").split("/")[-1])
        return self._running.says(
            line,
            self._running.root(record.identifier(said.get("id"))),
            at=from_iso(said.get("timestamp")),
            model=name(said.get("modelId")),
            provider=name(said.get("provider")),
            attrs=facts(said, ("version", "thinkingLevel")) | ({"forkedFrom": forked} if forked else {}),
            **project(said.get("cwd")),
        )

    def _setting(self, line: int, kind: str | None, entry: Members) -> Found:
        """An entry that is no message: of the session's settings, or of nothing that is kept."""
        says, session = self._running.says, self._running.root()
        value = {key: record.value(raw) for key, raw in entry.items()}
        if kind == "model_change":
            return says(line, session, model=name(value.get("modelId")), provider=name(value.get("provider")))
        if kind == "thinking_level_change":
            return says(line, session, attrs=facts(value, ("thinkingLevel",)))
        if kind == "session_info":
            return says(line, session, title=name(value.get("name")))
        known = {"label": LABEL, "custom": EXTENSION_STATE}
        return self._running.left_out(line, known.get(kind or "") or unknown_type(kind))

    def _system(self, line: int, entry: Members, content: Raw | None) -> Found:
        """What the program put into the conversation: summaries, words of extensions."""
        said = {key: record.value(entry.get(key)) for key in ("type", "timestamp", *_OF_ENTRY)}
        return self._running.message(
            self._running.root(),
            self._id(entry),
            "system",
            blocks.parts_of(content),
            records=self._records(entry),
            lines=(line,),
            at=from_iso(said["timestamp"]),
            attrs={"type": said["type"], **facts(said, _OF_ENTRY)},
        )

    def _message(self, line: int, entry: Members) -> Found:
        message = raw_members.of(entry.get("message"))
        if message is None:
            return self._running.left_out(line, NO_MESSAGE)
        said = {key: record.value(raw) for key, raw in message.items() if key not in ("content", "details")}
        told_role = str(said.get("role"))
        role = _ROLES.get(told_role, "unknown")
        parts = _parts(told_role, message)
        error = record.text(said.get("errorMessage"), most=record.MAX_LINE_CHARS)
        attrs = {"parentId": record.value(entry.get("parentId")), **facts(said, _OF_MESSAGE)}
        if told_role not in ("user", "assistant", "toolResult"):
            attrs["role"] = name(told_role)
        return self._running.message(
            self._running.root(),
            self._id(entry),
            role,
            parts,
            records=[*self._records(entry, told_role), *blocks.call_ids(parts)],
            lines=(line,),
            text=None if parts else error,
            at=from_iso(record.value(entry.get("timestamp"))) or from_epoch(said.get("timestamp")),
            model=name(said.get("model")),
            usage=_usage(message.get("usage")),
            attrs=attrs | ({"errorMessage": error[:500]} if parts and error else {}),
        )

    def _id(self, entry: Members) -> str:
        return record.identifier(record.value(entry.get("id"))) or self._number()

    def _records(self, entry: Members, role: str = "") -> list[str]:
        """The entry's number in the file; of a turn also its number among the turns, by which pi's plugin calls it."""
        if role not in ("user", "assistant"):
            return [self._number()]
        self._turns += 1
        return [self._number(), f"{self._running.root()}-{role}-{self._turns}"]

    def _number(self) -> str:
        return f"{self._running.root()}-entry-{self._entries}"


def _parts(role: str, message: Members) -> list[Part]:
    if role == "toolResult":
        return [
            blocks.result(
                raw_members.string(message.get("toolCallId")),
                raw_members.string(message.get("toolName")),
                message.get("content"),
                failed=record.value(message.get("isError")) is True,
                details=message.get("details"),
            )
        ]
    if role == "bashExecution":
        return _shell(message)
    return blocks.parts_of(message.get("content") or message.get("summary"))


def _shell(message: Members) -> list[Part]:
    """A command that the person ran: a call and its result in one message."""
    args = Raw(msgspec.json.encode({"command": message.get("command")}))
    rest = raw_members.without(message, "role", "command", "output", "timestamp")
    failed = record.value(message.get("exitCode")) not in (None, 0)
    return [
        blocks.call(None, "bash", args),
        blocks.result(None, "bash", message.get("output"), failed=failed, **rest),
    ]


def _usage(raw: Raw | None) -> Usage:
    usage = raw_members.of(raw)
    if usage is None:
        return UNKNOWN
    prompt, completion, cache_read, cache_write = (
        record.count(record.value(usage.get(key))) for key in _COUNTS
    )
    cost = money((raw_members.of(usage.get("cost")) or {}).get("total"))
    return Usage(prompt, completion, cache_read, cache_write, cost)


def _session_in(file_name: str) -> str:
    """The session's id in its file's name, or the name where it has another form.

    >>> _session_in("2026-01-02T03-04-05-000Z_0b0e.jsonl"), _session_in("other")
    ('0b0e', 'other')
    """
    stem = file_name.removesuffix(".jsonl")
    match = _IN_FILE_NAME.fullmatch(stem)
    return match[1] if match else stem


def _open(place: Place, state: State | None = None) -> Parser:
    return _Pi(place, state)


FORMAT = Format("pi", SOURCE, _open)
