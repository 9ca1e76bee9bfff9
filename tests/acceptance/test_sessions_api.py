"""Sessions over HTTP: listed, read, labelled, deleted."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

DAY_MS = 86_400_000
NEW_YEAR_MS = 1_767_225_600_000  # 2026-01-01, UTC


def sync(api: httpx.Client, *sessions: dict[str, Any], messages: tuple[dict[str, Any], ...] = ()) -> str:
    """Send them; the commit token."""
    answer = api.post("/sync/batch", json={"sessions": list(sessions), "messages": list(messages)})
    assert answer.json()["errors"] == []
    return answer.headers["x-commit"]


def listed(api: httpx.Client, **params: Any) -> list[str]:
    answer = api.get("/api/sessions", params=params)
    assert answer.status_code == 200, answer.text
    return [session["externalId"] for session in answer.json()["sessions"]]


def several(api: httpx.Client) -> None:
    """Four sessions, a day apart, of different kinds."""
    sync(
        api,
        {"externalId": "a", "source": "claude-code", "title": "Fix login", "projectName": "shop", "projectPath": "/p/shop", "model": "m1",
         "provider": "anthropic", "promptTokens": 10, "cost": 0.3, "durationMs": 400, "createdAt": NEW_YEAR_MS},
        {"externalId": "b", "source": "codex", "title": "Add 100% tests", "projectName": "gate", "model": "m2", "provider": "openai",
         "promptTokens": 40, "cost": 0.1, "durationMs": 100, "createdAt": NEW_YEAR_MS + DAY_MS},
        {"externalId": "c", "source": "pi", "kind": "run", "status": "failed", "model": "m1", "promptTokens": 20, "createdAt": NEW_YEAR_MS + 2 * DAY_MS},
        {"externalId": "d", "source": "pi", "title": "Fix logout", "createdAt": NEW_YEAR_MS + 3 * DAY_MS},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, "dcba"),
        ({"order": "asc"}, "abcd"),
        ({"source": "pi"}, "dc"),
        ({"source": ["codex", "claude"]}, "ba"),
        ({"project": "shop"}, "a"),
        ({"project": "/p/shop"}, "a"),
        ({"model": "m1"}, "ca"),
        ({"model": "m1", "source": "pi"}, "c"),
        ({"provider": "openai"}, "b"),
        ({"kind": "run"}, "c"),
        ({"status": "failed"}, "c"),
        ({"tag": "none"}, ""),
        ({"q": "LOG"}, "da"),
        ({"q": "100%"}, "b"),
        ({"q": "_"}, ""),
        ({"sort": "totalTokens"}, "bcad"),
        ({"sort": "cost"}, "abdc"),
        ({"sort": "durationMs", "limit": 2}, "ab"),
        ({"sort": "createdAt", "order": "asc", "limit": 1}, "a"),
        ({"after": "2026-01-03"}, "dc"),
        ({"after": NEW_YEAR_MS + 2 * DAY_MS}, "dc"),
        ({"before": "2026-01-03"}, "ba"),
        ({"before": "2026-01-03T00:00:00+00:00", "after": "2026-01-02T00:00:00Z"}, "b"),
        ({"after": "2026-01-03", "tz": "America/New_York"}, "d"),
        ({"limit": 0}, ""),
        ({"unknown": "x", "cursor": ""}, "dcba"),
    ],
)
def test_it_filters_and_sorts(api: httpx.Client, params: dict[str, Any], found: str) -> None:
    """Every filter, sort and order; filters of one kind are alternatives, of several kinds all apply."""
    several(api)
    assert listed(api, **params) == list(found)


@pytest.mark.parametrize("sort", ["updatedAt", "createdAt", "totalTokens", "cost", "durationMs"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_it_pages_while_rows_arrive(api: httpx.Client, sort: str, order: str) -> None:
    """Pages neither skip nor repeat what was there, though sessions arrive between them; the last has no cursor."""
    several(api)
    whole = listed(api, sort=sort, order=order)
    seen: list[str] = []
    params = {"sort": sort, "order": order, "limit": "1"}
    for number in range(10):
        page = api.get("/api/sessions", params=params).json()
        seen += [session["externalId"] for session in page["sessions"]]
        if "nextCursor" not in page:
            break
        if number < 3:
            sync(
                api,
                {
                    "externalId": f"new{number}",
                    "promptTokens": 1000 + number,
                    "createdAt": NEW_YEAR_MS + 9 * DAY_MS,
                },
            )
        params["cursor"] = page["nextCursor"]
    assert [each for each in seen if not each.startswith("new")] == whole


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("limit=1e30", "limit"), ("limit=-1", "limit"), ("limit=abc", "limit"), ("limit=1001", "limit"), ("limit=0x10", "limit"),
        ("limit=99999999999999999999999999", "limit"), ("sort=title", "sort"), ("order=up", "order"), ("after=soon", "after"),
        ("before=2026-13-01", "before"), ("after=99999999999999999", "after"), ("after=-1000000", "after"), ("after=2026-01-01&tz=Mars/One", "tz"),
        ("after=2026-01-01&tz=../../etc/passwd", "tz"), ("cursor=AAAA", "cursor"), ("cursor=%F0%9F%98%80", "cursor"), ("cursor=" + "A" * 5000, "cursor"),
        ("commit=c.1", "commit"), ("commit=c.a1-0.9:5:", "commit"), ("q=" + "x" * 2000, "q"),
    ],
)  # fmt: skip
def test_it_refuses_parameters_out_of_bounds(api: httpx.Client, query: str, names: str) -> None:
    """400 with one sentence that names the parameter."""
    answer = api.get(f"/api/sessions?{query}")
    assert answer.status_code == 400
    assert names in answer.json()["error"]
    assert answer.json()["error"].endswith(".")


def test_it_refuses_a_damaged_or_misplaced_cursor(api: httpx.Client) -> None:
    """A cursor that was changed, or that is of another order or another list, is 400."""
    several(api)
    cursor = api.get("/api/sessions?limit=1").json()["nextCursor"]
    middle = len(cursor) // 2
    damaged = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]
    for path in (
        f"/api/sessions?cursor={damaged}",
        f"/api/sessions?sort=cost&cursor={cursor}",
        f"/api/sessions/a/messages?cursor={cursor}",
    ):
        assert api.get(path).status_code == 400, path


def test_it_has_every_field(api: httpx.Client) -> None:
    """S as the contract has it: numbers for unknown counts, absent optionals left out, times in epoch ms."""
    sync(api, {"externalId": "bare"})
    (bare,) = api.get("/api/sessions").json()["sessions"]
    assert {key: bare.pop(key) for key in ("id", "createdAt", "updatedAt")} == {
        "id": bare.get("id", api.get("/api/sessions/bare").json()["session"]["id"]),
        "createdAt": (again := api.get("/api/sessions/bare").json()["session"])["createdAt"],
        "updatedAt": again["updatedAt"],
    }
    assert bare == {
        "externalId": "bare", "source": "opencode", "kind": "agent", "promptTokens": 0, "completionTokens": 0, "totalTokens": 0,
        "cacheReadTokens": 0, "cacheWriteTokens": 0, "cost": 0, "costKnown": False, "isPublic": False, "evalReady": False,
        "messageCount": 0, "tags": [],
    }  # fmt: skip


def test_it_opens_by_id_and_by_external_id(api: httpx.Client) -> None:
    """Both names, on both paths; 404 and 400 in OpenSync's words."""
    several(api)
    id = api.get("/api/sessions/a").json()["session"]["id"]
    for path in (
        f"/api/sessions/{id}",
        f"/api/sessions/get?id={id}",
        "/api/sessions/get?id=a",
        "/api/sessions//a",
    ):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["session"]["externalId"], answer.json()["messages"]) == (
            200,
            "a",
            [],
        )
    for path in (
        "/api/sessions/nope",
        "/api/sessions/s999999",
        "/api/sessions/get?id=s99999999999999999999",
        "/api/sessions/" + "x" * 5000,
    ):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["error"]) == (404, "Session not found"), path
    assert api.get("/api/sessions/get").json()["error"] == "Missing session ID"
    assert api.get("/api/sessions/a%00").status_code == 404


