"""Totals, facets and pages over thousands of matches, against a count by hand."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import httpx
import pytest

MESSAGES, SESSIONS = 5_000, 120
NEW_YEAR_MS, HOUR_MS = 1_767_225_600_000, 3_600_000
SOURCES, MODELS, ROLES, TOOLS = (
    ("pi", "aider", "opencode"),
    ("m1", "m2"),
    ("user", "assistant"),
    ("Bash", "Read", "Edit"),
)


def corpus() -> list[dict[str, Any]]:
    """Messages that all say `kettle`; every third says `copper` too."""
    dice = random.Random(7)
    return [
        {
            "sessionExternalId": f"s{dice.randrange(SESSIONS)}",
            "externalId": f"m{number}",
            "role": dice.choice(ROLES),
            "model": dice.choice(MODELS),
            "textContent": f"kettle {'copper' if number % 3 == 0 else 'iron'} {number}",
            "createdAt": NEW_YEAR_MS + number * HOUR_MS // 20,
            "parts": [{"type": "tool-call", "content": {"toolName": dice.choice(TOOLS), "args": {}}}] if number % 2 else [],
        }
        for number in range(MESSAGES)
    ]  # fmt: skip


def source_of(message: dict[str, Any]) -> str:
    return SOURCES[int(message["sessionExternalId"][1:]) % len(SOURCES)]


@pytest.fixture
def kettles(api: httpx.Client) -> tuple[httpx.Client, list[dict[str, Any]]]:
    messages = corpus()
    sessions = [
        {"externalId": f"s{n}", "source": SOURCES[n % len(SOURCES)], "projectName": f"p{n % 5}"}
        for n in range(SESSIONS)
    ]
    api.post("/sync/batch", json={"sessions": sessions})
    for first in range(0, MESSAGES, 1_000):
        answer = api.post("/sync/batch", json={"messages": messages[first : first + 1_000]})
        assert answer.json()["messages"] == 1_000
    api.headers["X-After"] = answer.headers["x-commit"]
    return api, messages


def values(message: dict[str, Any], facet: str) -> list[str]:
    match facet:
        case "source":
            return [source_of(message)]
        case "project":
            return [f"p{int(message['sessionExternalId'][1:]) % 5}"]
        case "tool":
            return [part["content"]["toolName"] for part in message["parts"]]
        case "day":
            return [f"2026-01-{1 + (message['createdAt'] - NEW_YEAR_MS) // (24 * HOUR_MS):02}"]
        case _:
            return [message[facet]]


@pytest.mark.parametrize("group_by", ["session", "message"])
@pytest.mark.parametrize(
    ("q", "filter", "keeps"),
    [
        ("kettle", {}, lambda message: True),
        ("copper", {"role": "user", "source": ["pi", "aider"]}, lambda m: m["role"] == "user" and source_of(m) != "opencode"),
        ("kettle -source:pi -tool:Bash -role:user", {}, lambda m: source_of(m) != "pi" and m["role"] != "user" and values(m, "tool") != ["Bash"]),
        ("kettle -iron", {"tool": "Bash"}, lambda m: values(m, "tool") == ["Bash"]),
    ],
)  # fmt: skip
def test_it_counts_what_a_count_by_hand_counts(
    kettles: tuple[httpx.Client, list[dict[str, Any]]],
    group_by: str,
    q: str,
    filter: dict[str, Any],
    keeps: Any,
) -> None:
    """Total and every facet over up to 5,000 matches, in sessions and in messages, are exact; pages hold them all once."""
    api, messages = kettles
    copper = "copper" in q or "-iron" in q
    matching = [m for m in messages if keeps(m) and (not copper or "copper" in m["textContent"])]
    unit = "sessionExternalId" if group_by == "session" else "externalId"
    facets = ["source", "project", "model", "role", "tool", "day"]
    asked: dict[str, Any] = {"q": q, "filter": filter, "groupBy": group_by, "limit": 900, "facets": facets}
    found = api.post("/search", json=asked).json()

    assert found["total"] == len({m[unit] for m in matching})
    for facet in facets:
        pairs = {(value, m[unit]) for m in matching for value in values(m, facet)}
        assert {each["value"]: each["count"] for each in found["facets"][facet]} == Counter(
            value for value, _ in pairs
        )

    seen = [each.get("messageExternalId", each.get("externalId")) for each in found["results"]]
    while "nextCursor" in found:
        found = api.post("/search", json=asked | {"cursor": found["nextCursor"]}).json()
        seen += [each.get("messageExternalId", each.get("externalId")) for each in found["results"]]
    assert sorted(seen) == sorted({m[unit] for m in matching})
