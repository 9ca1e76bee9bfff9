"""OWASP API4:2023, unrestricted resource consumption: everything that a caller chooses the size of has a bound."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from resting import missing

from service.api.gate.params import properties
from service.api.gate.routes import Route
from service.app import ROUTES

SPECS: list[Route] = [handler.opt["route"] for handler in ROUTES]

RESTS_ON = [
    "test_slow_clients.test_it_refuses_a_body_that_does_not_fit_beside_the_others_before_it_is_read",
    "test_slow_clients.test_it_refuses_requests_above_what_it_can_answer_and_not_its_watchers",
    "test_slow_clients.test_it_lets_go_of_clients_that_do_not_take_their_answer",
    "test_slow_clients.test_it_does_not_wait_for_a_body_for_ever",
    "test_http_edge.test_it_refuses_large_bodies",
    "test_http_edge.test_it_limits_a_key_that_comes_through_a_proxy",
    "test_hostile_bodies.test_it_answers_hostile_values_in_every_field",
]


def test_it_rests_on_tests_that_are_there() -> None:
    """What this file does not ask again is asked there."""
    assert missing(RESTS_ON) == []


def bounded(schema: dict[str, Any]) -> bool:
    """Whether a parameter can be of any size that its caller likes."""
    if "anyOf" in schema:
        return all(map(bounded, schema["anyOf"]))
    bound = {
        "string": ("maxLength", "enum", "pattern"),
        "integer": ("maximum",),
        "number": ("maximum",),
        "array": ("maxItems", "enum"),
    }
    needed = bound.get(schema.get("type", ""), ())
    return not needed or any(name in schema or name in schema.get("items", {}) for name in needed)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.method} {spec.path}")
def test_it_bounds_every_parameter(spec: Route) -> None:
    """Texts have a length, numbers a maximum, lists a count; a commit token is checked by its form."""
    assert [
        name for name, schema in properties(spec.asks).items() if name != "commit" and not bounded(schema)
    ] == []


@pytest.mark.parametrize(
    "asked",
    ["limit=1001", "limit=1e30", "limit=-1", "cursor=" + "x" * 5000, "tz=" + "x" * 101, "q=" + "x" * 1001,
     "&".join(["tag=x"] * 201), "&".join(f"x{n}=1" for n in range(1001))],
)  # fmt: skip
def test_it_refuses_what_is_out_of_bounds(api: httpx.Client, asked: str) -> None:
    """400 with the parameter's name and what it takes, before anything is looked up."""
    answer = api.get(f"/api/sessions?{asked}")
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_it_searches_for_hostile_queries_in_good_time(api: httpx.Client) -> None:
    """Ten thousand words, quotes, operators or brackets are a query as any other: answered, well within a statement's time."""
    for query in (
        "word " * 2000,
        '"' * 5000,
        "-" * 5000,
        "(" * 5000,
        "a* " * 3000,
        "tool:x " * 1500,
        "x" * 10_000,
        "NOT AND OR " * 900,
    ):
        answer = api.post("/api/search", json={"q": query, "facets": ["source", "tool", "day"]}, timeout=10)
        assert answer.status_code == 200, query[:20]
