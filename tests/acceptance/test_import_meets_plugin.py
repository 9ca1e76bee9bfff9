"""Recorded requests of the Claude Code plugin, and an import of the same session, in both orders over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_service import HttpService

RECORDED = Path(__file__).parents[1] / "data" / "recorded_requests.json"
SESSION = "7c1f5b1e-3a52-4d1e-9f44-0b8f6c2d9a10"
PROMPT = "The OAuth callback in src/auth/callback.ts redirects forever after login. Find out why and fix it."
FIRST = "I'll read the callback handler first."


def recorded() -> list[tuple[str, dict[str, Any]]]:
    """Path and body of each request about the session, in the order in which they were sent."""
    requests = [each for each in json.loads(RECORDED.read_text()) if each["client"] == "claude-code-sync"]
    return [
        (request["url"], request["body"])
        for request in requests
        if SESSION in json.dumps(request.get("body"))
    ]


def transcript(answer: str) -> bytes:
    """The session as its transcript tells it: an answer with two calls is one message."""
    uuid = "00000000-0000-4000-8000-00000000000{}".format
    call = {"type": "tool-call", "content": {"toolCallId": "toolu_01READ", "toolName": "Read", "args": {}}}
    other = {"type": "tool-call", "content": {"toolCallId": "toolu_02BASH", "toolName": "Bash", "args": {}}}
    of_session = {"sessionExternalId": SESSION, "source": "claude-code", "type": "message"}
    lines = [
        {"type": "session", "externalId": SESSION, "source": "claude-code", "promptTokens": 20, "completionTokens": 356, "cacheReadTokens": 5172},
        {"externalId": uuid(1), "role": "user", "textContent": PROMPT, "records": [uuid(1)], "createdAt": 1_795_190_490_000, **of_session},
        {"externalId": "msg_1", "role": "assistant", "textContent": FIRST, "parts": [call, other], "createdAt": 1_795_190_491_000,
         "records": [uuid(3), uuid(4), "msg_1", "toolu_01READ", "toolu_02BASH"], **of_session},
        {"externalId": "msg_2", "role": "assistant", "textContent": answer, "records": [uuid(6), "msg_2"], "createdAt": 1_795_190_499_000, **of_session},
    ]  # fmt: skip
    return b"\n".join(json.dumps(line).encode() for line in lines)


@pytest.mark.parametrize(
    "sides", [("plugin", "import"), ("import", "plugin"), ("plugin", "import", "plugin", "import")]
)
def test_it_has_each_message_once(service: HttpService, sides: tuple[str, ...]) -> None:
    """Three messages, the transcript's tokens, the plugin's cost; every id that the plugin used finds its message."""
    sent = recorded()
    answer = next(body["textContent"] for _, body in sent if body.get("externalId", "").endswith("06"))
    with service.client() as api:
        for side in sides:
            if side == "plugin":
                for path, body in sent:
                    assert api.post(path, json=body).json()["ok"] is True
            else:
                assert api.post("/api/import", content=transcript(answer)).json()["errors"] == []
        read = api.get(f"/api/sessions/{SESSION}").json()
        assert [message["textContent"] for message in read["messages"]] == [PROMPT, FIRST, answer]
        assert read["session"]["messageCount"] == 3
        assert (read["session"]["totalTokens"], read["session"]["cost"]) == (5548, 0.03457)
        tools = [part["content"]["toolName"] for message in read["messages"] for part in message["parts"]]
        assert tools == ["Read", "Bash"]
        for name in (body["externalId"] for path, body in sent if path == "/sync/message"):
            assert finds(api, name) in [message["id"] for message in read["messages"]]


def test_it_answers_under_the_ids_that_it_gave_before_they_met(service: HttpService) -> None:
    """Three rows of the plugin become one message: labels, a page around it and its deletion by any of their ids."""
    sent = recorded()
    answer = next(body["textContent"] for _, body in sent if body.get("externalId", "").endswith("06"))
    with service.client() as api:
        given = [
            told["messageId"]
            for path, body in sent
            if "messageId" in (told := api.post(path, json=body).json())
        ]
        assert api.post("/api/import", content=transcript(answer)).json()["errors"] == []
        for old in given:
            label = api.patch(f"/api/messages/{old}", json={"evalStatus": "golden"}).json()["message"]
            assert label["id"] == finds(api, old)
        gone = finds(api, given[1])
        assert gone == finds(api, given[2]) == finds(api, given[3])
        assert api.delete(f"/api/messages/{given[2]}").json() == {"ok": True, "id": gone}
        for old in given[1:4]:
            assert api.patch(f"/api/messages/{old}", json={"notes": "x"}).status_code == 404


def finds(api: httpx.Client, name: str) -> str:
    """The id of the message that a name leads to."""
    (message,) = api.get(f"/api/sessions/{SESSION}/messages", params={"around": name, "limit": 1}).json()[
        "messages"
    ]
    return str(message["id"])
