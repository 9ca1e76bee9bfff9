"""/sync as OpenSync's clients use it, and what upstream gets wrong mended."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_service import HttpService

from service.api.gate.routes import Call, Desk
from service.api.sync.storing import store
from service.model.message import MessageWrite
from service.model.session import SessionWrite

DATA = Path(__file__).parents[1] / "data" / "recorded_requests.json"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "clients"
CLAUDE = "7c1f5b1e-3a52-4d1e-9f44-0b8f6c2d9a10"


def message(external_id: str, text: str, session: str = "s", **more: Any) -> dict[str, Any]:
    return {
        "sessionExternalId": session,
        "externalId": external_id,
        "role": "user",
        "textContent": text,
        **more,
    }


def read(api: httpx.Client, session: str = "s") -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = api.get("/api/sessions/get", params={"id": session}).json()["messages"]
    return messages


def recorded(client: str) -> list[dict[str, Any]]:
    return [request for request in json.loads(DATA.read_text()) if request["client"] == client]


def replay(api: httpx.Client, requests: list[dict[str, Any]]) -> None:
    for request in requests:
        answer = api.request(request["method"], request["url"], json=request["body"])
        assert answer.status_code == 200, answer.text
        assert answer.json().get("ok", True) is True


def test_it_takes_what_every_recorded_client_sent(api: httpx.Client) -> None:
    """All requests that were recorded of real clients are answered 200, and their sessions are there."""
    if not SHARED.exists():
        pytest.skip("the recordings of real clients lie beside the project, in ../shared/data/clients")
    replay(api, [json.loads(file.read_text()) for file in sorted(SHARED.glob("*.json"))])
    listed = api.get("/sync/sessions/list").json()["sessionIds"]
    assert {CLAUDE, "ses_4a1f", "ses_4b2e", "ses_live1", "ses_live2"} <= set(listed)


def test_it_reads_back_a_claude_code_session(api: httpx.Client) -> None:
    """The plugin's session has its first prompt as title, and its messages in the order in which they came."""
    replay(api, recorded("claude-code-sync"))
    answer = api.get(f"/api/sessions/{CLAUDE}").json()
    session, messages = answer["session"], answer["messages"]
    assert session["title"].startswith("The OAuth callback in src/auth/callback.ts")
    assert (session["source"], session["projectName"], session["durationMs"]) == (
        "claude-code",
        "shopfront",
        20000,
    )
    assert (session["promptTokens"], session["completionTokens"], session["totalTokens"]) == (
        10016,
        356,
        10372,
    )
    assert (session["cost"], session["costKnown"], session["messageCount"]) == (0.03457, True, 5)
    assert [m["seq"] for m in messages] == [0, 1, 2, 3, 4]
    assert [m["role"] for m in messages] == ["user", *["assistant"] * 4]
    assert messages[2]["parts"] == [
        {"type": "tool-call", "content": {"toolName": "Bash", "args": {"command": "npm test -- auth"}}},
        {"type": "tool-result", "content": {"result": "12 passed"}},
    ]


def test_it_keeps_good_values_when_a_client_sends_weak_ones(api: httpx.Client) -> None:
    """OpenCode's plugin ends with "Untitled Session" and zeros: title, tokens and cost stay."""
    replay(api, recorded("opencode-live"))
    api.post("/sync/session", json={"externalId": "ses_live1", "promptTokens": 10, "cost": 0.5})
    replay(api, recorded("opencode-live")[-1:])
    session = api.get("/api/sessions/ses_live1").json()["session"]
    assert (session["title"], session["promptTokens"], session["cost"]) == (
        "Retry policy in queue.ts",
        10,
        0.5,
    )


def test_it_makes_the_session_of_a_message_that_comes_first(api: httpx.Client) -> None:
    """A message for an unknown session makes it; its title is the first user text until a better one comes."""
    replay(api, recorded("opencode-live-realshape"))
    assert (
        api.get("/api/sessions/ses_live2").json()["session"]["title"]
        == "Explain the retry policy in queue.ts"
    )
    api.post("/sync/session", json={"externalId": "ses_live2", "title": "Retries"})
    assert api.get("/api/sessions/ses_live2").json()["session"]["title"] == "Retries"


def test_it_answers_ids_and_a_commit_token(api: httpx.Client) -> None:
    """Writes answer `ok`, the id and X-Commit; the id opens what was written."""
    session = api.post("/sync/session", json={"sessionId": "s", "unknownField": {"x": [1]}, "title": None})
    assert session.json()["ok"] is True
    assert session.headers["x-commit"].startswith("c.")
    sent = api.post("/sync/message", json=message("m", "hello"))
    assert (
        api.get(f"/api/sessions/{session.json()['sessionId']}").json()["messages"][0]["id"]
        == sent.json()["messageId"]
    )


