"""Messages over HTTP: pages, pages around a hit, labels, deletion; and what is shared with anybody."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

COUNT = 25


@pytest.fixture
def talk(api: httpx.Client) -> list[dict[str, Any]]:
    """A session `talk` of 25 messages, as it reads back."""
    messages = [
        {
            "sessionExternalId": "talk",
            "externalId": f"m{n}",
            "role": "user",
            "textContent": f"text {n}",
            "createdAt": 1_700_000_000_000 + n // 5,
        }
        for n in range(COUNT)
    ]
    assert api.post("/sync/batch", json={"messages": messages}).json()["messages"] == COUNT
    read: list[dict[str, Any]] = api.get("/api/sessions/talk").json()["messages"]
    return read


def page(api: httpx.Client, **params: Any) -> dict[str, Any]:
    answer = api.get("/api/sessions/talk/messages", params=params)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def test_it_pages_in_order_while_messages_arrive(api: httpx.Client, talk: list[dict[str, Any]]) -> None:
    """Pages give every message once, though others are put before and behind meanwhile; `seq` counts from 0."""
    assert [message["seq"] for message in talk] == list(range(COUNT))
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 7}
    while True:
        answer = page(api, **params)
        seen += [message["externalId"] for message in answer["messages"]]
        early = {
            "sessionExternalId": "talk",
            "externalId": f"early{len(seen)}",
            "role": "user",
            "createdAt": 1_600_000_000_000,
        }
        api.post("/sync/message", json=early)
        if "nextCursor" not in answer:
            break
        params["cursor"] = answer["nextCursor"]
    assert seen == [f"m{n}" for n in range(COUNT)]


@pytest.mark.parametrize(
    ("place", "limit", "first", "count", "more"),
    [
        (12, 5, 10, 5, True),
        (0, 5, 0, 5, True),
        (24, 5, 22, 3, False),
        (12, 1, 12, 1, True),
        (12, 0, 12, 0, False),
        (12, 1000, 0, 25, False),
    ],
)
def test_it_opens_around_a_hit(
    api: httpx.Client, talk: list[dict[str, Any]], place: int, limit: int, first: int, count: int, more: bool
) -> None:
    """`around` puts the message in the middle of the page, and the cursor goes on behind it."""
    for ref in (talk[place]["id"], talk[place]["externalId"]):
        answer = page(api, around=ref, limit=limit)
        assert answer["messages"] == talk[first : first + count]
        assert ("nextCursor" in answer) is more
    if more:
        following = page(api, limit=3, cursor=answer["nextCursor"])
        assert following["messages"] == talk[first + count :][:3]


def test_it_says_what_is_not_there(api: httpx.Client, talk: list[dict[str, Any]]) -> None:
    """An unknown session, an unknown message, a message of another session: 404."""
    other = api.post(
        "/sync/message", json={"sessionExternalId": "other", "externalId": "o", "role": "user"}
    ).json()["messageId"]
    said = {
        path: (answer.status_code, answer.json()["error"])
        for path in (
            "/api/sessions/nope/messages",
            "/api/sessions/talk/messages?around=nope",
            f"/api/sessions/talk/messages?around={other}",
        )
        for answer in [api.get(path)]
    }
    assert list(said.values()) == [
        (404, "Session not found"),
        (404, "Message not found"),
        (404, "Message not found"),
    ]
    for id in ("m999999999", "talk", "m0", "m99999999999999999999"):
        assert api.patch(f"/api/messages/{id}", json={}).status_code == 404
        assert api.delete(f"/api/messages/{id}").status_code == 404


def test_it_labels_a_message(api: httpx.Client, talk: list[dict[str, Any]]) -> None:
    """PATCH sets notes, evalStatus and expectedOutput; `null` empties them."""
    path = f"/api/messages/{talk[3]['id']}"
    labelled = api.patch(path, json={"evalStatus": "incorrect", "notes": "n", "expectedOutput": "o"})
    assert labelled.headers["x-commit"]
    assert labelled.json()["message"] == talk[3] | {
        "evalStatus": "incorrect",
        "notes": "n",
        "expectedOutput": "o",
    }
    assert api.patch(path, json={"notes": None, "expectedOutput": ""}).json()["message"] == talk[3] | {
        "evalStatus": "incorrect"
    }
    assert api.patch(path, json={"evalStatus": "nice"}).status_code == 400


def test_it_deletes_a_message(api: httpx.Client, talk: list[dict[str, Any]]) -> None:
    """It is gone, the session counts one less, those behind it move up."""
    assert api.delete(f"/api/messages/{talk[0]['id']}").json() == {"ok": True, "id": talk[0]["id"]}
    answer = api.get("/api/sessions/talk").json()
    assert answer["session"]["messageCount"] == COUNT - 1
    assert [message["seq"] for message in answer["messages"]] == list(range(COUNT - 1))


def test_it_gives_parts_back_as_they_were(api: httpx.Client) -> None:
    """Each part in the form that OpenSync's readers know, with keys in their order and numbers as they were spelled."""
    parts = (
        '[{"type":"tool-call","content":{"toolName":"Edit","args":{"z":1.0,"a":1e2,"b":12345678901234567890}}},'
        '{"type":"tool-result","content":"12 passed"},{"type":"thinking","thinking":"hm"},{"type":"image","content":{"url":"x"}},{"type":"odd","x":1}]'
    )
    api.post(
        "/sync/message",
        content=f'{{"sessionExternalId":"p","externalId":"m","role":"assistant","parts":{parts}}}',
    )
    raw = api.get("/api/sessions/p/messages").text
    assert '"args":{"z":1.0,"a":1e2,"b":12345678901234567890}' in raw
    (message,) = api.get("/api/sessions/p/messages").json()["messages"]
    assert [part["type"] for part in message["parts"]] == [
        "tool-call",
        "tool-result",
        "reasoning",
        "image",
        "file",
    ]
    assert message["parts"][1]["content"] == {"result": "12 passed"}
    assert message["parts"][2]["content"] == {"text": "hm"}


