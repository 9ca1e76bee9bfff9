"""The outermost layer: what every path answers alike, whatever Litestar makes of it.

Rule: OPTIONS is answered here, HEAD is GET without the body, every answer has CORS headers and a request id, and
every answered request leaves one line in the log and one in the request log: method, route, status, time; no
query, no text, no key.

Paths: `//` is one `/`; `%2F` within a path is part of its segment. It travels on as NUL, which no id can hold, and
`routes.py` turns it back.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import unquote

import msgspec
import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from service.api.gate import errors
from service.api.gate.capacity import Capacity, Load
from service.api.gate.exchange import Exchange
from service.api.gate.ledger import Ledger
from service.api.gate.meters import Meters
from service.errors import Busy
from service.storage.people import RequestLine
from service.storage.timing import Timings, collected
from service.tracing import Traces

SLASHES = re.compile(r"/{2,}")
ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")
SLASH_IN_SEGMENT = "\0"
WATCHED = ("/health", "/metrics")

CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Content-Encoding, If-None-Match, Last-Event-ID, X-After, X-Request-Id",
    ),
    (
        b"access-control-expose-headers",
        b"X-Commit, ETag, Retry-After, X-Request-Id, Server-Timing, Content-Disposition, X-Export-Sessions, X-Export-TestCases, X-Export-Manifest",
    ),
]
SAFE = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
"""Where an answer does not say otherwise: it is what it says it is, and no cache keeps what people wrote."""
PREFLIGHT = [*CORS, (b"access-control-max-age", b"86400")]
log = structlog.get_logger()


class Edge:
    """Wraps Litestar's app."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        ledger: Ledger,
        meters: Meters,
        capacity: Capacity,
        slow_ms: int,
        traces: Traces,
    ) -> None:
        self._app = app
        self._capacity = capacity
        self._ledger = ledger
        self._meters = meters
        self._slow_ms = slow_ms
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if str(scope["type"]) == "http":
            await self._answer(cast(HTTPScope, scope), receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        exchange = Exchange(
            request_id=request_id(scope["headers"]),
            at=datetime.now(UTC),
            started_s=time.perf_counter(),
            method=str(scope["method"]),
            parent=traceparent(scope["headers"]),
            load=Load(self._capacity),
        )
        with collected() as timings:
            try:
                if scope["method"] == "OPTIONS":
                    await preflight(exchange, send)
                else:
                    await self._admit(scope, exchange, receive, answering(exchange, send))
            finally:
                exchange.load.end()
                self._record(exchange, timings)
                self._tell_slowness(exchange, timings)

    async def _admit(self, scope: HTTPScope, exchange: Exchange, receive: Receive, send: Send) -> None:
        """Who watches is answered always: a process that is busy is not one that is dead."""
        try:
            if not scope["path"].startswith(WATCHED):
                exchange.load.begin()
        except Busy as error:
            await refuse(error, send)
        else:
            await self._app(tidied(scope, exchange), receive, send)

    def _tell_slowness(self, exchange: Exchange, timings: Timings) -> None:
        """A line for a request whose answer began late, with the names of the statements that it ran."""
        begun_s = exchange.answered_s or time.perf_counter()
        waited_ms = (begun_s - exchange.started_s) * 1000
        if self._slow_ms and waited_ms >= self._slow_ms:
            self._meters.slow(exchange.route)
            log.warning(
                "slow_request",
                method=exchange.method,
                route=exchange.route,
                status=exchange.status,
                ms=round(waited_ms, 2),
                statements=timings.told(),
                requestId=exchange.request_id,
            )

    def _record(self, exchange: Exchange, timings: Timings) -> None:
        ended_s = exchange.answered_s if exchange.is_stream else time.perf_counter()
        duration_s = ended_s - exchange.started_s
        duration_ms = round(duration_s * 1000, 2)
        workspace_id = exchange.caller.workspace_id
        self._meters.observe(exchange, duration_s)
        self._traces.span(
            f"{exchange.method} {exchange.route}",
            at=exchange.at,
            seconds=duration_s,
            facts=facts(exchange, timings),
            parent=exchange.parent,
            failed=exchange.status >= 500,
        )
        log.info(
            "request",
            method=exchange.method,
            route=exchange.route,
            status=exchange.status,
            ms=duration_ms,
            workspace=workspace_id,
            requestId=exchange.request_id,
        )
        if workspace_id and exchange.status and exchange.route.startswith(("/api/", "/sync/", "/search")):
            self._ledger.note(
                RequestLine(
                    workspace_id=workspace_id,
                    key_id=exchange.caller.key_id,
                    at=exchange.at,
                    method=exchange.method,
                    route=exchange.route,
                    status=exchange.status,
                    duration_ms=duration_ms,
                )
            )


def facts(exchange: Exchange, timings: Timings) -> dict[str, str | int | float]:
    """What a trace says of a request."""
    return {
        "http.request.method": exchange.method,
        "http.route": exchange.route,
        "http.response.status_code": exchange.status,
        "backscroll.request_id": exchange.request_id,
        **{f"backscroll.statement_ms.{name}": spent_ms for name, spent_ms in timings.told().items()},
    }


def traceparent(headers: Iterable[tuple[bytes, bytes]]) -> str:
    return next((value.decode("latin-1") for name, value in headers if name == b"traceparent"), "")


async def preflight(exchange: Exchange, send: Send) -> None:
    exchange.status = 204
    headers = [*PREFLIGHT, (b"x-request-id", exchange.request_id.encode())]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def refuse(error: Busy, send: Send) -> None:
    """The answer to a request that nothing below has seen."""
    status, text, headers = errors.described(error)
    body = msgspec.json.encode({"error": text})
    said = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    encoded = [(name.encode(), value.encode()) for name, value in said.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def tidied(scope: HTTPScope, exchange: Exchange) -> Scope:
    """The scope as Litestar should see it."""
    changed: dict[str, Any] = {
        **scope,
        "path": path(scope),
        "method": "GET" if scope["method"] == "HEAD" else scope["method"],
        "backscroll": exchange,
    }
    return changed  # type: ignore[return-value]  # a scope with one key of ours


def path(scope: HTTPScope) -> str:
    """The path as it is routed.

    >>> path({"path": "/api/sessions/a/b", "raw_path": b"//api/sessions/a%2Fb"})
    '/api/sessions/a\\x00b'
    """
    raw = scope.get("raw_path") or b""
    if b"%" not in raw:
        return SLASHES.sub("/", scope["path"])
    encoded = SLASHES.sub("/", raw.decode("latin-1").partition("?")[0])
    return unquote(ENCODED_SLASH.sub("%00", encoded), errors="replace")


def answering(exchange: Exchange, send: Send) -> Send:
    """`send`, with our headers on the answer and without a body where HEAD asked."""
    head = exchange.method == "HEAD"

    async def answer(event: Message) -> None:
        if event["type"] == "http.response.start":
            exchange.status = event["status"]
            exchange.answered_s = time.perf_counter()
            if exchange.is_stream:
                exchange.load.rest()
            named = {name.lower() for name, _ in event["headers"]}
            safe = [(name, value) for name, value in SAFE if name not in named]
            headers = [*event["headers"], *CORS, *safe, (b"x-request-id", exchange.request_id.encode())]
            await send({**event, "headers": headers})
        elif event["type"] == "http.response.body" and head:
            if not event.get("more_body", False):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await send(event)

    return answer


def request_id(headers: Any) -> str:
    """The caller's own id where it is a plain word, so that logs can be put side by side; else a new one."""
    for name, value in headers:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(8)
