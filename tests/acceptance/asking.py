"""Searching in one word, for the tests of search."""

from __future__ import annotations

from typing import Any

import httpx


def search(api: httpx.Client, q: str, **asked: Any) -> dict[str, Any]:
    answer = api.post("/search", json={"q": q, **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def externals(found: dict[str, Any]) -> list[str]:
    return [each.get("messageExternalId", each.get("externalId")) for each in found["results"]]