def test_it_changes_its_etag_with_any_message_or_label(api: httpx.Client) -> None:
    """The ETag is weak; 304 as long as nothing changed; each kind of change makes another."""
    sync(api, {"externalId": "a"})
    etags = [api.get("/api/sessions/a").headers["etag"]]
    assert etags[0].startswith('W/"')
    assert api.get("/api/sessions/a", headers={"If-None-Match": f'"x", {etags[0]}'}).status_code == 304
    assert api.get("/api/sessions/get?id=a", headers={"If-None-Match": etags[0]}).content == b""
    message = {"sessionExternalId": "a", "externalId": "m", "role": "user", "textContent": "x"}
    id = api.post("/sync/message", json=message).json()["messageId"]
    for change in (
        lambda: api.get("/health"),
        lambda: api.post("/sync/message", json=message | {"textContent": "y"}),
        lambda: api.patch("/api/sessions/a", json={"tags": ["t"]}),
        lambda: api.patch(f"/api/messages/{id}", json={"evalStatus": "golden"}),
        lambda: api.delete(f"/api/messages/{id}"),
    ):
        change()
        etags.append(api.get("/api/sessions/a", headers={"If-None-Match": etags[-1]}).headers["etag"])
    assert len(set(etags)) == len(etags)


def test_it_labels(api: httpx.Client) -> None:
    """PATCH sets what is given, `null` empties, the rest stays; former titles stay findable."""
    sync(api, {"externalId": "a", "title": "Old name"})
    given = {
        "title": "New name", "tags": ["x", " y ", "x", ""], "notes": "n", "status": "done", "evalReady": True,
        "evalStatus": "golden", "expectedOutput": "42", "unknown": 1,
    }  # fmt: skip
    session = api.patch("/api/sessions/a", json=given).json()["session"]
    assert {name: session[name] for name in given if name in session} == {
        name: given[name] for name in given if name != "unknown"
    } | {"tags": ["x", "y"]}
    assert listed(api, tag="y", status="done", q="old NAME") == ["a"]
    emptied = api.patch(
        "/api/sessions/a",
        json=dict.fromkeys(("title", "tags", "notes", "status", "evalReady", "evalStatus", "expectedOutput")),
    ).json()
    assert (emptied["session"]["title"], emptied["session"]["evalReady"], emptied["session"]["tags"]) == (
        "New name",
        True,
        [],
    )
    assert {"notes", "status", "evalStatus", "expectedOutput"}.isdisjoint(emptied["session"])
    sync(api, {"externalId": "a", "title": "What a client says later"})
    assert api.get("/api/sessions/a").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"title": ""},
        {"title": 5},
        {"tags": "x"},
        {"tags": ["x" * 201]},
        {"evalStatus": "fine"},
        {"isPublic": "maybe"},
        {"notes": {"a": 1}},
        {"status": "x" * 501},
    ],
)
def test_it_refuses_bad_labels(api: httpx.Client, body: dict[str, Any]) -> None:
    """400 that names the field, and nothing is changed."""
    sync(api, {"externalId": "a", "title": "T"})
    etag = api.get("/api/sessions/a").headers["etag"]
    answer = api.patch("/api/sessions/a", json=body)
    assert answer.status_code == 400
    assert next(iter(body)) in answer.json()["error"]
    assert api.get("/api/sessions/a").headers["etag"] == etag


