"""Sessions: listed, read, labelled, deleted."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from service.api import examples, shapes
from service.api.gate import cursors, etags, params
from service.api.gate.params import Cursor, Moment, Names, Zone
from service.api.gate.routes import Answer, Call, answer, route, written
from service.api.sessions import labels
from service.errors import NotFound, RequestError
from service.model import ids, sources
from service.storage import audit, messages, sessions
from service.storage.database import Connection
from service.storage.sessions import Position, SessionFilter, Sort

ALL = 2**31


class SessionsAsked(msgspec.Struct, kw_only=True, rename="camel"):
    limit: Annotated[int, Meta(ge=0, le=1000)] = 50
    cursor: Cursor = None
    source: Names = []
    project: Annotated[Names, Meta(description="Name or path, exactly.")] = []
    model: Names = []
    provider: Names = []
    kind: Names = []
    tag: Names = []
    status: Names = []
    after: Annotated[Moment, Meta(description="Updated at or after this date.")] = None
    before: Annotated[Moment, Meta(description="Updated before this date.")] = None
    tz: Zone = "UTC"
    q: Annotated[
        Annotated[str, Meta(max_length=1000)] | None,
        Meta(description="A piece of a title, project or external id, in any case."),
    ] = None
    sort: Sort = "updatedAt"
    order: Literal["asc", "desc"] = "desc"


class Sessions(msgspec.Struct, rename="camel"):
    sessions: list[shapes.Session]
    next_cursor: str | UnsetType = UNSET


class SessionWithMessages(msgspec.Struct):
    session: shapes.Session
    messages: list[shapes.Message]


class OneSession(msgspec.Struct):
    session: shapes.Session


class Deleted(msgspec.Struct):
    id: str
    ok: bool = True


class SessionAsked(msgspec.Struct, kw_only=True):
    source: Annotated[
        params.Name | None, Meta(description="Of which source, where several share an external id.")
    ] = None


class SessionAskedById(SessionAsked, kw_only=True):
    id: Annotated[
        params.Name | None,
        Meta(description="The session's id or external id.", extra_json_schema=params.NEEDED),
    ] = None


@route(
    "GET", "/api/sessions", scope="read", summary="List sessions", asks=SessionsAsked, gives=Sessions, live="sessions.list",
    description="Sessions in order, the one updated last first. A cursor stays right while sessions arrive.",
    example={"sessions": [examples.SESSION], "nextCursor": "8fJ2xk1QeyJ2Ijoi"}, errors=(400,),
)  # fmt: skip
async def list_sessions(call: Call, asked: SessionsAsked) -> Answer:
    async with call.rows() as conn:
        rows = await sessions.page(
            conn,
            call.workspace_id,
            session_filter(asked),
            sort=asked.sort,
            descending=asked.order == "desc",
            limit=asked.limit + 1,
            after=position(asked),
        )
    return answer(page(rows, asked))


@route(
    "GET", "/api/sessions/get", scope="read", summary="Get a session by query", asks=SessionAskedById,
    gives=SessionWithMessages, live="sessions.get", description="As /api/sessions/{id}; here an external id may hold slashes.",
    example={"session": examples.SESSION, "messages": [examples.MESSAGE]}, errors=(304, 400, 404),
)  # fmt: skip
async def get_session_by_query(call: Call, asked: SessionAskedById) -> Answer:
    if not asked.id:
        raise RequestError("Missing session ID")
    return await read(call, asked.id, asked)


@route(
    "GET", "/api/sessions/{id}", scope="read", summary="Get a session", asks=SessionAsked, gives=SessionWithMessages, live="sessions.get",
    description="A session with all its messages in order, by id or external id. The ETag changes with any of them.",
    example={"session": examples.SESSION, "messages": [examples.MESSAGE]}, errors=(304, 404),
)  # fmt: skip
async def get_session(call: Call, asked: SessionAsked) -> Answer:
    return await read(call, call.path["id"], asked)


@route(
    "PATCH", "/api/sessions/{id}", scope="admin", summary="Label a session", asks=SessionAsked,
    takes=labels.SessionLabels, gives=OneSession,
    description="Sets what is given. `null` empties notes, status, evalStatus, expectedOutput and tags.",
    example_body={"tags": ["backend"], "evalReady": True}, example={"session": examples.SESSION}, errors=(400, 404),
)  # fmt: skip
async def label_session(call: Call, asked: SessionAsked) -> Answer:
    patch = labels.read_session(call.body)
    async with call.rows() as conn:
        row = await found(conn, call, call.path["id"], asked)
        await sessions.patch(conn, call.workspace_id, row["id"], patch, user_id=call.caller.user_id)
        if patch.is_public not in (None, row["is_public"]):
            action: audit.Action = "session.share" if patch.is_public else "session.unshare"
            await note(conn, call, action, row["id"])
        row = await found(conn, call, ids.session(row["id"]), SessionAsked())
    return await written(call, OneSession(shapes.session(row)))


@route(
    "DELETE", "/api/sessions/{id}", scope="admin", summary="Delete a session", asks=SessionAsked, gives=Deleted,
    description="Deletes it with messages, vectors and index entries. A client that sends it again does not bring it back.",
    example={"ok": True, "id": "s12"}, errors=(404,),
)  # fmt: skip
async def delete_session(call: Call, asked: SessionAsked) -> Answer:
    async with call.rows() as conn:
        row = await found(conn, call, call.path["id"], asked)
        await sessions.delete(conn, call.workspace_id, [row["id"]])
        await note(conn, call, "session.delete", row["id"])
    return await written(call, Deleted(ids.session(row["id"])))


async def note(conn: Connection, call: Call, action: audit.Action, subject_id: int) -> None:
    """A line of the audit log, in the transaction of the act."""
    who = call.caller
    await audit.record(conn, who.workspace_id, action, subject_id, user_id=who.user_id, key_id=who.key_id)


async def found(conn: Connection, call: Call, ref: str, asked: SessionAsked) -> dict[str, Any]:
    """The row of a session by its id or external id. Errors: `NotFound`."""
    source = sources.canonical(asked.source) if asked.source else None
    row = await sessions.find(conn, call.workspace_id, ref, source=source)
    if row is None:
        raise NotFound("Session not found")
    return row


async def read(call: Call, ref: str, asked: SessionAsked) -> Answer:
    """The session with all its messages, all of one moment; or 304."""
    async with call.rows(still=True) as conn:
        row = await found(conn, call, ref, asked)
        etag = etags.of(call.resources.db.epoch, row["version"])
        if etags.matches(call.headers.get("if-none-match", ""), etag):
            return Answer(b"", status=304, headers=etags.headers(etag))
        lines = await messages.page(conn, call.workspace_id, row["id"], limit=ALL)
    whole = SessionWithMessages(shapes.session(row), [shapes.message(line) for line in lines])
    return answer(whole, headers=etags.headers(etag))


def session_filter(asked: SessionsAsked) -> SessionFilter:
    return SessionFilter(
        sources=tuple(map(sources.canonical, asked.source)),
        projects=tuple(asked.project),
        models=tuple(asked.model),
        providers=tuple(asked.provider),
        kinds=tuple(asked.kind),
        tags=tuple(asked.tag),
        statuses=tuple(asked.status),
        after=params.moment("after", asked.after, tz=asked.tz),
        before=params.moment("before", asked.before, tz=asked.tz),
        q=asked.q,
    )


def position(asked: SessionsAsked) -> Position | None:
    """Where the page before ended. Errors: `RequestError`."""
    if asked.cursor is None:
        return None
    place = cursors.decode(asked.cursor, Position, of=order(asked))
    try:
        datetime.fromisoformat(place.value) if asked.sort.endswith("At") else Decimal(place.value)
    except (ValueError, InvalidOperation) as error:
        raise RequestError("cursor is malformed.") from error
    return place


def page(rows: list[dict[str, Any]], asked: SessionsAsked) -> Sessions:
    """The rows, of which there is one more than asked for where another page follows."""
    shown = rows[: asked.limit]
    listed = Sessions([shapes.session(row) for row in shown])
    if len(rows) > len(shown) > 0:
        listed.next_cursor = cursors.encode(
            Position(shown[-1]["sort_value"], shown[-1]["id"]), of=order(asked)
        )
    return listed


def order(asked: SessionsAsked) -> str:
    """What a cursor belongs to: the order, and what is listed in it."""
    listed = msgspec.structs.replace(asked, limit=0, cursor=None)
    return f"sessions {msgspec.json.encode(listed).decode()}"
