"""Eval sets over HTTP: labels and their history, selection, previews, exports as files, privacy, and the way back in."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import httpx
import polars
import pytest
from http_service import HttpService

from service.exports.formats import FORMATS
from service.storage import privacy

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
READ = {
    "type": "tool-call",
    "content": {"toolCallId": "t1", "toolName": "Read", "args": {"path": "/home/ada_l/a.ts"}},
}
GIVEN = {"type": "tool-result", "content": {"toolCallId": "t1", "result": f"token {SECRET}"}}


def said(session: str, number: int, role: str, text: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {
        "sessionExternalId": session, "externalId": f"{session}-{number}", "role": role, "textContent": text,
        "parts": list(parts), "createdAt": 1_760_000_000_000 + number,
    }  # fmt: skip


def plant(api: httpx.Client, *names: str, source: str = "claude-code") -> None:
    """Sessions of two turns, the first in split rows."""
    sessions = [
        {"externalId": name, "source": source, "title": f"About {name}", "createdAt": 1_760_000_000_000, "promptTokens": 500}
        for name in names
    ]  # fmt: skip
    messages = [
        each
        for name in names
        for each in (
            said(name, 0, "user", f"Why does {name} loop?"),
            said(name, 1, "assistant", "", READ),
            said(name, 2, "tool", "", GIVEN),
            said(name, 3, "assistant", f"The cookie of {name} is Strict."),
            said(name, 4, "user", "Fix it"),
            said(name, 5, "assistant", "Done."),
        )
    ]
    answer = api.post("/sync/batch", json={"sessions": sessions, "messages": messages})
    assert answer.json()["errors"] == []


def ok(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def label(api: httpx.Client, order: dict[str, Any]) -> dict[str, Any]:
    counts: dict[str, Any] = ok(api.post("/api/evals/labels", json=order))
    return counts


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
def planted(api: httpx.Client) -> httpx.Client:
    plant(api, "one", "two")
    return api


def test_it_exports_nothing_that_is_not_marked(planted: httpx.Client) -> None:
    """The three refusals: nothing marked, nothing that fits, a format that is not known."""
    asked = "/api/export/evals"
    assert planted.get(asked).json()["error"] == "No eval-ready sessions found"
    label(planted, {"ids": ["one"], "set": {"evalReady": True}})
    refused = planted.get(asked, params={"model": "none"})
    assert (refused.status_code, refused.json()["error"]) == (404, "No sessions match the specified filters")
    unknown = planted.get(asked, params={"format": "xml"})
    assert unknown.status_code == 400
    assert all(name in unknown.json()["error"] for name in FORMATS)


def test_it_exports_whole_answers_with_counts(planted: httpx.Client) -> None:
    """Split rows are one answer; the head counts sessions and cases and names the file; ids and bytes stay the same."""
    label(planted, {"filter": {}, "set": {"evalReady": True}})
    answer = planted.get("/api/export/evals")
    cases = answer.json()
    assert [case["name"] for case in cases] == ["one:0", "one:1", "two:0", "two:1"]
    assert cases[0]["actual_output"] == "The cookie of one is Strict."
    assert cases[0]["tools_called"][0]["input_parameters"] == {"path": "/home/user/a.ts"}
    assert (answer.headers["X-Export-Sessions"], answer.headers["X-Export-TestCases"]) == ("2", "4")
    assert "backscroll-deepeval-" in answer.headers["Content-Disposition"]
    manifest = json.loads(answer.headers["X-Export-Manifest"])
    assert manifest["counts"]["testCases"] == 4
    assert manifest["files"][0]["bytes"] == len(answer.content)
    assert planted.get("/api/export/evals").content == answer.content


@pytest.mark.parametrize("format", FORMATS)
def test_it_exports_every_format(planted: httpx.Client, format: str) -> None:
    """Each answers with a file of its kind that can be read."""
    label(planted, {"ids": ["one", "two"], "set": {"evalReady": True}})
    answer = planted.get("/api/export/evals", params={"format": format})
    assert answer.status_code == 200, answer.text
    layout = FORMATS[format].layout  # type: ignore[index]
    if layout == "parquet":
        table = polars.read_parquet(io.BytesIO(answer.content))
        assert table["id"].to_list() == ["one:0", "two:0"]
        assert [each["role"] for each in table["messages"][0]][:3] == ["user", "assistant", "tool"]
    elif layout == "texts":
        names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        assert names == ["cases/one_0.txt", "cases/two_0.txt", "manifest.json", "README.md"]
    elif layout == "list":
        assert len(answer.json()) == int(answer.headers["X-Export-TestCases"])
    else:
        assert len(lines(answer)) == int(answer.headers["X-Export-TestCases"])


def test_it_splits_by_session(api: httpx.Client) -> None:
    """All cases of a session are in one part, the archive has a file a part, a format without a place says so."""
    names = [f"session-{number}" for number in range(20)]
    plant(api, *names)
    label(api, {"filter": {}, "set": {"evalReady": True}})
    asked = {"format": "openai", "split": "0.5,0.5"}
    parts: dict[str, set[str]] = {}
    for row in lines(api.get("/api/export/evals", params=asked)):
        parts.setdefault(row["metadata"]["session_id"], set()).add(row["metadata"]["split"])
    assert {len(each) for each in parts.values()} == {1}
    assert {name for each in parts.values() for name in each} == {"train", "test"}
    refused = api.get("/api/export/evals", params=asked | {"format": "sharegpt"})
    assert (refused.status_code, "archive=true" in refused.json()["error"]) == (400, True)
    packed = api.get("/api/export/evals", params=asked | {"format": "sharegpt", "archive": "true"})
    archive = zipfile.ZipFile(io.BytesIO(packed.content))
    manifest = json.loads(archive.read("manifest.json"))
    told = {file["name"]: file["testCases"] for file in manifest["files"]}
    assert told.keys() == {"train.jsonl", "test.jsonl"}
    assert {name: len(archive.read(name).splitlines()) for name in told} == told
    assert api.get("/api/export/evals", params={"split": "0.5,0.1"}).status_code == 400


def test_it_makes_a_set_of_a_search(planted: httpx.Client) -> None:
    """What a search finds is the set, marked or not; by message only the turns around the hits."""
    ok(planted.post("/search", json={"q": "loop", "commit": token(planted)}))
    answer = planted.post(
        "/api/export/evals", json={"q": "two loop", "type": "fulltext", "limit": 1, "format": "openai"}
    )
    assert [row["metadata"]["id"] for row in lines(answer)] == ["two:0", "two:1"]
    hits = {"q": "Done", "type": "fulltext", "groupBy": "message", "format": "openai"}
    assert [row["metadata"]["id"] for row in lines(planted.post("/api/export/evals", json=hits))] == [
        "one:1",
        "two:1",
    ]
    assert json.loads(answer.headers["X-Export-Manifest"])["filters"]["search"]["q"] == "two loop"


def token(api: httpx.Client) -> str:
    return api.patch("/api/sessions/one", json={"notes": "x"}).headers["X-Commit"]


def test_it_labels_many_and_remembers(planted: httpx.Client) -> None:
    """By ids, filter and search; tags come and go; each change that is one is in the history, with who did it."""
    assert (
        label(planted, {"ids": ["one", "nobody"], "set": {"evalReady": True, "addTags": ["a", "b"]}})[
            "sessions"
        ]
        == 1
    )
    assert (
        label(planted, {"filter": {"tags": "a"}, "set": {"evalStatus": "golden", "removeTags": ["b"]}})[
            "sessions"
        ]
        == 1
    )
    label(planted, {"ids": ["one"], "set": {"evalReady": True, "addTags": ["a"]}})
    listed = ok(planted.get("/api/evals"))
    assert [(s["externalId"], s["tags"], s["evalStatus"]) for s in listed["sessions"]] == [
        ("one", ["a"], "golden")
    ]
    assert listed["stats"]["byStatus"] == {
        "golden": 1,
        "correct": 0,
        "incorrect": 0,
        "needs_review": 0,
        "unset": 0,
    }
    assert (listed["stats"]["bySource"], listed["stats"]["byTag"]) == ({"claude-code": 1}, {"a": 1})
    changes = ok(planted.get("/api/evals/history", params={"id": "one"}))["changes"]
    assert [(each["field"], each["value"]) for each in changes] == [
        ("tags", ["a"]), ("evalStatus", "golden"), ("tags", ["a", "b"]), ("evalReady", True)
    ]  # fmt: skip
    assert all(each["user"] for each in changes)
    page = ok(planted.get("/api/evals/history", params={"id": "one", "limit": 3}))
    rest = ok(planted.get("/api/evals/history", params={"id": "one", "cursor": page["nextCursor"]}))
    assert [*page["changes"], *rest["changes"]] == changes
    for order in (
        {"set": {"notes": "x"}},
        {"ids": ["one"], "filter": {}, "set": {"notes": "x"}},
        {"ids": ["one"], "set": {}},
    ):
        assert planted.post("/api/evals/labels", json=order).status_code == 400


def test_it_takes_single_turns(planted: httpx.Client) -> None:
    """A message that is marked brings its turn alone, with what is expected of it; null takes the mark off."""
    messages = ok(planted.get("/api/sessions/one/messages"))["messages"]
    marked = f"/api/messages/{messages[5]['id']}"
    shown = ok(planted.patch(marked, json={"evalReady": True, "expectedOutput": "Fixed.", "tags": ["t"]}))[
        "message"
    ]
    assert (shown["evalReady"], shown["tags"]) == (True, ["t"])
    (row,) = lines(planted.get("/api/export/evals", params={"format": "openai", "tags": "t"}))
    assert (row["metadata"]["id"], row["ideal"]) == ("one:1", "Fixed.")
    history = ok(planted.get("/api/evals/history", params={"id": "one"}))["changes"]
    assert {(each["messageId"], each["field"]) for each in history} == {
        (messages[5]["id"], field) for field in ("evalReady", "expectedOutput", "tags")
    }
    shown = ok(planted.patch(marked, json={"evalReady": None, "tags": []}))["message"]
    assert "evalReady" not in shown
    assert planted.get("/api/export/evals").status_code == 404


def test_it_previews_a_set(planted: httpx.Client) -> None:
    """Counts, what is skipped, and warnings: credentials, twins, a call without a result, a turn without an answer."""
    plant(planted, "twin")
    extra = [
        said("one", 6, "user", "Still there?"),
        said("one", 7, "assistant", "", {**READ, "content": {"toolName": "X", "args": {}}}),
    ]
    ok(planted.post("/sync/batch", json={"messages": extra}))
    label(planted, {"filter": {}, "set": {"evalReady": True}})
    found = ok(planted.get("/api/evals/preview"))
    assert (found["sessionCount"], found["testCaseCount"], found["skipped"]) == (3, 6, {"no answer text": 1})
    assert found["credentials"] == {"github-token": 3}
    warned = {each["what"]: each["count"] for each in found["warnings"]}
    assert warned.keys() == {"credentials", "near-duplicates", "no answer text"}
    assert [each["id"] for each in found["sampleCases"]] == ["one:0", "one:1", "two:0"]
    assert (
        planted.get("/api/evals/preview", params={"redact": "true"}).json()["warnings"] != found["warnings"]
    )


def test_it_cuts_what_should_not_leave(planted: httpx.Client) -> None:
    """`redact` and `anonymize` cut texts, results and arguments, and count by kind; without them all is as it was."""
    label(planted, {"ids": ["one"], "set": {"evalReady": True}})
    asked = {"format": "openai", "turn_mode": "full"}
    cut = planted.get("/api/export/evals", params=asked | {"redact": "true"})
    assert SECRET not in cut.text
    assert "[redacted:github-token]" in cut.text
    assert "/home/user/a.ts" in cut.text
    manifest = json.loads(cut.headers["X-Export-Manifest"])
    assert (manifest["redacted"], manifest["anonymized"]) == ({"github-token": 1}, {"home": 1})
    kept = planted.get("/api/export/evals", params=asked | {"anonymize": "false"}).text
    assert SECRET in kept
    assert "/home/ada_l/a.ts" in kept


def test_it_cleans_what_is_stored_where_that_is_wanted(service: HttpService) -> None:
    """With the workspace's setting on, nothing of the key or the name is stored, by sync or import; off, all is."""

    async def turn_on(workspace_id: int) -> None:
        async with service.resources.db.workspace(workspace_id) as conn:
            await privacy.keep(conn, workspace_id, redact=True, anonymize=True)

    with service.client() as api:
        workspace_id = service.caller(api).workspace_id
        plant(api, "before")
        service.do(turn_on(workspace_id))
        plant(api, "after")
        again = api.post("/sync/batch", json={"messages": [said("after", 0, "user", "Why does after loop?")]})
        assert again.json()["errors"] == []
        imported = [
            {"type": "session", "externalId": "i", "source": "pi", "title": f"Use {SECRET}", "projectPath": "/home/ada_l/x"},
            {"type": "message", "sessionExternalId": "i", "externalId": "m", "role": "user", "source": "pi", "records": ["m"],
             "textContent": f"at /home/ada_l: {SECRET}"},
        ]  # fmt: skip
        body = b"\n".join(json.dumps(line).encode() for line in imported)
        assert ok(api.post("/api/import", content=body))["errors"] == []
        stored = {name: json.dumps(ok(api.get(f"/api/sessions/{name}"))) for name in ("before", "after", "i")}
    assert SECRET in stored["before"]
    assert "ada_l" in stored["before"]
    for name in ("after", "i"):
        assert SECRET not in stored[name]
        assert "ada_l" not in stored[name]
        assert "[redacted:github-token]" in stored[name]


