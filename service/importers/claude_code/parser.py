"""Reads a transcript of Claude Code: records in, messages and sessions out, in the order of the file.

Rule: every record has a place: in a message, in a session's title, or left out for a reason of `reasons`. A record
that cannot be what its type says is left out alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from service.importers import names, record
from service.importers.claude_code import (
    attachments,
    blocks,
    naming,
    notices,
    reasons,
    rows,
    speakers,
    titles,
)
from service.importers.claude_code.blocks import Content
from service.importers.claude_code.drafts import Draft
from service.importers.claude_code.known import Known
from service.importers.claude_code.rows import Row
from service.importers.claude_code.sessions import Sessions
from service.importers.claude_code.subagents import Chains, Task, Tasks
from service.importers.claude_code.window import Window
from service.importers.clock import Clock
from service.importers.model import (
    EXCERPT,
    Found,
    FoundMessage,
    FoundSession,
    LeftOut,
    Line,
    Place,
    Resume,
    State,
)

_Reader = Callable[[dict[str, Any], bytes, Line], "str | None"]
"""Takes a record in; or says why it is left out."""


class ClaudeCodeParser:
    """A `Parser` (`service/importers/model.py`)."""

    def __init__(self, place: Place, state: State | None = None) -> None:
        kept = state or {}
        self._place = place
        self._agent = naming.agent_of(place)
        self._root: str | None = kept.get("root") or naming.session_of_file(place)
        """The session that people see: the file's own, or the one whose sub-agent this is."""
        self._main: str | None = kept.get("main")
        self._last: str | None = kept.get("last")
        """The last record of a message that left the window."""
        self._clock = Clock(kept.get("clock"))
        self._sessions = Sessions(kept.get("sessions"))
        self._titles = titles.Titles(kept.get("titles"))
        self._chains = Chains(kept.get("chains"))
        self._tasks = Tasks(kept.get("tasks"))
        self._known = Known.of(kept.get("known"))
        self._window = Window()
        self._found: list[Found] = []
        self._settle({}, must=False)
        self._readers: dict[str, _Reader] = {
            "user": self._user,
            "assistant": self._assistant,
            "system": self._notice,
            "attachment": self._attachment,
            "progress": self._progress,
            "queue-operation": self._queue,
            "summary": self._title,
            "ai-title": self._title,
            "custom-title": self._title,
        }

    def feed(self, line: Line) -> list[Found]:
        try:
            values, text = record.read(line.data)
        except record.Unreadable as unreadable:
            reason: str | None = str(unreadable)
        else:
            reason = self._read(values, text, line)
        self._found.extend(found for draft in self._window.leaving() for found in self._emit(draft))
        for forgotten in self._sessions.forgotten(self._main):
            self._found.append(forgotten)
            self._clock.state.pop(forgotten.write.external_id, None)
        if reason is not None:
            self._found.append(LeftOut(line.offset, reason, self._main))
        found, self._found = self._found, []
        return found

    def finish(self) -> Iterator[Found]:
        for draft in self._window.rest():
            yield from self._emit(draft)
        yield from self._titles.unused(self._main)
        yield from self._sessions.found()

    def resume(self, end: int) -> Resume:
        offset = self._window.offset
        state: State = {
            "root": self._root,
            "main": self._main,
            "last": self._last,
            "clock": dict(self._clock.state),
            "sessions": self._sessions.state,
            "titles": self._titles.state,
            "chains": self._chains.state,
            "tasks": self._tasks.state,
            "known": self._known.state,
        }
        return Resume(end if offset is None else offset, state)

    def _read(self, values: dict[str, Any], text: bytes, line: Line) -> str | None:
        self._settle(values, must=False)
        kind = values.get("type")
        if not isinstance(kind, str):
            return reasons.NO_TYPE
        if (reader := self._readers.get(kind)) is not None:
            return reader(values, text, line)
        return reasons.BY_TYPE.get(kind) or names.unknown_type(kind)

    def _settle(self, values: dict[str, Any], *, must: bool) -> None:
        """Which session this is, as soon as it can be told; at the first message it must be."""
        if self._main is not None:
            return
        self._root = self._root or naming.session_of_record(values)
        if self._root is not None:
            self._main = naming.of_agent(self._root, self._agent) if self._agent else self._root
        elif must:
            self._root = self._main = self._place.stem[: record.MAX_ID_CHARS] or "unknown"

    def _session_of(self, values: dict[str, Any], name: str) -> tuple[str, str | None]:
        """The session of a record, and the one above it."""
        self._settle(values, must=True)
        root, main = self._root or "", self._main or ""
        if self._agent is not None:
            return main, None if main == root else root
        if values.get("isSidechain") is not True:
            return main, None
        if agent := record.identifier(values.get("agentId")):
            return naming.of_agent(root, agent), main
        chain = self._chains.root(name, record.identifier(values.get("parentUuid")))
        return naming.of_sidechain(root, chain), main

    def _place_row(self, values: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
        """The session of a row in the file itself, and the row's small facts."""
        session, parent = self._session_of(values, name)
        facts = self._sessions.note(session, values, parent=parent, nested=False)
        own = self._root if parent is not None else session
        return session, rows.attrs(values, session=own, cwd=facts.cwd, branch=facts.branch)

    def _user(self, values: dict[str, Any], text: bytes, line: Line) -> str | None:
        content = _content(values, text, blocks.of_row)
        if content is None:
            return reasons.NO_MESSAGE
        row = Row(values, content, line.offset, len(line.data), rows.name_of(values, text, line.offset))
        session, attrs = self._place_row(values, row.name)
        if not isinstance(content, str):
            self._link(values, content)
        if session.endswith(f":sidechain-{row.name}"):
            self._describe(session, self._tasks.with_prompt(blocks.joined(blocks.texts(content))))
        return self._take_user(row, session, attrs)

    def _take_user(self, row: Row, session: str, attrs: dict[str, Any]) -> str | None:
        if rows.is_empty(row.content):
            return reasons.EMPTY
        if self._window.with_record(session, row.name) is not None:
            return reasons.TWICE
        draft = rows.user(row, session, attrs)
        if draft.role == "user":
            self._window.deliver(session, blocks.joined(blocks.texts(row.content)))
        self._window.add(draft)
        return None

    def _assistant(self, values: dict[str, Any], text: bytes, line: Line) -> str | None:
        content = _content(values, text, blocks.of_row)
        if content is None:
            return reasons.NO_MESSAGE
        row = Row(values, content, line.offset, len(line.data), rows.name_of(values, text, line.offset))
        session, attrs = self._place_row(values, row.name)
        for block in content if not isinstance(content, str) else ():
            self._tasks.note(block)
        return self._take_answer(row, session, attrs)

    def _take_answer(self, row: Row, session: str, attrs: dict[str, Any]) -> str | None:
        draft = rows.assistant(row, session, attrs, turn=self._window.turn(session))
        for call in rows.calls(row.content):
            if not self._known.has_call(session, call) and not self._window.has_call(session, call):
                draft.calls[call] = None
        answer = draft.answer
        if answer is None:
            if rows.is_empty(row.content):
                return reasons.EMPTY
            if self._window.with_record(session, row.name) is not None:
                return reasons.TWICE
        elif (open_answer := self._window.answer(session, answer)) is not None:
            self._window.grow(open_answer, draft)
            return None
        else:
            complete = self._known.answer(session, answer.id)
            if complete is not None and row.name in complete.rows:
                return reasons.TWICE
            request = self._window.request_of(session, answer.id) or (complete and complete.request)
            if complete is not None or self._window.has_answer(session, answer.id):
                _set_apart(draft, row.name, continues=request is not None and request == answer.request)
        self._window.add(draft)
        return None

    def _notice(self, values: dict[str, Any], text: bytes, line: Line) -> str | None:
        name = rows.name_of(values, text, line.offset)
        session, attrs = self._place_row(values, name)
        if values.get("subtype") == "turn_duration":
            answer, duration_ms = self._window.latest(session), record.count(values.get("durationMs"))
            if answer is None or duration_ms is None:
                return reasons.TURN
            answer.attrs["turnDurationMs"] = duration_ms
            answer.lines.append(line.offset)
            return None
        said = notices.text(values)
        if said is None:
            return notices.reason(values)
        row = Row(values, said, line.offset, len(line.data), name)
        return self._take_system(row, session, attrs | notices.attrs(values))

    def _take_system(self, row: Row, session: str, attrs: dict[str, Any]) -> str | None:
        if self._window.with_record(session, row.name) is not None:
            return reasons.TWICE
        draft = rows.user(row, session, attrs)
        draft.role = "system"
        self._window.add(draft)
        return None

    def _attachment(self, values: dict[str, Any], text: bytes, line: Line) -> str | None:
        attachment = values.get("attachment")
        if not isinstance(attachment, dict):
            return reasons.NO_MESSAGE
        name = rows.name_of(values, text, line.offset)
        session, attrs = self._place_row(values, name)
        if attachment.get("type") == "queued_command":
            content = blocks.content(attachment.get("prompt"), text, blocks.of_queued)
            if content is None:
                return reasons.NO_MESSAGE
            row = Row(values | attachment, content, line.offset, len(line.data), name)
            meant = attachment.get("commandMode") in (None, "prompt", "bash")
            take = self._take_user if meant else self._take_system
            return take(row, session, attrs | {"queued": True})
        said = attachments.text(attachment)
        if said is None:
            return attachments.reason(attachment)
        row = Row(values, said, line.offset, len(line.data), name)
        return self._take_system(row, session, attrs | {"attachment": str(attachment.get("type"))[:100]})

    def _progress(self, values: dict[str, Any], text: bytes, line: Line) -> str | None:
        """A sub-agent's row, told within the parent's; any other progress is left out."""
        self._session_of(values, rows.name_of(values, text, line.offset))
        data = values.get("data")
        nested = data.get("message") if isinstance(data, dict) else None
        agent = record.identifier(data.get("agentId")) if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(nested, dict) or agent is None:
            hook = isinstance(data, dict) and data.get("type") == "hook_progress"
            return reasons.HOOK_PROGRESS if hook else reasons.PROGRESS
        content = _content(nested, text, blocks.of_progress)
        if content is None or nested.get("type") not in ("user", "assistant"):
            return reasons.NO_MESSAGE
        session = naming.of_agent(self._root or "", agent)
        surroundings = {name: values.get(name) for name in ("cwd", "gitBranch", "version")}
        self._sessions.note(session, surroundings | {"agentId": agent}, parent=self._main, nested=True)
        call = values.get("parentToolUseID")
        if (task := self._tasks.of(call)) is not None:
            self._describe(session, (str(call), task))
        nested = {"timestamp": values.get("timestamp")} | nested
        row = Row(nested, content, line.offset, len(line.data), rows.name_of(nested, text, line.offset))
        take = self._take_answer if nested["type"] == "assistant" else self._take_user
        return take(row, session, {EXCERPT: True})

    def _queue(self, values: dict[str, Any], text: bytes, line: Line) -> str | None:
        operation = values.get("operation")
        if operation != "enqueue":
            self._window.deliver(self._main or "", None, every=operation == "popAll")
            return reasons.QUEUE
        content = blocks.content(values.get("content"), text, lambda _: [])
        said = None if content is None else blocks.joined(blocks.texts(content))
        if said is None or speakers.is_notice(said):
            return reasons.QUEUED
        row = Row(values, said, line.offset, len(line.data), rows.name_of(values, text, line.offset))
        session, attrs = self._place_row(values, row.name)
        draft = rows.user(row, session, attrs | {"queued": True})
        draft.queued = True
        self._window.add(draft)
        return None

    def _title(self, values: dict[str, Any], text: bytes, line: Line) -> str | None:
        title = self._titles.read(values, values["type"])
        if title is None:
            return reasons.EMPTY
        if title.leaf is not None and self._has(title.leaf):
            title.leaf = None
        if title.leaf is None and self._sessions.has_messages(self._main):
            self._found.extend(self._entitle(line.offset, title))
            return None
        return None if self._titles.wait(line.offset, title) else reasons.FOREIGN_SUMMARY

    def _has(self, name: str) -> bool:
        return name == self._last or self._window.with_record(self._main or "", name) is not None

    def _entitle(self, offset: int, title: titles.Title) -> Iterator[Found]:
        main = self._main or ""
        if not self._titles.counts(title):
            yield LeftOut(offset, reasons.WEAKER_TITLE, main)
            return
        self._sessions.of(main).title = title.text
        yield FoundSession(self._sessions.write(main), (offset,))

    def _link(self, values: dict[str, Any], content: list[blocks.Block]) -> None:
        """The result of a call that started a sub-agent says which."""
        result = values.get("toolUseResult")
        agent = record.identifier(result.get("agentId")) if isinstance(result, dict) else None
        if agent is None or not content or self._root is None:
            return
        call = content[0].value.get("tool_use_id") if content[0].type == "tool_result" else None
        if (task := self._tasks.of(call)) is not None:
            session = naming.of_agent(self._root, agent)
            self._sessions.of(session).parent = self._main
            self._describe(session, (str(call), task))

    def _describe(self, session: str, known: tuple[str, Task] | None) -> None:
        """What the parent's call says of a sub-agent."""
        if known is None:
            return
        call, task = known
        facts = self._sessions.of(session)
        facts.title = task.title or facts.title
        facts.attrs["parentToolUseId"] = call
        if task.agent_type:
            facts.attrs["agentType"] = task.agent_type

    def _emit(self, draft: Draft) -> Iterator[Found]:
        if draft.left_out is not None:
            yield LeftOut(draft.lines[0], draft.left_out, draft.session)
            return
        if (announced := self._sessions.announce(draft.session)) is not None:
            yield announced
        created_at = self._clock.at(draft.session, draft.time)
        if draft.time is not None and created_at != draft.time:
            draft.attrs["timestamp"] = draft.told
        self._sessions.count(draft, created_at)
        yield FoundMessage(
            draft.write(created_at),
            self._known.records_of(draft),
            tuple(draft.lines),
            excerpt=draft.attrs.get(EXCERPT) is True,
        )
        if draft.session == self._main:
            yield from self._titles_due(draft)

    def _titles_due(self, draft: Draft) -> Iterator[Found]:
        for name in draft.records:
            self._last = name
            if self._titles.waiting:
                for offset, title in self._titles.due(name):
                    yield from self._entitle(offset, title)


def _content(values: dict[str, Any], text: bytes, spelled: Callable[[bytes], Any]) -> Content | None:
    message = values.get("message")
    return blocks.content(message.get("content"), text, spelled) if isinstance(message, dict) else None


def _set_apart(draft: Draft, name: str, *, continues: bool) -> None:
    """An answer whose id another message has. If it is that one's late rest, its usage counts there."""
    if draft.answer is None:
        return
    draft.answer.new_id = False
    if continues:
        draft.attrs["continues"] = draft.answer.id
        draft.usage = draft.cost_usd = None
    draft.external_id = f"{draft.answer.id}:{name}"
