"""Whether this process lives, and whether it can answer searches yet."""

from __future__ import annotations

import msgspec

from service.api.params import Nothing
from service.api.routes import Answer, Call, answer, route
from service.api.shapes import epoch_ms


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
