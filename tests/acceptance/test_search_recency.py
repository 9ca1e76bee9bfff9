"""What was said lately comes before what is as good and older."""

from __future__ import annotations

import time

import httpx
import pytest
from asking import search

DAY_MS = 86_400_000


def test_it_lets_what_is_new_win_where_all_else_is_equal(api: httpx.Client) -> None:
    """The same words today and long ago: today's come first, unless age is to make no difference, and `explain` says by how much."""
    today_ms = time.time_ns() // 1_000_000
    said = [("old", today_ms - 900 * DAY_MS), ("new", today_ms), ("between", today_ms - 30 * DAY_MS)]
    sent = api.post(
        "/sync/batch",
        json={
            "messages": [
                {"sessionExternalId": name, "externalId": name, "role": "user", "textContent": "Restart the gramophone.", "createdAt": at}
                for name, at in said
            ]
        },
    )  # fmt: skip
    api.headers["X-After"] = sent.headers["x-commit"]
    told = search(api, "gramophone", groupBy="message", explain=True)["results"]
    assert [hit["messageExternalId"] for hit in told] == ["new", "between", "old"]
    assert [hit["explain"]["recency"] for hit in told] == pytest.approx([0.1, 0.05, 0.0], abs=1e-3)
    ageless = search(api, "gramophone", groupBy="message", explain=True, recency=False)["results"]
    assert [hit["messageExternalId"] for hit in ageless] == ["old", "new", "between"]
    assert {hit["explain"]["recency"] for hit in ageless} == {0.0}
