"""sessions.list, sessions.processing, sessions.get, sessions.messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from service.api import shapes
from service.api.gate import cursors, params
from service.api.live.queries import steps
from service.api.sessions import messages as messages_room
from service.api.sessions import paths as sessions_room
from service.api.sessions.messages import Messages
from service.api.sessions.paths import Sessions, SessionsAsked, SessionWithMessages
from service.errors import NotFound, RequestError
from service.live.query import Outcome, Query, Watches
from service.model import ids, sources
from service.storage import live, sessions
from service.storage.database import Connection
from service.storage.live import Found, Named
from service.storage.messages import Place
from service.storage.sessions import PageAsked

AT_WORK = ["processing", "running", "queued", "pending"]
OF_ACTIVITY = {"messageCount", "updatedAt"}
"""Members of a session that every message changes."""


class AtWorkAsked(SessionsAsked, kw_only=True, rename="camel"):
    """As sessions.list, of sessions whose status says that something is still at work on them."""

    status: params.Names = msgspec.field(default_factory=AT_WORK.copy)


class SessionNamed(msgspec.Struct, kw_only=True):
    session: Annotated[params.Name, Meta(description="The session's id or external id.", min_length=1)]
    source: Annotated[
        params.Name | None, Meta(description="Of which source, where several share an external id.")
    ] = None


class MessagesAsked(SessionNamed, kw_only=True):
    limit: Annotated[
        Annotated[int, Meta(ge=0, le=100_000)] | None, Meta(description="Messages at most; without it, all.")
    ] = None
    tail: Annotated[bool, Meta(description="The last `limit` messages, rather than the first.")] = False
    cursor: params.Cursor = None


async def list_sessions(conn: Connection, workspace_id: int, asked: Sequence[SessionsAsked]) -> list[Outcome]:
    rows = await sessions.pages(conn, workspace_id, [page_asked(each) for each in asked])
    return [Outcome(sessions_room.page(found, each)) for found, each in zip(rows, asked, strict=True)]


def page_asked(asked: SessionsAsked) -> PageAsked:
    """Errors: `RequestError`."""
    return PageAsked(
        filter=sessions_room.session_filter(asked),
        sort=asked.sort,
        descending=asked.order == "desc",
        limit=asked.limit + 1,
        after=sessions_room.position(asked),
    )


async def get_sessions(conn: Connection, workspace_id: int, asked: Sequence[SessionNamed]) -> list[Outcome]:
    found = await live.sessions(conn, workspace_id, [named(each) for each in asked])
    lines = await live.messages(conn, workspace_id, [named(each) for each in asked])
    return [
        outcome(one, session, session.session and whole(session.session, each), of=each)
        for one, session, each in zip(asked, found, lines, strict=True)
    ]


def whole(session: dict[str, Any], found: Found) -> SessionWithMessages:
    return SessionWithMessages(shapes.session(session), [shapes.message(row) for row in found.messages])


async def list_messages(conn: Connection, workspace_id: int, asked: Sequence[MessagesAsked]) -> list[Outcome]:
    found = await live.messages(conn, workspace_id, [named(each) for each in asked])
    return [
        outcome(one, each, listed(each), of=each if is_all(one) else None)
        for one, each in zip(asked, found, strict=True)
    ]


def is_all(asked: MessagesAsked) -> bool:
    """Whether all messages of the session are asked for."""
    return asked.limit is None and asked.cursor is None


def listed(found: Found) -> Messages:
    shown = Messages([shapes.message(row) for row in found.messages])
    if found.goes_on and found.session is not None:
        last = found.messages[-1]
        place = Place(last["created_at"], last["id"])
        shown.next_cursor = cursors.encode(place, of=messages_room.order(found.session["id"]))
    return shown


def outcome(asked: SessionNamed, found: Found, result: Any, *, of: Found | None) -> Outcome:
    """`of`: all messages of the session, when the next answer may go on from them."""
    number = ids.number(asked.session, "s")
    watched = found.namesakes if number is None else found.namesakes | {number}
    if found.session is None:
        return Outcome(NotFound("Session not found"), watched)
    is_fixed = number == found.session["id"]
    memory = steps.memory(of, is_fixed=is_fixed) if of is not None else None
    return Outcome(result, watched, is_fixed=is_fixed, memory=memory)


def named(asked: SessionNamed) -> Named:
    source = sources.canonical(asked.source) if asked.source else None
    if not isinstance(asked, MessagesAsked):
        return Named(ref=asked.session, source=source)
    return Named(ref=asked.session, source=source, most=asked.limit, tail=asked.tail, after=place_of(asked))


def place_of(asked: MessagesAsked) -> tuple[Any, int] | None:
    """Where the page before ended. Errors: `RequestError`, also where a cursor names its session otherwise."""
    if asked.cursor is None:
        return None
    number = ids.number(asked.session, "s")
    if number is None:
        raise RequestError("cursor needs the session's id, not its external id.")
    place = cursors.decode(asked.cursor, Place, of=messages_room.order(number))
    return place.created_at, place.id


def of_name(tables: Sequence[str]) -> Any:
    """Watches one session, whatever it will be under the name that was asked for."""

    def watches(asked: SessionNamed) -> Watches:
        return Watches(tables=frozenset(tables), session_ids=frozenset(), name=asked.session)

    return watches


def any_session(asked: Any) -> Watches:
    return Watches(tables=frozenset({"sessions"}))


def clock(asked: SessionsAsked) -> tzinfo | None:
    """The zone of its dates, where it names any: they may be relative."""
    return params.zone(asked.tz) if asked.after is not None or asked.before is not None else None


def more_than_activity(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether more of a session changed than what each message changes.

    >>> old = {"session": {"title": "a", "messageCount": 1}}
    >>> more_than_activity(old, {"session": {"title": "a", "messageCount": 2}}), more_than_activity(old, {"session": {}})
    (False, True)
    """
    before, after = old["session"], new["session"]
    return any(
        before.get(name) != after.get(name)
        for name in before.keys() | after.keys()
        if name not in OF_ACTIVITY
    )


QUERIES = (
    Query(
        name="sessions.list", summary="A page of sessions, as GET /api/sessions.", asks=SessionsAsked, gives=Sessions,
        answers=list_sessions, check=page_asked, watches=any_session, rows="sessions", clock=clock,
    ),
    Query(
        name="sessions.processing", summary=f"Sessions with the status {', '.join(AT_WORK)}, or the one given.",
        asks=AtWorkAsked, gives=Sessions, answers=list_sessions, check=page_asked, watches=any_session, rows="sessions",
        clock=clock,
    ),
    Query(
        name="sessions.get", summary="A session with its messages, as GET /api/sessions/{id}.", asks=SessionNamed,
        gives=SessionWithMessages, answers=get_sessions, step=steps.sessions, check=named, watches=of_name(("sessions", "messages")), rows="messages",
        whole=more_than_activity,
    ),
    Query(
        name="sessions.messages", summary="The messages of a session in order, all or `limit` of them.", asks=MessagesAsked,
        gives=Messages, answers=list_messages, step=steps.messages, check=named, watches=of_name(("sessions", "messages")), rows="messages",
    ),
)  # fmt: skip
