"""The parser: rows of one session in, messages and what is left out.

Rule: a message is complete when the next row is no part of it; so one message is open at a time, whatever the
session's length. Text that OpenCode put into somebody's message (what a file held, a reminder) becomes a message of
role `system` behind it, so that search and titles tell it from people's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from service.importers import names, record, rows
from service.importers.model import Found, FoundMessage, FoundSession, LeftOut, Line, Place, Resume, State
from service.importers.opencode import draft, second
from service.importers.opencode.draft import Draft
from service.importers.opencode.session import SOURCE, Session, learn, learn_project
from service.importers.record import Unreadable
from service.importers.rows import Row

__all__ = ["SOURCE", "Reader", "open_parser"]

NO_ID = "a message without an id"
NO_MESSAGE = "a part without its message"
NOTHING_SAID = "a message without content"
_MARKS = {"step-start": "the beginning of a step", "snapshot": "a snapshot of the files"}
SETTING = "a change of the session's settings"
_SETTINGS = frozenset({"agent-switched", "model-switched", "location-switched", "idle"})


def open_parser(place: Place, state: State | None = None) -> Reader:
    return Reader(place, state)


class _Open(NamedTuple):
    draft: Draft
    offset: int
    before: State
    """The session as it was when the message began."""


class Reader:
    """Implements `service.importers.model.Parser`."""

    def __init__(self, place: Place, state: State | None) -> None:
        _, fragment, told = place.path.rpartition("#")
        self._session = msgspec.convert(state, Session) if state else Session()
        if fragment:
            self._session.id = self._session.id or record.identifier(told)
        self._fallback = place.stem or SOURCE
        self._open: _Open | None = None
        self._lines: list[int] = []

    def feed(self, line: Line) -> Iterable[Found]:
        if not line.data.strip():
            return []
        try:
            row = rows.read(line.data)
            take = _TABLES.get(row.table)
            if take is None:
                raise Unreadable(names.told("unknown table", row.table))
            return take(self, line, row)
        except Unreadable as error:
            return [LeftOut(line.offset, str(error), self._session.id)]

    def finish(self) -> Iterable[Found]:
        found = self._close()
        if self._session.said:
            self._session.id = self._session.id or self._fallback
            found.append(FoundSession(self._session.write(), tuple(self._lines)))
        return found

    def resume(self, end: int) -> Resume:
        if self._open is not None:
            return Resume(self._open.offset, self._open.before)
        return Resume(end, msgspec.to_builtins(self._session, str_keys=True))

    def _take_session(self, line: Line, row: Row) -> list[Found]:
        learn(self._session, row.columns)
        return self._of_session(line)

    def _take_project(self, line: Line, row: Row) -> list[Found]:
        learn_project(self._session, row.columns)
        return self._of_session(line)

    def _of_session(self, line: Line) -> list[Found]:
        self._session.said = True
        self._lines.append(line.offset)
        return []

    def _take_message(self, line: Line, row: Row) -> list[Found]:
        id = _id(row)
        found = self._close()
        try:
            opened = draft.begun(id, rows.inner(row.columns.get("data")), row.columns, line.offset)
        except Unreadable as error:
            # Its parts are good all the same; who said them is not known.
            opened = Draft(id, {}, row.columns, [])
            found.append(LeftOut(line.offset, str(error), self._session.id))
        self._begin(opened, line, row)
        return found

    def _take_part(self, line: Line, row: Row) -> list[Found]:
        if self._open is None or rows.said(row.columns, "message_id") != self._open.draft.id:
            raise Unreadable(NO_MESSAGE)
        members = rows.inner(row.columns.get("data"))
        kind = rows.said(members, "type") or ""
        if kind in _MARKS:
            raise Unreadable(_MARKS[kind])
        self._open.draft.take(kind, members, line.offset)
        return []

    def _take_second(self, line: Line, row: Row) -> list[Found]:
        id, kind = _id(row), rows.said(row.columns, "type") or ""
        if kind in _SETTINGS:
            raise Unreadable(SETTING)
        whole = second.draft(kind, id, rows.inner(row.columns.get("data")), row.columns, line.offset)
        if whole is None:
            raise Unreadable(names.unknown_type(kind))
        found = self._close()
        self._begin(whole, line, row)
        return [*found, *self._close()]

    def _begin(self, opened: Draft, line: Line, row: Row) -> None:
        session = record.identifier(rows.said(row.columns, "session_id"))
        self._session.id = self._session.id or session or self._fallback
        self._open = _Open(opened, line.offset, msgspec.to_builtins(self._session, str_keys=True))

    def _close(self) -> list[Found]:
        """The open message, and what was put into it."""
        opened, self._open = self._open, None
        if opened is None:
            return []
        written = list(draft.messages(opened.draft, self._session))
        if not written:
            return [LeftOut(offset, NOTHING_SAID, self._session.id) for offset in opened.draft.lines]
        self._session.said = True
        return [FoundMessage(*one) for one in written]


def _id(row: Row) -> str:
    """Errors: Unreadable."""
    id = record.identifier(rows.said(row.columns, "id"))
    if id is None:
        raise Unreadable(NO_ID)
    return id


_TABLES: dict[str, Callable[[Reader, Line, Row], list[Found]]] = {
    "session": Reader._take_session,
    "project": Reader._take_project,
    "message": Reader._take_message,
    "part": Reader._take_part,
    "session_message": Reader._take_second,
}
