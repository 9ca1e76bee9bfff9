"""A route: who may ask, what is asked and answered, and the handler, which gets a `Call` and gives an `Answer`.

Rule: by the time that a handler runs, the key is checked, the body is whole and every parameter is in bounds; by the
time that its answer is sent, its connection to Postgres is back in the pool. What a route declares here is what
/schema says of it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse

from service.api.gate import auth, body, limits, origins, params
from service.api.gate.auth import NOBODY, Keys, Scope
from service.api.gate.edge import SLASH_IN_SEGMENT
from service.api.gate.exchange import Exchange
from service.api.gate.freshness import Lags
from service.api.gate.ledger import Ledger
from service.api.gate.limits import Limits
from service.api.gate.meters import Meters
from service.api.gate.rankings import Rankings
from service.api.gate.room import Room
from service.bootstrap import Resources
from service.model import snapshot
from service.model.snapshot import Snapshot
from service.storage.database import Connection, undisturbed
from service.storage.people import Caller

JSON = "application/json"
NDJSON = "application/x-ndjson"
EVENTS = "text/event-stream"
KEYLESS_BODY_BYTES = 64 * 1024
"""A body of somebody who has shown no key yet is not larger."""
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
P = TypeVar("P")
T = TypeVar("T")


class Desk:
    """What one API process keeps: its resources, the keys that it knows, the limits, the books, rankings to page in."""

    def __init__(self, resources: Resources, routes: Sequence[Route]) -> None:
        self.resources = resources
        self.routes = routes
        self.keys = Keys(resources.db)
        self.hosts = origins.of_settings(resources.settings)
        self.limits = Limits()
        self.ledger = Ledger(resources.db)
        self.meters = Meters()
        self.lags = Lags()
        self.rankings = Rankings()
        self.room = Room(resources.settings)
        self.streams: Streams
        """Set by the app: the room of live queries stands above this one."""


class Call(msgspec.Struct, kw_only=True):
    """One admitted request."""

    desk: Desk
    caller: Caller
    client: tuple[str, int] | None
    """The address that the connection comes from."""
    path: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    commit: Snapshot | None
    """What this read must contain."""
    now: datetime
    """In whole milliseconds, as times are read back."""
    secure: bool = False
    """Whether the client came over TLS, to us or to the proxy in front."""

    @property
    def resources(self) -> Resources:
        return self.desk.resources

    @property
    def workspace_id(self) -> int:
        return self.caller.workspace_id

    def rows(self, *, still: bool = False) -> AbstractAsyncContextManager[Connection]:
        """A transaction on the caller's workspace; `still`: all its statements see one moment, and only read."""
        return undisturbed(self.resources.db.workspace(self.workspace_id, repeatable_read=still))


class Streams(Protocol):
    """What answers a plain GET that is asked for as a stream."""

    def plain(self, call: Call, query: str, asked: Any) -> ASGIResponse:
        """The stream of one query of the catalogue, with a route's own parameters. Errors: `RequestError`."""