@pytest.mark.parametrize(
    "body", [{}, {"title": "x"}, {"externalId": None}, {"externalId": "", "sessionId": " "}]
)
def test_it_says_when_a_session_has_no_id(api: httpx.Client, body: dict[str, Any]) -> None:
    """400 in OpenSync's words."""
    answer = api.post("/sync/session", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "Missing externalId or sessionId")


def test_it_fails_items_of_a_batch_alone(api: httpx.Client) -> None:
    """What is wrong with one item is told with its externalId; all others are stored and counted."""
    bad: list[Any] = [
        {"sessionExternalId": "s", "externalId": "no-role"},
        message("huge", "x", promptTokens=1e30),
        message("late", "x", createdAt=10**15),
        5,
        None,
    ]
    good = [message(f"m{n}", f"text {n}") for n in range(3)]
    answer = api.post(
        "/sync/batch",
        json={"sessions": [{"externalId": "s"}, {"title": "no id"}], "messages": [good[0], *bad, *good[1:]]},
    )
    assert answer.status_code == 200
    assert (answer.json()["sessions"], answer.json()["messages"]) == (1, 3)
    begins = [error.split(":")[0] for error in answer.json()["errors"]]
    assert begins == ["sessions[1]", "no-role", "huge", "late", "messages[4]", "messages[5]"]
    assert [m["textContent"] for m in read(api)] == ["text 0", "text 1", "text 2"]


def test_it_stores_all_that_postgres_takes(api: httpx.Client) -> None:
    """Deep nesting, 1e400, lone surrogates and NUL: the first two fail alone, the others are repaired."""
    deep = f'{{"type":"tool-call","content":{{"args":{"[" * 5000}{"]" * 5000}}}}}'
    items = [
        f'{{"sessionExternalId":"s","externalId":"deep","role":"user","parts":[{deep}]}}',
        '{"sessionExternalId":"s","externalId":"big","role":"user","cost":1e400}',
        '{"sessionExternalId":"s","externalId":"cut","role":"user","textContent":"smile \\ud83d"}',
        '{"sessionExternalId":"s","externalId":"nul","role":"user","textContent":"a\\u0000b","parts":[{"type":"tool-call","content":{"args":{"k\\u0000":"v\\u0000"}}}]}',
    ]
    answer = api.post("/sync/batch", content=f'{{"messages":[{",".join(items)}]}}')
    assert (answer.status_code, answer.json()["messages"]) == (200, 2)
    assert [error.split(":")[0] for error in answer.json()["errors"]] == ["deep", "big"]
    cut, nul = read(api)
    assert (cut["textContent"], nul["textContent"]) == ("smile \ufffd", "ab")
    assert nul["parts"][0]["content"]["args"] == {"k": "v"}


def test_it_counts_what_is_there_already(api: httpx.Client) -> None:
    """The same batch again is accepted and writes nothing."""
    batch = {
        "sessions": [{"externalId": "s", "title": "T"}],
        "messages": [message("a", "x"), message("b", "y")],
    }
    answers = [api.post("/sync/batch", json=batch).json() for _ in range(2)]
    assert answers == [{"ok": True, "sessions": 1, "messages": 2, "errors": []}] * 2
    etags = {api.get("/api/sessions/s").headers["etag"] for _ in range(2)}
    api.post("/sync/batch", json=batch)
    assert {api.get("/api/sessions/s").headers["etag"]} == etags


def test_it_keeps_the_order_of_a_request(api: httpx.Client) -> None:
    """Without createdAt, messages of one request read back as they came; with it, by time."""
    api.post("/sync/batch", json={"messages": [message(f"m{n:02}", str(n)) for n in (3, 1, 2)]})
    assert [m["textContent"] for m in read(api)] == ["3", "1", "2"]
    api.post("/sync/message", json=message("early", "0", createdAt="2020-01-01T00:00:00Z"))
    api.post("/sync/message", json=message("earlier", "-1", timestamp=1_500_000_000_000))
    assert [m["textContent"] for m in read(api)] == ["-1", "0", "3", "1", "2"]


