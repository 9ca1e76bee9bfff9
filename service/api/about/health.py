"""Whether this process lives, and whether it can answer searches yet."""

from __future__ import annotations

import msgspec

from indexing.fulltext import IndexDamaged
from service.api.gate import freshness
from service.api.gate.params import Nothing
from service.api.gate.routes import Answer, Call, answer, route
from service.api.shapes import epoch_ms
from service.bootstrap import Resources
from service.errors import DatabaseUnavailable, NotYet


class Health(msgspec.Struct):
    status: str
    timestamp: int


@route(
    "GET", "/health", scope=None, summary="Health", gives=Health,
    description="Answers as soon as the process takes requests; it asks nothing of Postgres.",
    example={"status": "ok", "timestamp": 1769846400000},
)  # fmt: skip
async def health(call: Call, asked: Nothing) -> Answer:
    return answer(Health("ok", epoch_ms(call.now)))


@route(
    "GET", "/health/ready", scope=None, summary="Readiness", gives=Health,
    description="200 once words can be searched; until then 503, and `missing` says what is not there yet.",
    example={"status": "ready", "timestamp": 1769846400000}, errors=(503,),
)  # fmt: skip
async def ready(call: Call, asked: Nothing) -> Answer:
    if lacking := await missing(call.resources):
        raise NotYet(f"Not ready yet: {' and '.join(lacking)} cannot be asked.", missing=tuple(lacking))
    return answer(Health("ready", epoch_ms(call.now)))


async def missing(resources: Resources) -> list[str]:
    """What a search still lacks."""
    lacking = []
    try:
        await resources.db.token()
    except DatabaseUnavailable:
        lacking.append("Postgres")
    try:
        resources.text.refresh()
        if freshness.seen_by_text(resources) == freshness.NOTHING_SEEN:
            lacking.append("the text index")
    except (NotYet, IndexDamaged):
        lacking.append("the text index")
    return lacking
