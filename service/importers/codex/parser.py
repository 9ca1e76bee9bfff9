"""A rollout, line by line: what each record says, joined to messages, with the model's tokens where they belong.

Rule: an item of the conversation is a message. An event that shows the same is a line of that message. Tokens stand
at the last thing that the model said before they were counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from service.importers import record
from service.importers.clock import Clock, from_iso, to_ms
from service.importers.codex import context, copied, copies, events, items, reasons, session, usage
from service.importers.codex.draft import Draft
from service.importers.codex.entry import Entry
from service.importers.codex.lines import Record, elements, read
from service.importers.codex.state import Counts, Memory, from_state, to_state
from service.importers.codex.window import MOST_OPEN, Window
from service.importers.model import Found, FoundSession, LeftOut, Line, Place, Resume, State
from service.importers.names import unknown_type
from service.importers.record import Unreadable
from service.model import raw_members

_TURN_STARTS = frozenset({"task_started", "turn_started"})
_TURN_ENDS = frozenset({"task_complete", "turn_complete", "turn_aborted"})


def open_rollout(place: Place, state: State | None = None) -> Rollout:
    return Rollout(place, state)


class Rollout:
    """The parser (`service.importers.model.Parser`)."""

    def __init__(self, place: Place, state: State | None = None) -> None:
        self._place = place
        self._memory = from_state(state)
        self._before = self._memory
        self._window = Window()
        self._found: list[Found] = []
        self._announced = False
        self._kinds: dict[str, Callable[[Record], None]] = {
            "session_meta": self._meta,
            "header": self._meta,
            "turn_context": self._turn,
            "response_item": self._item,
            "event_msg": self._event,
            "compacted": self._compacted,
            "inter_agent_communication": self._between_agents,
            "document": self._document,
        }

    def feed(self, line: Line) -> Iterable[Found]:
        self._found = []
        self._before = self._memory.snapshot()
        try:
            found = read(line)
        except Unreadable as problem:
            return [LeftOut(line.offset, str(problem))]
        self._whose(found)
        reader = self._kinds.get(found.kind)
        if reader:
            reader(found)
        else:
            self._leave_out(found, _OTHER_KINDS.get(found.kind) or unknown_type(found.kind))
        return self._found

    def finish(self) -> Iterable[Found]:
        self._found = []
        self._emit(reversed(list(self._window)))
        if self._memory.session is not None:
            self._found.append(FoundSession(session.write(self._memory, totals=True)))
        return self._found

    def resume(self, end: int) -> Resume:
        offset, memory = self._window.start(end, self._memory)
        return Resume(offset, to_state(memory))

    def _whose(self, found: Record) -> None:
        """Whether history of another session is still being repeated here."""
        if self._memory.copied_from is None or found.kind == "session_meta":
            return
        begins = found.kind == "turn_context" or (found.kind == "event_msg" and found.type in _TURN_STARTS)
        turn_id, started = (found.id("turn_id"), found.get("started_at")) if begins else (None, None)
        copied.line(self._memory, found.time, turn_id, started)

    def _meta(self, meta: Record) -> None:
        if not session.take_meta(self._memory, meta, self._place):
            self._leave_out(meta, reasons.META_COPIED)
            return
        self._tell_session(meta)
        base = meta.get("base_instructions")
        base = base.get("text") if isinstance(base, dict) else base
        for told, event in ((base, False), (meta.get("instructions"), True)):
            text = record.text(told)
            if text and self._memory.copied_from is None:
                draft = Draft(kind="message", role="system", texts=(text,), attrs={"event": "instructions"})
                self._take(draft, meta, event=event)

    def _turn(self, turn: Record) -> None:
        session.take_turn(self._memory, turn)
        self._tell_session(turn)

    def _item(self, item: Record) -> None:
        said = items.said(item, self._memory)
        if isinstance(said, Draft) and said.role == "system" and self._memory.cwd is None:
            self._memory.cwd = context.working_directory(said.texts)
        self._take_or_leave(said, item, event=False)

    def _event(self, event: Record) -> None:
        name = event.type
        if name == "token_count":
            self._count(event)
        elif name == "thread_name_updated":
            self._rename(event)
        else:
            if name in _TURN_STARTS:
                self._memory.turn = event.id("turn_id") or self._memory.turn
            self._take_or_leave(events.said(event, self._memory), event, event=True)
            if name in _TURN_ENDS:
                self._emit(self._window.end_turn())

    def _count(self, event: Record) -> None:
        info = event.get("info")
        counts = usage.advance(self._memory, info)
        if self._memory.copied_from is not None:
            self._leave_out(event, reasons.COUNT_COPIED)
        elif counts is None:
            self._leave_out(event, reasons.COUNT_REPEATED)
        elif counts == usage.NOTHING:
            self._leave_out(event, reasons.COUNT_WITHOUT_TOKENS)
        else:
            self._spend(event, counts, info.get("last_token_usage"))

    def _spend(self, event: Record, counts: Counts, told: Any) -> None:
        self._memory.spent = usage.plus(self._memory.spent, counts)
        if answer := self._window.last_answer():
            answer.spend(counts, told, event.offset)
        else:
            self._memory.held = usage.plus(self._memory.held, counts)
            self._tell_session(event)

    def _rename(self, event: Record) -> None:
        name = event.text("thread_name")
        if name is None or self._memory.copied_from is not None:
            self._leave_out(event, reasons.CLIENT_STATE)
            return
        self._memory.title = name[:1000]
        self._tell_session(event)

    def _compacted(self, event: Record) -> None:
        facts = {"event": "compacted", "windowId": event.get("window_id")}
        said = events.note(event.text("message") or "Context compacted", **facts)
        self._take_or_leave(said, event, event=False)

    def _between_agents(self, event: Record) -> None:
        text = event.text("content")
        facts = {key: event.text(key) for key in ("author", "recipient")}
        attrs = {key: value[:500] for key, value in facts.items() if value}
        said = (
            Draft(kind="message", role="system", texts=(text,), attrs=attrs)
            if text
            else reasons.ENCRYPTED_MESSAGE
        )
        self._take_or_leave(said, event, event=True)

    def _document(self, document: Record) -> None:
        head = document.inner("session")
        head.time = from_iso(head.get("timestamp"))
        self._meta(head)
        for element in elements(document.payload.get("items")):
            members = raw_members.of(element) or {}
            values = record.value(element)
            self._item(Record(document.offset, document.kind, values, head.time, members.copy))

    def _take_or_leave(self, said: Draft | str, found: Record, *, event: bool) -> None:
        if isinstance(said, str):
            self._leave_out(found, said)
        else:
            self._memory.began = self._memory.began or self._memory.copied_from is None
            self._take(said, found, event=event)

    def _take(self, said: Draft, found: Record, *, event: bool) -> None:
        other = self._window.other_copy(said, event=event) if said.kind != "note" else None
        if other is None and event and said.kind == "reasoning":
            other = self._unfinished_thought()
        if other is not None:
            other.take(said, event=event, line=found.offset)
            return
        if self._window.is_stuck(found.offset):
            self._cut()
        if (name := copies.known(said, self._memory.awaited, event=event)) is not None:
            self._memory.arrived(name)
            if found.kind not in _TOLD:
                self._leave_out(found, reasons.COPY)
            return
        self._memory.began_message()
        entry = self._entry(said, found.time, found.offset)
        entry.take(said, event=event)
        self._emit(self._window.add(entry, self._before))

    def _cut(self) -> None:
        """Closes all before this line, so that a later reading can begin here and finds the same."""
        names = tuple(name for entry in self._window for name in copies.awaited(entry))
        self._emit(self._window.close_all())
        for memory in (self._memory, self._before):
            memory.wait_for(names[: copies.MOST_AWAITED], MOST_OPEN)

    def _unfinished_thought(self) -> Entry | None:
        """Reasoning of which only events came yet: the next one goes on with it."""
        last = next(iter(self._window), None)
        return last if last and last.draft.kind == "reasoning" and last.item is None else None

    def _entry(self, said: Draft, time: datetime | None, offset: int) -> Entry:
        memory = self._memory
        memory.session = memory.session or session.named(self._place) or self._place.stem or "unknown"
        at = self._at(time)
        own = said.own_id if said.own_id and memory.is_new(said.own_id) else None
        entry = Entry(id=own or _derived_id(memory, time), session=memory.session, at=at, first=offset)
        if said.role == "assistant":
            entry.model = memory.model
            if memory.held is not None:
                entry.spend(memory.held, None)
                memory.held = None
        facts = {
            "turnId": memory.turn,
            "cwd": memory.turn_cwd if memory.turn_cwd != memory.cwd else None,
            "copiedFrom": memory.copied_from,
            "timestamp": time.isoformat() if time is not None and time != at else None,
        }
        entry.attrs = {name: fact for name, fact in facts.items() if fact is not None}
        return entry

    def _at(self, time: datetime | None) -> datetime | None:
        memory = self._memory
        clock = Clock({} if memory.clock_ms is None else {"": memory.clock_ms})
        told = clock.at("", time)
        memory.clock_ms = clock.state.get("")
        if memory.created_ms is None and told is not None:
            memory.created_ms = to_ms(told)
        return told

    def _emit(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if not self._announced:
                self._announced = True
                self._found.append(FoundSession(session.write(self._memory, totals=False)))
            self._found.append(entry.found())

    def _tell_session(self, found: Record) -> None:
        if self._memory.session is None:
            self._memory.session = session.named(self._place) or self._place.stem or "unknown"
        self._announced = True
        self._found.append(FoundSession(session.write(self._memory, totals=False), (found.offset,)))

    def _leave_out(self, found: Record, reason: str) -> None:
        if found.kind != "document":
            self._found.append(LeftOut(found.offset, reason))


def _derived_id(memory: Memory, time: datetime | None) -> str:
    """From the time, and the place among the messages of that time: the same from any beginning of the file."""
    told = 0 if time is None else to_ms(time)
    memory.id_count = 0 if told > memory.id_ms or memory.id_count < 0 else memory.id_count + 1
    memory.id_ms = max(told, memory.id_ms)
    return f"at:{memory.id_ms}:{memory.id_count}"


_TOLD = frozenset({"document", "session_meta", "header"})
"""Lines that are told as their session's, whatever else they hold."""
_OTHER_KINDS = {
    "state": reasons.STATE_MARK,
    "world_state": reasons.WORLD_STATE,
    "inter_agent_communication_metadata": reasons.CLIENT_STATE,
    "security_risk_score": reasons.CLIENT_STATE,
    "retained_context": reasons.CLIENT_STATE,
    "realtime_item": reasons.CLIENT_STATE,
    "token_usage_record": reasons.USAGE_RECORD,
}
