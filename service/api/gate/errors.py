"""Errors as answers: `{"error": "<sentence>"}`, the right status, and nothing of what is inside.

Rule: our own errors say themselves what they are; whatever else is raised is a fault of ours, answered as
`Internal error` with the request's id, and told to the log by its type and place, never by its text, since a
database's words may hold what people wrote.
"""

from __future__ import annotations

import math
import traceback
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from service.errors import (
    BackscrollError,
    Busy,
    DatabaseUnavailable,
    NotYet,
    RequestError,
    TooMany,
    TooSlow,
    Unauthorized,
)

RETRIED = (TooMany, Busy, NotYet, DatabaseUnavailable)
WORDS = {
    404: "There is nothing at this path: /schema lists what there is.",
    405: "This path does not take this method.",
}
log = structlog.get_logger()


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything that is raised below it."""
    status, text, headers = described(error)
    said: dict[str, Any] = {"error": text}
    if status == 500:
        exchange = request.scope["backscroll"]  # type: ignore[typeddict-item]  # ours, from edge.py
        said["requestId"] = exchange.request_id
        told(error, exchange.request_id)
    if isinstance(error, NotYet) and error.missing:
        said["missing"] = error.missing
    return Response(
        msgspec.json.encode(said), status_code=status, headers=headers, media_type="application/json"
    )


def described(error: Exception) -> tuple[int, str, dict[str, str]]:
    """Status, sentence and headers of the answer to an error.

    >>> described(TooMany("Wait.", retry_after_s=2.4))
    (429, 'Wait.', {'Retry-After': '3'})
    """
    if isinstance(error, RETRIED):
        return error.status, str(error), {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
    if isinstance(error, Unauthorized):
        return error.status, str(error), {"WWW-Authenticate": "Bearer"}
    if isinstance(error, TooSlow):
        return error.status, str(error), {"Connection": "close"}
    if isinstance(error, RequestError) or (isinstance(error, BackscrollError) and error.status != 500):
        return error.status, str(error), {}
    if isinstance(error, HTTPException) and error.status_code < 500:
        return (
            error.status_code,
            WORDS.get(error.status_code, "The request is malformed."),
            dict(error.headers or {}),
        )
    return 500, "Internal error", {}


def told(error: Exception, request_id: str) -> None:
    """Log a fault of ours: its types, from the first cause on, and the lines of code that it passed."""
    chain: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(chain) < 10:
        chain.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(error.__traceback__)
    lines = [
        f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}" for frame in frames
    ]
    log.error("internal error", requestId=request_id, error=chain, trace=lines[-20:])
