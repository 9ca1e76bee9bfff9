"""What is similar, what is folded, and what a score is made of, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from asking import externals, search

PASTED = "Please follow these rules about kettles: " + " ".join(f"rule{n}" for n in range(40))

KETTLES = 170


@pytest.fixture
def library(api: httpx.Client) -> httpx.Client:
    """A text that was pasted into five sessions, slightly changed; two sessions about cookies; one about pasta."""
    pasted = [said(f"p{n}", 0, f"{PASTED} {n}") for n in range(5)]
    others = [
        said("c1", 0, "The login cookie was strict, so the callback lost it"),
        said("c1", 1, "Lax fixed the cookie"),
        said("c2", 0, "Why does the login callback lose its cookie?"),
        said("d", 0, "Pasta with tomatoes"),
    ]
    api.headers["X-After"] = api.post("/sync/batch", json={"messages": pasted + others}).headers["x-commit"]
    return api


@pytest.fixture
def kettles(api: httpx.Client) -> httpx.Client:
    """More messages about the same than a search has candidates, four in each session."""
    messages = [said(f"k{k}", n, f"A copper kettle {k}") for k in range(KETTLES) for n in range(4)]
    api.headers["X-After"] = api.post("/sync/batch", json={"messages": messages}).headers["x-commit"]
    return api


def said(session: str, n: int, text: str) -> dict[str, Any]:
    return {"sessionExternalId": session, "externalId": f"{session}-{n}", "role": "user", "textContent": text}


def test_it_folds_what_says_nearly_the_same(library: httpx.Client) -> None:
    """With `fold` one hit stands for all, with their number and ids; the total counts each; without it each is shown."""
    assert len(search(library, "kettles", groupBy="message")["results"]) == 5
    found = search(library, "kettles cookie", groupBy="message", fold=True, limit=5)
    told = {each["messageExternalId"]: each.get("alike", {}).get("count", 0) for each in found["results"]}
    assert sorted(told.values()) == [0, 0, 0, 4]
    (folded,) = (each for each in found["results"] if "alike" in each)
    assert len({folded["messageId"], *folded["alike"]["messageIds"]}) == 5
    assert found["total"] == 8
    assert "nextCursor" not in found


def test_it_goes_on_behind_what_was_folded(library: httpx.Client) -> None:
    """Pages of folded hits neither repeat nor skip."""
    seen: list[str] = []
    asked: dict[str, Any] = {"q": "kettles cookie", "groupBy": "message", "fold": True, "limit": 2}
    while True:
        page = search(library, **asked)
        for hit in page["results"]:
            seen += [hit["messageId"], *hit.get("alike", {}).get("messageIds", [])]
        if "nextCursor" not in page:
            break
        asked["cursor"] = page["nextCursor"]
    assert len(seen) == len(set(seen)) == 8


def test_it_finds_what_is_like_a_message_a_session_or_a_text(library: httpx.Client) -> None:
    """By words and meaning; the session itself is left out."""
    hit = search(library, "strict callback", groupBy="message")["results"][0]
    for asked in ({"message": hit["messageId"]}, {"session": "c1"}, {"session": hit["sessionId"]}):
        assert externals(similar(library, **asked)) == ["c2"]
    assert set(externals(similar(library, text="a cookie for the login"))) == {"c1", "c2"}
    assert externals(similar(library, text="a cookie", groupBy="message", limit=1))
    assert externals(similar(library, text="cookie", filter={"session": "c2"})) == ["c2"]


@pytest.mark.parametrize(
    "asked", [{"session": "k0"}, {"text": "A kettle of copper"}, {"session": "k0", "type": "fulltext"}]
)
@pytest.mark.parametrize(("group_by", "of_one"), [("session", 1), ("message", 4)])
def test_it_pages_through_all_that_is_similar(
    kettles: httpx.Client, asked: dict[str, Any], group_by: str, of_one: int
) -> None:
    """Pages together are as many as `total` says, each once, though that is more than the candidates; none is of the session itself."""
    asked = asked | {"groupBy": group_by, "limit": 150}
    seen: list[str] = []
    while True:
        page = similar(kettles, **asked)
        seen += externals(page)
        if "nextCursor" not in page:
            break
        asked["cursor"] = page["nextCursor"]
    others = KETTLES - ("session" in asked)
    assert len(seen) == len(set(seen)) == page["total"] == others * of_one
    assert "text" in asked or not {"k0", "k0-0"} & set(seen)
    assert "nextCursor" not in similar(kettles, **asked | {"cursor": None, "limit": 1000})


def test_it_refuses_a_cursor_of_something_else(kettles: httpx.Client) -> None:
    """A cursor is good for what it was given for; one of another seed, or of none, is 400 and never passed over."""
    cursor = similar(kettles, session="k0", limit=1)["nextCursor"]
    for asked in (
        {"session": "k1"},
        {"message": "m1"},
        {"text": "k0"},
        {"session": "k0", "groupBy": "message"},
    ):
        assert kettles.post("/api/similar", json={**asked, "limit": 1, "cursor": cursor}).status_code in (
            400,
            404,
        )
    answer = kettles.post("/api/similar", json={"session": "k0", "cursor": "abc"})
    assert (answer.status_code, answer.json()["error"].split()[0]) == (400, "cursor")


def similar(api: httpx.Client, **asked: Any) -> dict[str, Any]:
    answer = api.post("/api/similar", json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("asked", "status", "sentence"),
    [
        ({}, 400, "Give one of message (an id), session (an id or external id) and text."),
        (
            {"text": "x", "session": "c1"},
            400,
            "Give one of message (an id), session (an id or external id) and text.",
        ),
        ({"text": " "}, 400, "Give one of message (an id), session (an id or external id) and text."),
        ({"message": "m999999"}, 404, "Message not found"),
        ({"session": "nobody"}, 404, "Session not found"),
    ],
)
def test_it_says_what_it_cannot_compare(
    api: httpx.Client, asked: dict[str, Any], status: int, sentence: str
) -> None:
    """400 and 404 with a sentence."""
    answer = api.post("/api/similar", json=asked)
    assert (answer.status_code, answer.json()["error"]) == (status, sentence)


def test_it_tells_the_weights(library: httpx.Client) -> None:
    """`explain` tells what the parts of each score were multiplied with."""
    weights = search(library, "cookie", explain=True)["weights"]
    assert weights["text"] + weights["vector"] == pytest.approx(1)
    assert (weights["neighbour"], weights["session"]) == (0.3, 0.3)
    assert "weights" not in search(library, "cookie")
