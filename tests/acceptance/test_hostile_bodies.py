"""Every route that takes a body, sent what no client should send: an answer of ours, never a fault of ours.

The routes come from the route table, so that a later one is tried too.
"""

from __future__ import annotations

import json
from typing import Any

import hostile_json
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.about import openapi
from service.api.gate.params import properties
from service.api.gate.routes import Route
from service.app import ROUTES

SPECS: list[Route] = [handler.opt["route"] for handler in ROUTES]
TAKING = [spec for spec in SPECS if spec.takes is not None]
UNREAD = [spec for spec in SPECS if spec.takes is None and spec.method != "GET"]
SESSION, MESSAGE = "ses_4a1f", "msg_4a1f_0"
LONGEST_ERROR = 700


def name_of(spec: Route) -> str:
    return f"{spec.method} {spec.path}"


fuzzed = settings(max_examples=25, deadline=None)
routes = pytest.mark.parametrize("spec", TAKING, ids=name_of)


@pytest.fixture
def api(api: httpx.Client) -> httpx.Client:
    """A client of a workspace that has the session and the message which the examples name."""
    planted(api)
    return api


def planted(api: httpx.Client) -> str:
    """The commit token of what is there then, be it for the second time."""
    for spec in SPECS:
        if spec.path in ("/sync/session", "/sync/message"):
            answer = api.post(spec.path, json=spec.example_body)
            assert answer.status_code == 200
    return answer.headers["X-Commit"]


def send(api: httpx.Client, spec: Route, body: bytes, *, kind: bytes = b"application/json") -> httpx.Response:
    """Ask, and hold the answer against what every answer must be."""
    path = spec.path.replace("/api/sessions/{id}", f"/api/sessions/{SESSION}")
    if "{id}" in path:
        path = path.replace("{id}", api.get(f"/api/sessions/{SESSION}").json()["messages"][0]["id"])
    assert "{" not in path, "say here what the new route's path names"
    headers = {b"Content-Type": kind}
    if spec.scope is None:
        headers[b"Authorization"] = b""  # with a key in the header no body is read
    answer = api.request(spec.method, path, content=body, headers=headers)
    allowed = {200, 400, 413} | ({401} if spec.scope is None else set()) | ({404, 409} & {*spec.errors})
    assert answer.status_code in allowed, f"{answer.status_code} {answer.text[:200]} for {body[:200]!r}"
    if answer.status_code != 200:
        error = answer.json()["error"]
        assert isinstance(error, str)
        assert 0 < len(error) < LONGEST_ERROR
        assert "\n" not in error
    return answer


def fields(spec: Route) -> list[str]:
    """The members that a body of this route may have, by its declaration."""
    return sorted({name for struct in openapi.bodies(spec) for name in properties(struct)})


@routes
def test_it_answers_bodies_that_are_no_json_of_ours(api: httpx.Client, spec: Route) -> None:
    """Empty, cut, no UTF-8, no object, too deep, too many members: 400, 413, or read for what it is; never 500."""
    for name, body in hostile_json.bodies(spec.example_body):
        answer = send(api, spec, body)
        if name in ("open deep", "single quotes", "NUL bytes", "cut at 4/8"):
            refused = answer.json().get("errors") if spec.path == "/api/import" else answer.status_code != 200
            assert refused, name


@routes
def test_it_answers_hostile_values_in_every_field(api: httpx.Client, spec: Route) -> None:
    """Each field of the body with hostile values: 200 or 400 in a sentence, and what is there stays readable.

    A fifth of the pairs of field and value: each value stands in several fields, and each field holds several values.
    """
    for n, name in enumerate(fields(spec)):
        for text in list(hostile_json.VALUES.values())[n % 5 :: 5]:
            send(api, spec, hostile_json.with_field(spec.example_body, name, text))
    read_all(api)


@routes
def test_it_answers_a_field_that_stands_twice(api: httpx.Client, spec: Route) -> None:
    """A second member of the same name, good or bad: one of them counts, or the body is refused."""
    for name in fields(spec):
        send(api, spec, hostile_json.doubled(spec.example_body, name, "null"))
        send(api, spec, hostile_json.doubled(spec.example_body, name, "1e400"))
    read_all(api)


@routes
def test_it_answers_any_json(api: httpx.Client, spec: Route) -> None:
    """Any JSON at all, as the body or as some of its fields: 200 or 400; and what is there stays readable."""
    names = st.sampled_from([*fields(spec), "constructor", "__proto__", ""]) | hostile_json.texts

    @fuzzed
    @given(st.dictionaries(names, hostile_json.anything, max_size=4), st.none() | hostile_json.anything)
    def answers(fields: dict[str, Any], whole: Any) -> None:
        send(api, spec, json.dumps(spec.example_body | fields if whole is None else whole).encode())

    answers()
    read_all(api)


@routes
def test_it_answers_any_bytes(api: httpx.Client, spec: Route) -> None:
    """A good body with bytes put in, taken out or exchanged: an answer of ours; what is there stays readable."""
    good = json.dumps(spec.example_body).encode()
    places = st.integers(0, len(good))

    @fuzzed
    @given(st.lists(st.tuples(places, st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=4))
    def answers(changes: list[tuple[int, int, bytes]]) -> None:
        body = good
        for at, gone, come in changes:
            body = body[:at] + come + body[at + gone :]
        send(api, spec, body)

    answers()
    read_all(api)


@pytest.mark.parametrize("spec", UNREAD, ids=name_of)
def test_it_reads_no_body_where_none_is_taken(api: httpx.Client, spec: Route) -> None:
    """What a route does not take is no fault of its own: it answers as without."""
    answer = send(api, spec, b"[" * 10_000)
    assert answer.status_code == (404 if spec.path.startswith("/api/searches/") else 200)


@routes
def test_it_does_not_mind_the_content_type(api: httpx.Client, spec: Route) -> None:
    """A body is read as what the route takes, whatever it is called: clients call it many things."""
    body = json.dumps(spec.example_body).encode()
    send(api, spec, body)
    found = api.get("/api/search", params={"q": "x", "type": "fulltext", "commit": planted(api)})
    assert found.status_code == 200  # what searches finds the same from now on
    usual = send(api, spec, body)
    for kind in (b"text/plain", b"application/xml", b"multipart/form-data; boundary=x", b"", b"\xff"):
        answer = send(api, spec, body, kind=kind)
        assert answer.status_code == usual.status_code


def read_all(api: httpx.Client) -> None:
    """All that was stored can be read: lists, each session with its messages, the sums, a search."""
    listed = api.get("/api/sessions", params={"limit": 100})
    assert listed.status_code == 200
    for session in listed.json()["sessions"]:
        read = api.get(f"/api/sessions/{session['id']}")
        assert read.status_code == 200
        read.content.decode()
    for path in ("/api/stats", "/sync/sessions/list", "/api/import/files", "/api/search?q=limiter"):
        assert api.get(path).status_code == 200, path


def test_it_tries_every_route_with_a_body() -> None:
    """The table here is the table of the app, and each example is a body that can be varied."""
    assert {name_of(spec) for spec in TAKING + UNREAD} == {
        name_of(spec) for spec in SPECS if spec.method != "GET"
    }
    assert all(isinstance(spec.example_body, dict) for spec in TAKING)