def test_it_keeps_parts_and_takes_edits_at_once(api: httpx.Client) -> None:
    """An update without parts keeps them, and an edit within the same second is not dropped."""
    part = {"type": "tool_use", "name": "Bash", "input": {"command": "ls"}}
    api.post("/sync/message", json=message("m", "one", parts=[part, {"type": "text", "text": "said"}]))
    api.post("/sync/message", json=message("m", "two"))
    (stored,) = read(api)
    assert stored["textContent"] == "two"
    assert stored["parts"] == [
        {"type": "tool-call", "content": {"toolName": "Bash", "args": {"command": "ls"}}},
        {"type": "text", "content": "said"},
    ]


def test_it_keeps_workspaces_apart(service: HttpService, api: httpx.Client) -> None:
    """Another workspace's message with the same ids is another message; keys of one workspace share theirs."""
    workspace = service.workspace()
    with service.client(service.key(workspace)) as one, service.client(service.key(workspace)) as two:
        one.post("/sync/message", json=message("m", "mine"))
        api.post("/sync/message", json=message("m", "theirs"))
        assert [m["textContent"] for m in read(two)] == ["mine"]
        assert [m["textContent"] for m in read(api)] == ["theirs"]


def test_it_lets_the_first_named_source_adopt_a_session(api: httpx.Client) -> None:
    """Without a source the session is OpenCode's for the time being; `cursor` is `cursor-sync`."""
    first = api.post("/sync/message", json=message("m", "x")).json()
    assert api.get("/api/sessions/s").json()["session"]["source"] == "opencode"
    adopted = api.post("/sync/session", json={"externalId": "s", "source": "cursor"}).json()["sessionId"]
    answer = api.get(f"/api/sessions/{adopted}").json()
    assert (answer["session"]["source"], answer["messages"][0]["id"]) == ("cursor-sync", first["messageId"])
    assert len(api.get("/api/sessions").json()["sessions"]) == 1


def test_it_chooses_among_sources(api: httpx.Client) -> None:
    """Two tools may use one external id: without a source it means the session updated last, `?source=` chooses."""
    for source in ("pi", "codex"):
        api.post("/sync/session", json={"externalId": "s", "source": source, "title": source})
    api.post("/sync/message", json=message("m", "x", source="pi"))
    assert api.get("/api/sessions/s").json()["session"]["title"] == "pi"
    assert api.get("/api/sessions/s?source=codex-cli").json()["session"]["title"] == "codex"


def test_it_does_not_bring_back_what_was_deleted(api: httpx.Client) -> None:
    """A write to something deleted answers ok, stores nothing, is told in a batch, and the list still names it."""
    api.post(
        "/sync/batch",
        json={"messages": [message("a", "x", session="gone"), message("a", "x"), message("b", "y")]},
    )
    api.delete("/api/sessions/gone")
    api.delete(f"/api/messages/{read(api)[0]['id']}")
    assert api.post("/sync/session", json={"externalId": "gone"}).json()["ok"] is True
    assert api.post("/sync/message", json=message("a", "x")).json()["ok"] is True
    answer = api.post(
        "/sync/batch",
        json={"sessions": [{"externalId": "gone"}], "messages": [message("a", "x"), message("b", "y")]},
    ).json()
    assert (answer["ok"], answer["sessions"], answer["messages"]) == (True, 0, 1)
    assert [error.split(":")[0] for error in answer["errors"]] == ["gone", "a"]
    assert api.get("/api/sessions/gone").status_code == 404
    assert [m["externalId"] for m in read(api)] == ["b"]
    assert api.get("/sync/sessions/list").json() == {"sessionIds": ["gone", "s"]}


def test_it_stores_the_rest_where_postgres_refuses_an_item(service: HttpService, api: httpx.Client) -> None:
    """Of a batch in which Postgres refuses values, only those items are missing, and each is told."""
    caller = service.caller(api)
    writes = [
        MessageWrite(
            session_external_id="s", external_id=f"m{n}", role="user", text="\0" if n in (3, 4, 9) else str(n)
        )
        for n in range(11)
    ]
    call = Call(
        desk=Desk(service.resources, []), caller=caller, client=None, path={}, query=[], headers={}, body=b"", commit=None,
        now=datetime.now(UTC),
    )  # fmt: skip
    stored = service.do(store(call, sessions=[SessionWrite(external_id="s", title="T")], messages=writes))
    assert [id is None for id in stored.message_ids] == [n in (3, 4, 9) for n in range(11)]
    assert [error.split(":")[0] for error in stored.errors] == ["m3", "m4", "m9"]
    assert [message["textContent"] for message in read(api)] == [
        str(n) for n in range(11) if n not in (3, 4, 9)
    ]