class Answer(msgspec.Struct):
    """What a handler gives. `stream`: the body, piece by piece, in place of one that would fill the memory."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = {}
    media_type: str = JSON
    stream: AsyncIterator[bytes] | None = None


def answer(value: Any, *, headers: dict[str, str] | None = None) -> Answer:
    """A value as JSON."""
    return Answer(msgspec.json.encode(value), headers=headers or {})


async def written(call: Call, value: Any) -> Answer:
    """The answer to a write that is committed: with its token, and followers are woken."""
    call.resources.bell.ring()
    token = await call.resources.db.token()
    return answer(value, headers={"X-Commit": token})


class Route(msgspec.Struct, kw_only=True, frozen=True):
    """What /schema says, and what is checked before the handler runs."""

    method: Method
    path: str
    scope: Scope | None
    """None: no key is needed."""
    summary: str
    description: str
    asks: type[Any]
    takes: tuple[type[Any], ...] | type[Any] | None
    """The struct that describes a JSON body (several: a body of lines, each one of them)."""
    takes_nothing: bool
    """No body at all does too."""
    gives: tuple[type[Any], ...] | type[Any] | str
    """The struct of the answer (several: one of them), or a media type."""
    gives_too: Sequence[str]
    """Media types of other forms of the answer, where a parameter chooses one."""
    example: Any
    """An answer, as JSON values."""
    example_body: Any
    errors: Sequence[int]
    live: str = ""
    """The query of the catalogue that this is with `Accept: text/event-stream`."""

    @property
    def reads(self) -> bool:
        return self.scope == "read"

    @property
    def name(self) -> str:
        return self.summary.title().replace(" ", "").replace("'", "")


def route(
    method: Method,
    path: str,
    *,
    scope: Scope | None,
    summary: str,
    description: str,
    gives: tuple[type[Any], ...] | type[Any] | str,
    example: Any,
    asks: type[P] = params.Nothing,  # type: ignore[assignment]  # the default of a type variable
    takes: tuple[type[Any], ...] | type[Any] | None = None,
    takes_nothing: bool = False,
    example_body: Any = None,
    gives_too: Sequence[str] = (),
    errors: Sequence[int] = (),
    live: str = "",
) -> Callable[[Callable[[Call, P], Awaitable[Answer | ASGIResponse]]], HTTPRouteHandler]:
    """Declare a route. Segments in braces are path parameters: `/api/sessions/{id}`."""
    spec = Route(
        method=method, path=path, scope=scope, summary=summary, description=description, asks=asks, takes=takes,
        takes_nothing=takes_nothing, gives=gives, gives_too=gives_too, example=example, example_body=example_body, errors=errors, live=live,
    )  # fmt: skip

    def decorate(handler: Callable[[Call, P], Awaitable[Answer | ASGIResponse]]) -> HTTPRouteHandler:
        async def handle(request: Request[Any, Any, Any]) -> ASGIResponse:
            call = await admitted(request, spec)
            asked = params.from_query(call.query, asks)
            if spec.live and wants_events(call.headers):
                return call.desk.streams.plain(call, spec.live, asked)
            said = await handler(call, asked)
            if isinstance(said, ASGIResponse):
                return said
            if said.stream is not None:
                return ASGIStreamingResponse(
                    iterator=said.stream,
                    status_code=said.status,
                    headers=said.headers,
                    media_type=said.media_type,
                )
            return ASGIResponse(
                body=said.body, status_code=said.status, headers=said.headers, media_type=said.media_type
            )

        declare = HTTPRouteHandler(
            path.replace("}", ":str}"),
            http_method=method,
            status_code=200,
            name=spec.name,
            opt={"route": spec},
        )
        return declare(handle)

    return decorate


async def admitted(request: Request[Any, Any, Any], spec: Route) -> Call:
    """The call, once the key, the rate, the commit token and the body are found good."""
    desk: Desk = request.app.state.desk
    exchange: Exchange = request.scope["backscroll"]  # type: ignore[typeddict-item]  # ours, from edge.py
    exchange.route = spec.path
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
    now = exchange.at.replace(microsecond=exchange.at.microsecond // 1000 * 1000)
    caller = NOBODY
    if not auth.shows_key(headers):
        origins.check_host(headers, desk.hosts)
    if spec.scope is not None:
        caller = exchange.caller = await desk.keys.admit(headers, spec.scope, now=now, method=spec.method)
        desk.ledger.used(caller)
        limit(desk, request, headers, caller, spec)
    if spec.scope == "ingest":
        desk.room.check()
    query = params.pairs(request.scope["query_string"])
    content = b""
    if spec.method != "GET":
        most_bytes = desk.resources.settings.body_limit_bytes
        if spec.scope is None:
            most_bytes = min(most_bytes, KEYLESS_BODY_BYTES)
        exchange.load.rest()
        content = await body.read(
            request.receive,
            headers,
            limit_bytes=most_bytes,
            patience_s=desk.resources.settings.patience_s,
            load=exchange.load,
        )
        exchange.load.begin()
    return Call(
        desk=desk,
        caller=caller,
        client=request.scope["client"],
        path={name: value.replace(SLASH_IN_SEGMENT, "/") for name, value in request.path_params.items()},
        query=query,
        headers=headers,
        body=content,
        commit=commit(query, headers, desk) if spec.reads else None,
        now=now,
        secure=is_secure(request.scope["scheme"], headers),
    )


def wants_events(headers: Mapping[str, str]) -> bool:
    """
    >>> wants_events({"accept": "text/event-stream, */*;q=0.1"}), wants_events({"accept": "*/*"})
    (True, False)
    """
    return any(
        kind.partition(";")[0].strip().lower() == EVENTS for kind in headers.get("accept", "").split(",")
    )


def is_secure(scheme: str, headers: Mapping[str, str]) -> bool:
    """
    >>> is_secure("http", {"x-forwarded-proto": "https, http"}), is_secure("http", {})
    (True, False)
    """
    return "https" in (scheme, headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower())


def limit(
    desk: Desk, request: Request[Any, Any, Any], headers: Mapping[str, str], caller: Caller, spec: Route
) -> None:
    """Errors: `TooMany`."""
    if limits.is_loopback(request.scope["client"], headers):
        return
    settings = desk.resources.settings
    sync = spec.path.startswith("/sync/")
    per_minute = settings.sync_requests_per_minute if sync else settings.requests_per_minute
    desk.limits.take(caller.key_id, "sync" if sync else "api", per_minute=per_minute, now_s=time.monotonic())


def commit(query: Sequence[tuple[str, str]], headers: Mapping[str, str], desk: Desk) -> Snapshot | None:
    """The write that a read must contain, as `commit=` or `X-After` say it. Errors: `RequestError`."""
    given = [value for name, value in query if name == "commit"]
    return commit_of(given[-1] if given else headers.get("x-after", "").strip(), desk)


def commit_of(token: str | None, desk: Desk) -> Snapshot | None:
    """Errors: `RequestError` when it is malformed or of another database."""
    return snapshot.parse_token(token, epoch=desk.resources.db.epoch) if token else None
