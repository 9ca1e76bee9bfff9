"""GET /api/live and its catalogue."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from service.api.gate.params import Nothing
from service.api.gate.routes import EVENTS, Answer, Call, answer, route
from service.api.live import catalogue
from service.api.live.catalogue import Catalogue
from service.api.live.room import Room
from service.api.live.stream import EventStream


class LiveAsked(msgspec.Struct, kw_only=True, rename="camel"):
    q: Annotated[
        list[Annotated[str, Meta(max_length=100_000)]],
        Meta(
            description='A query as JSON, `{"id": "a", "query": "sessions.list", "args": {}}`, or its name alone. Several make one stream.',
            max_length=10_000,
            extra_json_schema={"minItems": 1},
        ),
    ] = []
    last_event_id: Annotated[
        Annotated[str, Meta(max_length=100_000)] | None,
        Meta(
            description="The `id` of the last event that was received, to go on from there; as the header `Last-Event-ID`."
        ),
    ] = None
    once: Annotated[bool, Meta(description="End the stream when each query has been answered once.")] = False


EXAMPLE = (
    "retry: 800\nevent: snapshot\n"
    'data: {"id":"a","result":{"sessions":[]}}\nid: c.1a2b3c-0.759:759:\n\n'
    "event: delta\n"
    'data: {"id":"a","upsert":[{"id":"s12","title":"Add rate limiter"}],"remove":[]}\nid: c.1a2b3c-0.761:761:\n\n'
)


@route(
    "GET", "/api/live", scope="read", summary="Follow live queries", asks=LiveAsked, gives=EVENTS,
    description=(
        "Server-sent events: the answer to each query and every later one, as `snapshot`, `delta`, `reset`, `error` and "
        "`revoked`. `id` is what a reader resumes with, on any process and after a restart. docs/live.md tells more."
    ),
    example=EXAMPLE, errors=(400,),
)  # fmt: skip
async def follow(call: Call, asked: LiveAsked) -> EventStream:
    room = call.desk.streams
    assert isinstance(room, Room)
    return room.follow(call, asked.q, resume=asked.last_event_id or "", once=asked.once)


@route(
    "GET", "/api/live/catalogue", scope="read", summary="List live queries", gives=Catalogue,
    description="Every query that a stream can carry: its arguments and its result as JSON Schema, and how its rows are keyed.",
    example={
        "queries": [
            {
                "query": "stats", "summary": "Sums over all sessions.", "args": {"type": "object"}, "result": {"type": "object"},
                "windowMs": 500, "cost": "large",
            },
            {"query": "documents.list", "summary": "", "absent": "documents are not there"},
        ]
    },
)  # fmt: skip
async def get_catalogue(call: Call, asked: Nothing) -> Answer:
    room = call.desk.streams
    assert isinstance(room, Room)
    return answer(catalogue.described(room.queries))
