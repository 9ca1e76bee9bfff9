"""The events of a session, one a line (`~/.copilot/session-state/<id>/events.jsonl`, earlier `<id>.jsonl`).

Rule: an event of a sub-agent (`agentId`, earlier `parentToolCallId`) belongs to that sub-agent's own session. A call
stands in the message that asked for it, so its start says nothing new; its end is a message of the tool.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from service.importers import blocks, record
from service.importers.copilot import document, workspace
from service.importers.copilot import event as known
from service.importers.copilot.event import Event
from service.importers.copilot.usage import MAIN, Totals
from service.importers.copilot.workspace import Workspace
from service.importers.model import Found, FoundSession, Line, Parser, Place, Resume, State
from service.importers.names import unknown_type
from service.importers.running import UNKNOWN, Running, Usage, facts, name, project
from service.model import raw_members
from service.model.message import Part, Role
from service.model.raw_members import Members

SOURCE = "copilot-cli"

MAX_OPEN_CALLS = 256


class Events:
    def __init__(self, place: Place, state: State | None = None) -> None:
        kept = state or {}
        fallback = place.folders[0] if place.stem == "events" and place.folders else place.stem
        self._running = Running(SOURCE, fallback, kept.get("running"))
        self._totals = Totals(kept.get("totals"))
        self._calls: dict[str, str] = dict(kept.get("calls", {}))
        self._thought: str = kept.get("thought", "")
        self._messages: int = kept.get("messages", 0)

    def feed(self, line: Line) -> Iterable[Found]:
        try:
            envelope = record.members(line.data)
        except record.Unreadable as error:
            return [self._running.left_out(line.offset, str(error))]
        if document.is_one(envelope):
            return document.found(self._running, line.offset, envelope)
        kind, data = raw_members.string(envelope.get("type")), raw_members.of(envelope.get("data"))
        if kind is None or data is None:
            return [self._running.left_out(line.offset, known.NO_DATA if kind else unknown_type(kind))]
        return self._event(Event(line.offset, kind, envelope, data))

    def finish(self) -> Iterable[Found]:
        return self._running.finish()

    def resume(self, end: int) -> Resume:
        """Every message is one line: none may grow."""
        state = {
            "running": self._running.state(),
            "totals": self._totals.state(),
            "calls": dict(self._calls),
            "thought": self._thought,
            "messages": self._messages,
        }
        return Resume(end, state)

    def _event(self, event: Event) -> list[Found]:
        handler = _HANDLERS.get(event.kind)
        if handler is not None:
            return handler(self, event)
        if event.kind in known.TEXT_OF:
            return self._notice(event)
        return self._left_out(event, known.OF_THE_PROGRAM.get(event.kind) or unknown_type(event.kind))

    def _start(self, event: Event) -> list[Found]:
        """The session starts, is gone on with, or moves to another folder."""
        said = {key: record.value(raw) for key, raw in event.data.items()}
        nested = said.get("context")
        context = nested if isinstance(nested, dict) else said
        branch = {ours: context.get(theirs) for theirs, ours in known.OF_CONTEXT.items()}
        return [
            self._running.says(
                event.line,
                self._running.root(record.identifier(said.get("sessionId"))),
                at=event.at,
                model=name(said.get("selectedModel")),
                attrs=facts(said, known.OF_START) | facts(branch, branch),
                **project(context.get("cwd")),
            )
        ]

    def _setting(self, event: Event) -> list[Found]:
        session, new = self._session(event)
        title, model = name(event.told("title")), name(event.told("newModel"))
        return [*new, self._running.says(event.line, session, title=title, model=model)]

    def _agent(self, event: Event) -> list[Found]:
        """A sub-agent starts or ends."""
        session, new = self._session(event)
        said = {key: record.value(event.data.get(key)) for key in known.OF_AGENT}
        status = {"subagent.completed": "completed", "subagent.failed": "failed"}.get(event.kind)
        return [
            *new,
            self._running.says(
                event.line,
                session,
                at=event.at,
                title=name(event.told("agentDisplayName")),
                model=name(event.told("model")),
                duration_ms=record.count(record.value(event.data.get("durationMs"))),
                attrs=facts(said, known.OF_AGENT) | facts({"agentStatus": status}, ["agentStatus"]),
            ),
        ]

    def _shutdown(self, event: Event) -> list[Found]:
        root = self._running.root()
        totals = self._totals.shutdown(event.data)
        if totals.keys() == {MAIN} and (whole := totals[MAIN].get("completion_tokens")):
            totals[MAIN]["completion_tokens"] = max(whole - self._running.completion_of_children(), 0)
        usage = {"usage": record.value(event.data.get("modelMetrics"))}
        found: list[Found] = [
            self._running.says(event.line, root, attrs=facts(usage, usage), **totals.pop(MAIN, {}))
        ]
        for agent, counts in totals.items():
            session = f"{root}:{agent}"
            found += [self._running.says(None, session, parent_external_id=root, **counts)]
        return found

    def _call_of_model(self, event: Event) -> list[Found]:
        session, new = self._session(event)
        counts = self._totals.call(event.agent or MAIN, event.data)
        return [*new, self._running.says(event.line, session, **counts)]

    def _user(self, event: Event) -> list[Found]:
        """`source` names what else than a person spoke: a skill, an agent, the autopilot."""
        text, source = event.told("content") or "", event.told("source") or ""
        injected = source.startswith("skill-") or text.startswith("<skill-context")
        injected = injected or record.value(event.data.get("isAutopilotContinuation")) is True
        parts = blocks.parts_of(event.data.get("content")) + blocks.parts_of(event.data.get("attachments"))
        return self._message(event, "system" if injected else "user", parts)

    def _assistant(self, event: Event) -> list[Found]:
        parts: list[Part] = []
        thought = event.told("reasoningText") or ""
        if thought.strip() and self._is_new(thought):
            parts.append(blocks.reasoning(thought))
        parts += blocks.parts_of(event.data.get("content"))
        for request in blocks.elements(event.data.get("toolRequests")):
            parts.append(self._asked_for(raw_members.of(request) or {}))
        output = record.count(record.value(event.data.get("outputTokens")))
        model = name(event.told("model")) or self._running.told(self._session_id(event)).get("model")
        ids = [record.identifier(event.told("messageId")), *blocks.call_ids(parts)]
        return self._message(
            event, "assistant", parts, records=ids, model=model, usage=Usage(completion=output)
        )

    def _reasoning(self, event: Event) -> list[Found]:
        """Some versions tell the reasoning in an event of its own, before or behind its message."""
        thought = event.told("content") or ""
        if not self._is_new(thought):
            return self._left_out(event, known.SAID_AGAIN)
        return self._message(
            event,
            "assistant",
            [blocks.reasoning(thought)],
            records=[record.identifier(event.told("reasoningId"))],
        )

    def _call(self, event: Event) -> list[Found]:
        """A call that no message asked for: of the person, or one whose message was not read."""
        by_user = event.kind == "tool.user_requested"
        if not by_user and event.told("toolCallId") in self._calls:
            return self._left_out(event, known.START_OF_CALL)
        part = self._asked_for(
            {("name" if key == "toolName" else key): raw for key, raw in event.data.items()}
        )
        return self._message(
            event, "user" if by_user else "assistant", [part], records=blocks.call_ids([part])
        )

    def _end_of_call(self, event: Event) -> list[Found]:
        call = record.identifier(event.told("toolCallId"))
        tool = self._calls.pop(call or "", None)
        success = record.value(event.data.get("success"))
        output = event.data.get("result") or event.data.get("error")
        part = blocks.result(call, tool or None, output, failed=not success if success is not None else None)
        return self._message(event, "tool", [part])

    def _notice(self, event: Event) -> list[Found]:
        said = {key: record.value(event.data.get(key)) for key in known.OF_NOTICE}
        parts = blocks.parts_of(event.data.get(known.TEXT_OF[event.kind]))
        return self._message(
            event, "system", parts, attrs={"type": event.kind, **facts(said, known.OF_NOTICE)}
        )

    def _message(
        self,
        event: Event,
        role: Role,
        parts: list[Part],
        *,
        records: Iterable[str | None] = (),
        model: str | None = None,
        usage: Usage = UNKNOWN,
        attrs: dict[str, Any] | None = None,
    ) -> list[Found]:
        self._messages += 1
        session, new = self._session(event)
        said = {key: record.value(event.data.get(key)) for key in known.OF_MESSAGE}
        parent = raw_members.string(event.envelope.get("parentId"))
        found = self._running.message(
            session,
            event.id or f"{self._running.root()}-message-{self._messages}",
            role,
            parts,
            lines=(event.line,),
            records=records,
            at=event.at,
            model=model,
            usage=usage,
            attrs=attrs or {"parentId": parent, **facts(said, known.OF_MESSAGE)},
        )
        return [*new, found]

    def _asked_for(self, request: Members) -> Part:
        call = record.identifier(raw_members.string(request.get("toolCallId")))
        tool = name(raw_members.string(request.get("name")))
        if call:
            self._calls[call] = tool or ""
            while len(self._calls) > MAX_OPEN_CALLS:
                del self._calls[next(iter(self._calls))]
        rest = {key: request.get(key) for key in known.OF_CALL}
        return blocks.call(call, tool, request.get("arguments"), **rest)

    def _is_new(self, thought: str) -> bool:
        """Whether it is not what was thought last."""
        before, self._thought = self._thought, hashlib.sha256(thought.encode()).hexdigest()[:16]
        return self._thought != before

    def _session(self, event: Event) -> tuple[str, list[FoundSession]]:
        """The session of an event; with it the sub-agent's session where this is its first."""
        root, session = self._running.root(), self._session_id(event)
        if session == root or self._running.told(session):
            return session, []
        folder = project(self._running.told(root).get("project_path"))
        return session, [self._running.says(None, session, at=event.at, parent_external_id=root, **folder)]

    def _session_id(self, event: Event) -> str:
        root = self._running.root()
        return f"{root}:{event.agent}" if event.agent else root

    def _left_out(self, event: Event, reason: str) -> list[Found]:
        return [self._running.left_out(event.line, reason)]


_HANDLERS: dict[str, Callable[[Events, Event], list[Found]]] = {
    "session.start": Events._start,
    "session.resume": Events._start,
    "session.context_changed": Events._start,
    "session.model_change": Events._setting,
    "session.title_changed": Events._setting,
    "session.shutdown": Events._shutdown,
    "subagent.started": Events._agent,
    "subagent.completed": Events._agent,
    "subagent.failed": Events._agent,
    "user.message": Events._user,
    "assistant.message": Events._assistant,
    "assistant.reasoning": Events._reasoning,
    "assistant.usage": Events._call_of_model,
    "tool.user_requested": Events._call,
    "tool.execution_start": Events._call,
    "tool.execution_complete": Events._end_of_call,
}


def opened(place: Place, state: State | None = None) -> Parser:
    return Workspace(place, SOURCE) if place.name == workspace.FILE else Events(place, state)
