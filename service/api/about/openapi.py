"""OpenAPI 3.1 from the declarations of the routes. https://spec.openapis.org/oas/v3.1.0"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from service.api.gate import params
from service.api.gate.auth import COOKIE
from service.api.gate.routes import JSON, NDJSON, Route

REFERENCE = re.compile(r"'#/components/schemas/([^']+)'")
PATH_PARAMETER = re.compile(r"{(\w+)}")
PATH_PARAMETERS = {
    "id": "An id, or the client's own external id where the route says so.",
    "slug": "Of the link that was shared.",
}
COMMIT = "Wait, at most 5 s, until what is read contains this write: what `X-Commit` said. The header `X-After` does the same."
ERRORS = {
    304: "Not modified: the client holds this version.",
    400: "Malformed, or out of bounds; the sentence names the parameter.",
    401: "`Missing Authorization header`, `Invalid API key` or `Invalid or expired token`.",
    403: "The key lacks the scope, or a browser's page or name is not of this service.",
    404: "Not there, or of another workspace.",
    408: "The body came too slowly.",
    409: "There is one of this name already.",
    413: "The body is too large.",
    431: "The head of the request is longer than 64 KB.",
    429: "Too many requests: wait for `Retry-After` seconds.",
    503: "Not ready, Postgres is away, or too much at once: wait for `Retry-After` seconds.",
}


class Error(msgspec.Struct, kw_only=True, rename="camel"):
    """One sentence that says what is wrong. More fields may stand beside it."""

    error: str
    request_id: str | msgspec.UnsetType = msgspec.UNSET


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole description."""
    structs = {struct for route in routes for struct in (*answers(route), *bodies(route))} | {Error}
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    references, components = msgspec.json.schema_components(
        ordered, ref_template="#/components/schemas/{name}"
    )
    of = dict(zip(ordered, references, strict=True))
    allow_null(components, routes, of)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Backscroll",
            "version": our_version(),
            "description": "Sessions with AI agents, kept and found.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "bearerFormat": "osk_..."},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def allow_null(
    components: dict[str, Any], routes: Sequence[Route], of: dict[type[Any], dict[str, Any]]
) -> None:
    """Say of every optional member of a body that it may be null, too. Lines of an import are taken as they are described."""

    def named(structs: Iterable[type[Any]]) -> set[str]:
        return {str(of[struct]["$ref"]).rpartition("/")[2] for struct in structs}

    whole = [body for route in routes if not isinstance(route.takes, tuple) for body in bodies(route)]
    asked = within(components, named(whole))
    told = within(components, named(answer for route in routes for answer in answers(route)))
    for name in asked - told:
        needed = components[name].get("required", ())
        members = components[name].get("properties", {})
        for member, schema in members.items():
            if member not in needed:
                members[member] = or_null(schema)


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """
    >>> or_null({"type": "boolean", "default": False})
    {'anyOf': [{'type': 'boolean'}, {'type': 'null'}], 'default': False}
    """
    null = {"type": "null"}
    if "anyOf" in schema:
        return schema if null in schema["anyOf"] else {**schema, "anyOf": [*schema["anyOf"], null]}
    told: dict[str, Any] = {word: schema[word] for word in ("description", "default") if word in schema}
    return {"anyOf": [{word: schema[word] for word in schema if word not in told}, null], **told}


def within(components: dict[str, Any], names: set[str]) -> set[str]:
    """These components, and those that they refer to.

    >>> sorted(within({"A": {"properties": {"b": {"$ref": "#/components/schemas/B"}}}, "B": {}, "C": {}}, {"A"}))
    ['A', 'B']
    """
    found: set[str] = set()
    while names:
        found |= names
        text = "".join(str(components[name]) for name in names)
        names = set(REFERENCE.findall(text)) - found
    return found


def operation(route: Route, of: dict[type[Any], dict[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": route.description + (f" Scope: `{route.scope}`." if route.scope else ""),
        "tags": [route.path.split("/")[2] if route.path.startswith("/api/") else route.path.split("/")[1]],
        "security": [{"key": []}, {"cookie": []}] if route.scope else [],
        "parameters": [*path_parameters(route), *query_parameters(route)],
        "responses": responses(route, of),
    }
    if route.takes is not None:
        schemas = [of[struct] for struct in bodies(route)]
        media_type = NDJSON if isinstance(route.takes, tuple) else JSON
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        described["requestBody"] = {
            "required": not route.takes_nothing,
            "content": {media_type: {"schema": schema, "example": route.example_body}},
        }
    return described


def path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_PARAMETERS[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in PATH_PARAMETER.findall(route.path)
    ]


def query_parameters(route: Route) -> list[dict[str, Any]]:
    known = params.properties(route.asks)
    if route.reads:
        known = {**known, "commit": {"type": "string", "description": COMMIT}}
    return [query_parameter(name, schema) for name, schema in known.items()]


def query_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    needed = "minLength" in schema or "minItems" in schema
    hidden = ("description", "default") if needed else ("description",)
    shown = {key: value for key, value in schema.items() if key not in hidden}
    described = {"name": name, "in": "query", "required": needed, "schema": shown}
    return described | ({"description": schema["description"]} if "description" in schema else {})


def responses(route: Route, of: dict[type[Any], dict[str, Any]]) -> dict[str, Any]:
    """The answer, and the errors that a client can meet."""
    content: dict[str, dict[str, Any]] = {}
    if isinstance(route.gives, str):
        content[route.gives] = {"example": route.example}
    else:
        schemas = [of[struct] for struct in answers(route)]
        content[JSON] = {
            "schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas},
            "example": route.example,
        }
    for media_type in route.gives_too:
        content.setdefault(media_type.partition(";")[0], {})
    described: dict[str, Any] = {"200": {"description": "Done.", "content": content}}
    if route.scope is not None and route.method != "GET":
        described["200"]["headers"] = {
            "X-Commit": {"description": "The token of this write.", "schema": {"type": "string"}}
        }
    for status in sorted({*route.errors, *usual(route)}):
        described[str(status)] = error_response(status, of)
    return described


def usual(route: Route) -> set[int]:
    """The errors that a route can meet by its kind."""
    statuses = {401, 403, 429, 431, 503} if route.scope else {403, 431}
    if route.method != "GET":
        statuses |= {408, 413, 503}
    if route.reads or route.takes is not None or params.properties(route.asks):
        statuses |= {400}
    return statuses


def answers(route: Route) -> tuple[type[Any], ...]:
    """The structs of the answer; none where it is no JSON of ours."""
    if isinstance(route.gives, tuple):
        return route.gives
    return () if isinstance(route.gives, str) else (route.gives,)


def bodies(route: Route) -> tuple[type[Any], ...]:
    """The struct of the body; of a body of lines those that a line can be."""
    if isinstance(route.takes, tuple):
        return route.takes
    return () if route.takes is None else (route.takes,)


def error_response(status: int, of: dict[type[Any], dict[str, Any]]) -> dict[str, Any]:
    if status == 304:
        return {"description": ERRORS[status]}
    content = {JSON: {"schema": of[Error], "example": {"error": ERRORS[status].partition(":")[0]}}}
    return {"description": ERRORS[status], "content": content}


def our_version() -> str:
    try:
        return version("backscroll")
    except PackageNotFoundError:  # run from the source tree
        return "0"
