"""/schema: what this service takes and answers, as OpenAPI 3.1, made from what the routes declare."""

from __future__ import annotations

from service.api.about.openapi import document
from service.api.gate.params import Nothing
from service.api.gate.routes import Answer, Call, answer, route


@route(
    "GET", "/schema", scope=None, summary="Get the schema", gives="application/json",
    description="This description: OpenAPI 3.1, with an example of every answer.",
    example={"openapi": "3.1.0", "info": {"title": "Backscroll", "version": "0.1.0"}, "paths": {}},
)  # fmt: skip
async def get_schema(call: Call, asked: Nothing) -> Answer:
    return answer(document(call.desk.routes))
