"""Pages of a search: one ranking, each result once, whatever arrives and goes meanwhile."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from asking import externals, search
from http_service import HttpService

TOTAL = 60


@pytest.fixture
def many(api: httpx.Client) -> httpx.Client:
    """Sixty messages in as many sessions, all with one word."""
    messages = [
        {
            "sessionExternalId": f"s{n}",
            "externalId": f"m{n}",
            "role": "user",
            "textContent": f"kettle {'x ' * n}",
        }
        for n in range(TOTAL)
    ]
    api.headers["X-After"] = api.post("/sync/batch", json={"messages": messages}).headers["x-commit"]
    return api


@pytest.mark.parametrize("group_by", ["session", "message"])
def test_it_pages_through_one_ranking(many: httpx.Client, group_by: str) -> None:
    """Pages together are the whole ranking, though messages arrive and go meanwhile; the last has no cursor."""
    whole = externals(search(many, "kettle", groupBy=group_by, limit=1000))
    assert len(set(whole)) == TOTAL
    seen: list[str] = []
    asked: dict[str, Any] = {"q": "kettle", "groupBy": group_by, "limit": 7}
    while True:
        page = search(many, **asked)
        assert page["total"] == TOTAL
        seen += externals(page)
        many.post(
            "/sync/message",
            json={
                "sessionExternalId": f"new{len(seen)}",
                "externalId": "m",
                "role": "user",
                "textContent": "kettle kettle",
            },
        )
        if "nextCursor" not in page:
            break
        asked["cursor"] = page["nextCursor"]
    assert seen == whole


def test_it_shows_nothing_that_was_deleted(many: httpx.Client) -> None:
    """What was deleted since the ranking was made is left out of its pages."""
    first = search(many, "kettle", limit=1)
    rest = externals(search(many, "kettle", limit=1000))[1:]
    many.delete(f"/api/sessions/{rest[0]}")
    second = search(many, "kettle", limit=2, cursor=first["nextCursor"])
    assert externals(second) == rest[1:2]


def test_it_refuses_a_cursor_of_another_search(service: HttpService, many: httpx.Client) -> None:
    """A cursor with another query, or in another workspace, is 400."""
    cursor = search(many, "kettle", limit=1)["nextCursor"]
    assert many.post("/search", json={"q": "pot", "limit": 1, "cursor": cursor}).status_code == 400
    with service.client() as stranger:
        assert stranger.post("/search", json={"q": "kettle", "limit": 1, "cursor": cursor}).status_code == 400
    assert many.get("/api/search", params={"q": "kettle", "limit": 1, "cursor": cursor}).status_code == 200