@pytest.mark.parametrize("format", ["json", "markdown", "csv", "jsonl"])
def test_it_exports_one_session(planted: httpx.Client, format: str) -> None:
    """Under the session's title, with every message; 400 and 404 as for reading it."""
    answer = planted.get("/api/export", params={"id": "one", "format": format})
    assert answer.status_code == 200
    assert 'filename="About-one.' in answer.headers["Content-Disposition"]
    assert all(text in answer.text for text in ("Why does one loop?", "The cookie of one is Strict.", SECRET))
    if format == "markdown":
        assert answer.text.startswith("# About one\n")
        assert "## User\n\nWhy does one loop?" in answer.text
    if format == "json":
        assert [(m["role"], m["content"]) for m in answer.json()["messages"]][-1] == ("assistant", "Done.")
    clean = planted.get(
        "/api/export", params={"id": "one", "format": format, "redact": "true", "anonymize": "true"}
    )
    assert SECRET not in clean.text
    assert "ada_l" not in clean.text
    assert planted.get("/api/export").json()["error"] == "Missing session ID"
    assert planted.get("/api/export", params={"id": "none"}).json()["error"] == "Session not found"


def test_it_keeps_labels_where_a_transcript_meets_a_plugin(api: httpx.Client) -> None:
    """A plugin's row that turns out to be a transcript's message gives it its mark, tags and their history."""
    said_twice = "Why does the login loop after the redirect?"
    session = {"externalId": "met", "source": "claude-code"}
    rows = [
        {"sessionExternalId": "met", "externalId": f"tool-{n}", "role": "assistant", "source": "claude-code",
         "parts": [{"type": "tool-call", "content": {"toolName": "Read", "args": {"n": n}}}]}
        for n in range(2)
    ]  # fmt: skip
    prompt = {"sessionExternalId": "met", "externalId": "p", "role": "user", "textContent": said_twice}
    assert (
        ok(api.post("/sync/batch", json={"sessions": [session], "messages": [prompt, *rows]}))["errors"] == []
    )
    messages = ok(api.get("/api/sessions/met/messages"))["messages"]
    for message in messages:
        ok(
            api.patch(
                f"/api/messages/{message['id']}", json={"evalReady": True, "tags": [message["externalId"]]}
            )
        )
    lines = [
        {"type": "session", **session},
        {"type": "message", "externalId": "u", "role": "user", "records": ["u"], "textContent": said_twice, "createdAt": 1_760_000_000_000},
        {"type": "message", "externalId": "a", "role": "assistant", "records": ["a", "tool-0", "tool-1"], "textContent": "So.", "createdAt": 1_760_000_001_000},
    ]  # fmt: skip
    body = b"\n".join(
        json.dumps({"sessionExternalId": "met", "source": "claude-code", **line}).encode() for line in lines
    )
    assert ok(api.post("/api/import", content=body))["errors"] == []
    met = ok(api.get("/api/sessions/met/messages"))["messages"]
    assert [(each["textContent"], each["evalReady"], each["tags"]) for each in met] == [
        (said_twice, True, ["p"]),
        ("So.", True, ["tool-0", "tool-1"]),
    ]
    changes = ok(api.get("/api/evals/history", params={"id": "met"}))["changes"]
    assert {each["messageId"] for each in changes} == {each["id"] for each in met}
    assert len(changes) == 6
