"""Droid (Factory): a session, one record a line (`~/.factory/sessions/<folder>/<id>.jsonl`).

Rule: messages have Anthropic's blocks; what the program put into them stands in `<system-reminder>` blocks, which are
parts but not the message's text. Tokens are counted for the session only, in `<id>.settings.json` beside the log: a
line that is that file's object, at any place, says them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from service.importers import blocks, record, totals
from service.importers.clock import from_epoch, from_iso
from service.importers.model import Format, Found, FoundSession, Line, Parser, Place, Resume, State
from service.importers.names import unknown_type
from service.importers.running import UNKNOWN, Running, Usage, facts, name, project
from service.model import raw_members
from service.model.message import Part, Role
from service.model.raw_members import Members

SOURCE = "factory-droid"

TASK_LIST = "state of the task list"
TURN_OUTCOME = "outcome of a turn"
NO_MESSAGE = "message without content"

_LEFT_OUT = {"todo_state": TASK_LIST, "agent_turn_outcome": TURN_OUTCOME}
_PLACEHOLDER_TITLES = ("New Session", "Untitled Session")
_INJECTED = re.compile(r"\s*<(system-reminder|system-notification|environment_context)>", re.IGNORECASE)
_COUNTS = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheCreationTokens")
_MESSAGE_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_OF_SESSION = ("owner", "version", "hostId", "forkedAtMessageId", "callingToolUseId", "decompSessionType")
_OF_SETTINGS = ("reasoningEffort", "autonomyMode", "providerLock", "apiProviderLock", "archivedAt")
_OF_MESSAGE = (
    "apiProvider",
    "reasoningEffort",
    "visibility",
    "userMessageSource",
    "hookEventName",
    "hookStatus",
    "openaiMessageId",
    "usage",
)
_OF_COMPACTION = ("summaryKind", "summaryTokens", "removedCount")


class _Droid:
    def __init__(self, place: Place, state: State | None = None) -> None:
        kept = state or {}
        self._running = Running(SOURCE, place.stem, kept.get("running"))
        self._messages: int = kept.get("messages", 0)

    def feed(self, line: Line) -> Iterable[Found]:
        try:
            entry = record.members(line.data)
        except record.Unreadable as error:
            return [self._running.left_out(line.offset, str(error))]
        kind = raw_members.string(entry.get("type"))
        if kind == "session_start":
            return [self._start(line.offset, entry)]
        if kind == "message":
            return [self._message(line.offset, entry)]
        if kind == "compaction_state":
            return [self._compaction(line.offset, entry)]
        if kind is None and {"tokenUsage", "model", "autonomyMode", "providerLock"} & entry.keys():
            return [self._settings(line.offset, entry)]
        return [self._running.left_out(line.offset, _LEFT_OUT.get(kind or "") or unknown_type(kind))]

    def finish(self) -> Iterable[Found]:
        return self._running.finish()

    def resume(self, end: int) -> Resume:
        """Every message is one line: none may grow."""
        return Resume(end, {"running": self._running.state(), "messages": self._messages})

    def _start(self, line: int, entry: Members) -> FoundSession:
        """`callingSessionId` is the session whose agent started this one; `parent` the one that it was forked from."""
        said = {key: record.value(raw) for key, raw in entry.items()}
        session = self._running.root(record.identifier(said.get("id") or said.get("sessionId")))
        calling = record.identifier(said.get("callingSessionId"))
        titles = (name(said.get("sessionTitle")), name(said.get("title")))
        return self._running.says(
            line,
            session,
            at=from_iso(said.get("timestamp")),
            title=next((title for title in titles if title and title not in _PLACEHOLDER_TITLES), None),
            parent_external_id=calling if calling != session else None,
            attrs=facts(said, _OF_SESSION) | facts({"forkedFrom": said.get("parent")}, ["forkedFrom"]),
            **project(said.get("cwd")),
        )

    def _settings(self, line: int, entry: Members) -> FoundSession:
        said = {key: record.value(raw) for key, raw in entry.items()}
        usage = said.get("tokenUsage")
        counts = usage if isinstance(usage, dict) else {}
        return self._running.says(
            line,
            self._running.root(),
            model=name(said.get("model")),
            duration_ms=record.count(said.get("assistantActiveTimeMs")),
            attrs=facts(said, _OF_SETTINGS) | ({"usage": counts} if counts else {}),
            **totals.fields(record.count(counts.get(key)) for key in _COUNTS),
        )

    def _compaction(self, line: int, entry: Members) -> Found:
        said = {key: record.value(entry.get(key)) for key in ("timestamp", *_OF_COMPACTION)}
        return self._running.message(
            self._running.root(),
            self._id(entry),
            "system",
            blocks.parts_of(entry.get("summaryText") or entry.get("summary")),
            lines=(line,),
            at=from_iso(said["timestamp"]),
            attrs={"type": "compaction_state", **facts(said, _OF_COMPACTION)},
        )

    def _message(self, line: int, entry: Members) -> Found:
        """In the first form of the log the message's members stand in the record itself."""
        message = raw_members.of(entry.get("message")) or entry
        if not {"role", "content"} <= message.keys():
            return self._running.left_out(line, NO_MESSAGE)
        said = {key: record.value(raw) for key, raw in message.items() if key != "content"}
        parts = blocks.parts_of(message["content"])
        if hook := message.get("hookResults"):
            parts.append(blocks.result(None, "hook", hook))
        external_id = self._id(entry)
        calls = blocks.call_ids(parts)
        role, words = _role(said, parts), _words(parts)
        time = record.value(entry.get("timestamp", entry.get("ts")))
        return self._running.message(
            self._running.root(),
            external_id,
            role,
            parts,
            lines=(line,),
            records=[*(f"{external_id}-tool-{call}" for call in calls), *calls],
            text=blocks.text_of(words) if role in ("user", "assistant") else None,
            at=from_iso(time) or from_epoch(time),
            model=name(said.get("modelId") or said.get("model")),
            usage=_usage(message.get("usage")),
            attrs={"parentId": record.value(entry.get("parentId")), **facts(said, _OF_MESSAGE)},
        )

    def _id(self, entry: Members) -> str:
        self._messages += 1
        told = record.identifier(record.value(entry.get("id")))
        return told or f"{self._running.root()}-message-{self._messages}"