def test_it_deletes_completely(api: httpx.Client) -> None:
    """A deleted session is gone from every answer, and a second DELETE finds nothing."""
    several(api)
    answer = api.delete("/api/sessions/a")
    assert answer.json()["ok"] is True
    assert answer.headers["x-commit"].startswith("c.")
    assert api.delete("/api/sessions/a").status_code == 404
    assert api.patch("/api/sessions/a", json={}).status_code == 404
    assert listed(api) == ["d", "c", "b"]
    assert api.get("/api/stats").json()["sessionCount"] == 3


def test_it_reads_what_a_token_names(api: httpx.Client) -> None:
    """`commit=` and X-After on a read: what was written is there."""
    token = sync(api, {"externalId": "a"})
    assert api.get("/api/sessions", params={"commit": token}).json()["sessions"]
    assert api.get("/api/sessions/a", headers={"X-After": token}).status_code == 200
    assert api.get("/api/sessions/a", headers={"X-After": "c.nonsense"}).status_code == 400


def test_it_sums_up(api: httpx.Client) -> None:
    """/api/stats counts all, and by model, `unknown` where no model is known."""
    several(api)
    assert api.get("/api/stats").json() == {
        "sessionCount": 4, "messageCount": 0, "totalTokens": 70, "totalCost": 0.4, "totalDurationMs": 500,
        "modelUsage": {
            "m2": {"tokens": 40, "cost": 0.1, "sessions": 1},
            "m1": {"tokens": 30, "cost": 0.3, "sessions": 2},
            "unknown": {"tokens": 0, "cost": 0.0, "sessions": 1},
        },
    }  # fmt: skip


def test_it_refuses_a_cursor_of_another_filter(api: httpx.Client) -> None:
    """A cursor goes on in the list that it is of: with another filter or order it is 400, with another limit it is not."""
    sessions = [{"externalId": f"s{n}", "projectName": "shop"} for n in range(4)]
    api.post("/sync/batch", json={"sessions": sessions})
    cursor = api.get("/api/sessions", params={"limit": 1, "project": "shop"}).json()["nextCursor"]
    for other in (
        {"project": "home"},
        {},
        {"project": "shop", "sort": "createdAt"},
        {"project": "shop", "q": "s"},
    ):
        refused = api.get("/api/sessions", params={"limit": 1, "cursor": cursor, **other})
        assert (refused.status_code, "cursor" in refused.json()["error"]) == (400, True)
    page = api.get("/api/sessions", params={"limit": 3, "project": "shop", "cursor": cursor}).json()
    assert len(page["sessions"]) == 3
