"""/schema: OpenAPI 3.1 of what the service takes and answers, with examples that are true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from service.api.about.openapi import answers
from service.api.gate.routes import Route
from service.app import ROUTES

SPECS: list[Route] = [handler.opt["route"] for handler in ROUTES]
KEYS = {"openapi", "info", "paths", "components"}


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


@pytest.fixture
def schema(api: httpx.Client) -> dict[str, Any]:
    read: dict[str, Any] = api.get("/schema", headers={"Authorization": ""}).json()
    return read


def test_it_is_openapi(schema: dict[str, Any]) -> None:
    """The required members are there, every reference leads somewhere, every operation has a name of its own."""
    assert schema.keys() >= KEYS
    assert schema["openapi"] == "3.1.0"
    references = {node["$ref"] for node in nodes(schema) if "$ref" in node}
    assert references == {f"#/components/schemas/{name}" for name in schema["components"]["schemas"]}
    operations = [operation for methods in schema["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(SPECS)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.method} {spec.path}")
def test_it_describes_every_route(schema: dict[str, Any], spec: Route) -> None:
    """Description, every path parameter, a schema and an example of the answer, the key, and the errors."""
    operation = schema["paths"][spec.path][spec.method.lower()]
    assert operation["description"]
    in_path = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", spec.path))
    kinds = operation["responses"]["200"]["content"]
    kind, content = next(iter(kinds.items()))
    assert {kind, *(each.partition(";")[0] for each in spec.gives_too)} == kinds.keys()
    assert "example" in content
    assert ("schema" in content) == (not isinstance(spec.gives, str)), kind
    assert bool(operation["security"]) == (spec.scope is not None)
    assert spec.scope is None or {"401", "403", "429", "503"} <= operation["responses"].keys()
    assert ("requestBody" in operation) == (spec.method in ("POST", "PUT", "PATCH"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.method} {spec.path}")
def test_it_shows_examples_that_fit(spec: Route) -> None:
    """The examples are of the types that the schema says."""
    for struct in answers(spec)[:1]:
        msgspec.json.decode(msgspec.json.encode(spec.example), type=struct)


def test_it_takes_its_own_examples(api: httpx.Client) -> None:
    """Bodies as the schema shows them are accepted, and a search as it shows finds what they brought."""
    for spec in SPECS:
        if spec.example_body is not None and spec.path.startswith("/sync/"):
            answer = api.request(spec.method, spec.path, json=spec.example_body)
            assert answer.status_code == 200, spec.path
            assert answer.json().keys() == spec.example.keys()
    said = {
        "sessionExternalId": "ses_4a1f",
        "externalId": "said",
        "role": "assistant",
        "textContent": "Done.",
    }
    answer = api.post("/sync/message", json=said)
    message = api.get("/api/sessions/ses_4a1f").json()["messages"][0]["id"]
    api.get("/api/search", params={"q": "limiter", "commit": answer.headers["x-commit"]}).raise_for_status()
    # First what marks sessions and saves a search: the routes behind it name them.
    later = [spec for spec in SPECS if spec.example_body is not None and not spec.path.startswith("/sync/")]
    ids = {"/api/sessions/{id}": "ses_4a1f", "/api/messages/{id}": message}
    for spec in sorted(later, key=lambda spec: spec.path not in ("/api/evals/labels", "/api/searches")):
        body = {**spec.example_body} if isinstance(spec.example_body, dict) else spec.example_body
        if "message" in body:
            body["message"] = message
        path = spec.path.replace("{id}", ids.get(spec.path, ids.get("saved", "")))
        answer = api.request(spec.method, path, json=body)
        assert answer.status_code == 200, f"{spec.path} {answer.text}"
        if spec.path == "/api/searches":
            ids["saved"] = answer.json()["search"]["id"]


ASKED = {"/api/live": {"q": "stats", "once": "true"}, "/api/export/evals": {"ids": "x"}}
"""Where other parameters are asked for than q and id."""


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.method == "GET"], ids=lambda spec: spec.path)
def test_it_has_every_field_that_is_answered(api: httpx.Client, spec: Route) -> None:
    """What a route answers has no field that its schema lacks."""
    api.post(
        "/sync/batch",
        json={
            "sessions": [{"externalId": "x"}],
            "messages": [
                {"sessionExternalId": "x", "externalId": "m", "role": "user", "textContent": "Why?"},
                {"sessionExternalId": "x", "externalId": "n", "role": "assistant", "textContent": "So."},
            ],
        },
    )
    slug = api.patch("/api/sessions/x", json={"isPublic": True}).json()["session"]["slug"]
    api.patch("/api/sessions/x", json={"evalReady": True})
    saved = api.post("/api/searches", json={"name": "x", "search": {"q": "x"}}).json()
    id = saved["search"]["id"] if spec.path.startswith("/api/searches") else "x"
    path = spec.path.replace("{id}", id).replace("{slug}", slug)
    answer = api.get(path, params=ASKED.get(spec.path, {"q": "x", "id": "x"}) if "{" not in spec.path else {})
    assert answer.status_code == 200, answer.text
    if answer.headers["content-type"].startswith(("text/event-stream", "application/x-ndjson")):
        return
    for struct in answers(spec)[:1]:
        known = msgspec.json.decode(answer.content, type=struct)
        assert msgspec.json.encode(known) == answer.content