@pytest.fixture
def shared(api: httpx.Client) -> str:
    """The path of a shared session that holds what should not be seen."""
    api.post(
        "/sync/batch",
        json={
            "sessions": [{"externalId": "pub", "title": "<b>Fix</b> /home/ann/shop", "projectPath": "/home/ann/shop", "projectName": "shop", "source": "pi"}],
            "messages": [
                {"sessionExternalId": "pub", "externalId": "m", "role": "user", "textContent": "see /home/ann/shop/a.ts <script>alert(1)</script>",
                 "parts": [{"type": "tool-call", "content": {"toolName": "Read", "args": {"path": "C:\\Users\\ann\\b.ts", "file": "/home/ann/shop/a.ts"}}}]}
            ],
        },
    )  # fmt: skip
    labels = {"isPublic": True, "notes": "private note", "expectedOutput": "expected secret"}
    session = api.patch("/api/sessions/pub", json=labels).json()["session"]
    return f"/s/{session['slug']}"


def test_it_shares_a_session_with_anybody(api: httpx.Client, shared: str) -> None:
    """Without a key; no paths, notes or owner, in the session or in its messages."""
    answer = api.get(shared, headers={"Authorization": ""})
    assert answer.status_code == 200
    assert set(answer.json()["session"]) == {"title", "source", "messageCount", "createdAt", "updatedAt"}
    (message,) = answer.json()["messages"]
    assert message["textContent"].startswith("see ./a.ts")
    assert message["parts"][0]["content"]["args"] == {"path": "~\\b.ts", "file": "./a.ts"}
    for secret in ("ann", "private note", "expected secret"):
        assert secret not in answer.text


def test_it_shows_browsers_a_page_in_which_nothing_runs(api: httpx.Client, shared: str) -> None:
    """The page is escaped, and its policy forbids everything but its own style."""
    answer = api.get(
        shared, headers={"Authorization": "", "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    )
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "<script" not in answer.text
    assert "ann" not in answer.text


def test_it_stops_sharing(api: httpx.Client, shared: str) -> None:
    """A session that is private again is not found, and has its old address when it is shared again."""
    api.patch("/api/sessions/pub", json={"isPublic": False})
    for path in (shared, "/s/unknown", "/s/%00"):
        assert (api.get(path).status_code, api.get(path).json()["error"]) == (404, "Session not found")
    api.patch("/api/sessions/pub", json={"isPublic": True})
    assert api.get(shared).status_code == 200
