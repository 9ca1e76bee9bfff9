"""OWASP API3:2023, broken object property level authorization: a write sets what its route names, and a reading shows it.

That no answer has a field which /schema lacks stands in test_schema_api.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from resting import missing

RESTS_ON = [
    "test_schema_api.test_it_has_every_field_that_is_answered",
]


def test_it_rests_on_tests_that_are_there() -> None:
    """What this file does not ask again is asked there."""
    assert missing(RESTS_ON) == []


SESSION = {
    "id": "s1", "workspaceId": 1, "workspace_id": 1, "userId": 1, "user_id": 1, "owner": "root", "slug": "chosen", "isPublic": True,
    "is_public": True, "evalReady": True, "evalStatus": "golden", "expectedOutput": "x", "notes": "x", "tags": ["x"],
    "messageCount": 99, "totalTokens": 99, "updatedAt": 1, "seq": 7, "costKnown": True, "changedXid": 1, "provisional": True,
}  # fmt: skip
KEPT = ("id", "isPublic", "evalReady", "tags", "messageCount", "totalTokens", "costKnown")


def read(api: httpx.Client) -> dict[str, Any]:
    session: dict[str, Any] = api.get("/api/sessions/one").json()["session"]
    return session


@pytest.mark.parametrize("path", ["/sync/session", "/sync/batch", "/api/import"])
def test_it_sets_no_label_and_no_owner_by_a_sync(api: httpx.Client, path: str) -> None:
    """Who only sends cannot share, label, number or give away a session: such fields are not known there."""
    assert api.post("/sync/session", json={"externalId": "one", "source": "pi"}).status_code == 200
    before = read(api)
    item = {"externalId": "one", "source": "pi", **SESSION}
    bodies: dict[str, Any] = {
        "/sync/session": item,
        "/sync/batch": {"sessions": [item]},
        "/api/import": {"type": "session", **item},
    }
    assert api.post(path, json=bodies[path]).status_code == 200
    after = read(api)
    assert {name: after[name] for name in KEPT} == {name: before[name] for name in KEPT}
    assert not {"slug", "notes", "evalStatus", "expectedOutput", "workspaceId", "userId"} & after.keys()


def test_it_patches_labels_and_nothing_else(api: httpx.Client) -> None:
    """PATCH with every field of a session: its labels change; ids, source, counts and times are the tables' own."""
    sent = {"externalId": "one", "source": "pi", "promptTokens": 5, "createdAt": 1_700_000_000_000}
    api.post("/sync/session", json=sent)
    before = read(api)
    answer = api.patch(
        "/api/sessions/one",
        json={**SESSION, "externalId": "two", "source": "aider", "promptTokens": 1, "createdAt": 1},
    )
    assert answer.status_code == 200
    after = read(api)
    named = ("id", "externalId", "source", "promptTokens", "totalTokens", "messageCount", "createdAt", "cost")
    assert {name: after[name] for name in named} == {name: before[name] for name in named}
    assert (after["isPublic"], after["evalReady"], after["tags"], after["notes"]) == (True, True, ["x"], "x")
    assert after["slug"] != "chosen"


def test_it_moves_no_message(api: httpx.Client) -> None:
    """PATCH of a message labels it: neither its text nor its session is the patcher's to choose."""
    for session in ("one", "two"):
        api.post(
            "/sync/message",
            json={"sessionExternalId": session, "externalId": "m", "role": "user", "textContent": session},
        )
    (message,) = api.get("/api/sessions/one").json()["messages"]
    api.patch(
        f"/api/messages/{message['id']}",
        json={"sessionId": "s2", "sessionExternalId": "two", "textContent": "x", "role": "system", "seq": 5},
    )
    assert api.get("/api/sessions/one").json()["messages"] == [message]
