"""The parser: rows of one composer or chat in, messages and what is left out.

Rule: the rows come in the order of the conversation, which who read the database took from Cursor's own list; a row
that the list has and the database has not comes without a value, and one that the list has no more as `unlisted`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec

from service.importers import record, rows
from service.importers.cursor import bubbles, chats
from service.importers.cursor.session import SOURCE, Session, folder, learn
from service.importers.model import Found, FoundMessage, FoundSession, LeftOut, Line, Place, Resume, State
from service.importers.record import Unreadable
from service.importers.rows import Row
from service.model.raw_members import Members, string

__all__ = ["SOURCE", "Reader", "open_parser"]

MISSING = "a bubble that is missing in the database"
UNLISTED = "a bubble that the conversation no longer has"
_KEY = re.compile(r"(composerData|bubbleId):(.+)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def open_parser(place: Place, state: State | None = None) -> Reader:
    return Reader(place, state)


class Reader:
    """Implements `service.importers.model.Parser`. A row is a message, so nothing stays open."""

    def __init__(self, place: Place, state: State | None) -> None:
        _, fragment, told = place.path.rpartition("#")
        self._session = msgspec.convert(state, Session) if state else Session()
        if fragment:
            self._session.id = self._session.id or record.identifier(told)
        self._fallback = place.stem or SOURCE
        self._lines: list[int] = []

    def feed(self, line: Line) -> Iterable[Found]:
        if not line.data.strip():
            return []
        try:
            row = rows.read(line.data)
            take = _TABLES.get(row.table)
            if take is None:
                raise Unreadable(
                    f"unknown table: {row.table}" if _NAME.fullmatch(row.table) else "unknown table"
                )
            return take(self, line, row)
        except Unreadable as error:
            return [LeftOut(line.offset, str(error), self._session.id)]

    def finish(self) -> Iterable[Found]:
        if not self._session.said:
            return []
        self._session.id = self._session.id or self._fallback
        return [FoundSession(self._session.write(), tuple(self._lines))]

    def resume(self, end: int) -> Resume:
        return Resume(end, msgspec.to_builtins(self._session, str_keys=True))

    def _take_workspace(self, line: Line, row: Row) -> list[Found]:
        self._session.folder = folder(rows.said(row.columns, "folder")) or self._session.folder
        return self._of_session(line)

    def _take_value(self, line: Line, row: Row) -> list[Found]:
        found = _KEY.fullmatch(rows.said(row.columns, "key") or "")
        if found is None:
            raise Unreadable("unknown key")
        if found[1] == "composerData":
            learn(self._session, rows.inner(row.columns.get("value")))
            return self._of_session(line)
        return self._take_bubble(line, row, *_ids(found[2]))

    def _take_bubble(self, line: Line, row: Row, composer: str, bubble: str) -> list[Found]:
        if bytes(row.columns.get("value") or b"null") == b"null":
            raise Unreadable(MISSING)
        data = rows.inner(row.columns["value"])
        id = record.identifier(bubble) or record.identifier(string(data.get("bubbleId")))
        if id is None:
            raise Unreadable("a bubble without an id")
        self._belongs_to(composer)
        write, calls = bubbles.message(id, data, _header(row.columns), self._session)
        self._session.said = True
        return [FoundMessage(write, calls, (line.offset,))]

    def _take_unlisted(self, line: Line, row: Row) -> list[Found]:
        raise Unreadable(UNLISTED)

    def _take_meta(self, line: Line, row: Row) -> list[Found]:
        learn(self._session, _of_hex(row.columns))
        return self._of_session(line)

    def _take_blob(self, line: Line, row: Row) -> list[Found]:
        id = record.identifier(rows.said(row.columns, "id"))
        if id is None:
            raise Unreadable("a message without an id")
        self._belongs_to("")
        write, calls = chats.message(id, rows.inner(row.columns.get("data")), self._session)
        self._session.said = True
        return [FoundMessage(write, calls, (line.offset,))]

    def _belongs_to(self, session: str) -> None:
        self._session.id = self._session.id or record.identifier(session) or self._fallback

    def _of_session(self, line: Line) -> list[Found]:
        self._session.said = True
        self._lines.append(line.offset)
        return []


def _ids(key: str) -> tuple[str, str]:
    """
    >>> _ids("c1:b1"), _ids("task-x:y:b1")
    (('c1', 'b1'), ('task-x:y', 'b1'))
    """
    composer, _, bubble = key.rpartition(":")
    return composer, bubble


def _header(columns: Members) -> Members:
    try:
        return rows.inner(columns.get("header"))
    except Unreadable:  # there is none: the bubble says itself what it is
        return {}


def _of_hex(columns: Members) -> Members:
    """What `meta` says of a chat: JSON in hexadecimal, or plain. Errors: Unreadable."""
    said = string(columns.get("value")) or ""
    try:
        return record.members(bytes.fromhex(said))
    except ValueError:
        return rows.inner(columns.get("value"))


_TABLES: dict[str, Callable[[Reader, Line, Row], list[Found]]] = {
    "workspace": Reader._take_workspace,
    "cursorDiskKV": Reader._take_value,
    "unlisted": Reader._take_unlisted,
    "meta": Reader._take_meta,
    "blobs": Reader._take_blob,
}