def _role(said: dict[str, Any], parts: Sequence[Part]) -> Role:
    """What the program said in a user's name is the system's; results of tools are the tool's."""
    told, kinds = said.get("role"), {part.type for part in parts}
    if said.get("hookEventName") or said.get("visibility") in ("llm_only", "user_only"):
        return "system"
    if told == "user" and "tool-result" in kinds and not _words(parts):
        return "tool"
    if told == "user" and kinds == {"text"} and not _words(parts):
        return "system"
    roles: dict[str, Role] = {"user": "user", "assistant": "assistant", "tool": "tool", "system": "system"}
    return roles.get(str(told), "unknown")


def _words(parts: Sequence[Part]) -> list[Part]:
    """The text blocks that are not the program's."""
    return [part for part in parts if part.type == "text" and not _INJECTED.match(_text(part))]


def _text(part: Part) -> str:
    return msgspec.json.decode(part.content, type=str)


def _usage(raw: Raw | None) -> Usage:
    """Of a message, which most versions do not tell."""
    usage = raw_members.of(raw)
    if usage is None:
        return UNKNOWN
    prompt, completion, read, write = (record.count(record.value(usage.get(key))) for key in _MESSAGE_COUNTS)
    return Usage(prompt, completion, read, write)


def _open(place: Place, state: State | None = None) -> Parser:
    return _Droid(place, state)


FORMAT = Format("droid", SOURCE, _open)
