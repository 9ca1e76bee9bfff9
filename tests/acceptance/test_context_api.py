"""Context over HTTP: within the budget in every form, cited, without what is to be left out."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from indexing.budget import o200k

PROSE = "The gateway answers 429 with a Retry-After header when the bucket of a key is empty. " * 40


@pytest.fixture
def library(api: httpx.Client) -> httpx.Client:
    """Two sessions about a rate limiter, one about something else; a pasted text that stands in both."""
    call = {"type": "tool-call", "content": {"toolName": "Bash", "args": {"command": "pytest -k limiter"}}}
    picture = {"type": "image", "content": {"url": "x"}}
    pasted = "Please read the limiter's notes first: " + " ".join(f"note{n}" for n in range(60))
    answer = api.post(
        "/sync/batch",
        json={
            "sessions": [
                {"externalId": "a", "title": "Add a rate limiter", "projectName": "gateway", "model": "m1", "source": "pi"},
                {"externalId": "b", "title": "Limiter <again>", "projectName": "gateway", "source": "pi"},
                {"externalId": "c", "title": "Dinner", "projectName": "home", "source": "pi"},
            ],
            "messages": [
                said("a", 0, "How shall the limiter answer?"),
                said("a", 1, PROSE, role="assistant"),
                said("a", 2, None, role="assistant", parts=[call]),
                said("a", 3, pasted),
                said("a", 4, None, parts=[picture]),
                said("b", 0, pasted + " end"),
                said("b", 1, "The limiter & its <bucket> are per key."),
                said("c", 0, "Pasta with tomatoes."),
            ],
        },
    )  # fmt: skip
    assert answer.json()["errors"] == []
    api.headers["X-After"] = answer.headers["x-commit"]
    return api


def said(session: str, n: int, text: str | None, **more: Any) -> dict[str, Any]:
    facts = {
        "sessionExternalId": session,
        "externalId": f"{session}{n}",
        "role": "user",
        "createdAt": 1_767_225_600_000 + n,
    }
    return facts | {"textContent": text} | more  # fmt: skip


def ask(api: httpx.Client, q: str = "limiter", **asked: Any) -> dict[str, Any]:
    answer = api.post("/api/context", json={"q": q, **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_it_gives_cited_text(library: httpx.Client) -> None:
    """The text begins with the question, has a heading a session, and every `[n]` opens as the message that it names."""
    found = ask(library)
    assert found["text"].startswith('Relevant coding sessions for: "limiter"\n')
    assert "Add a rate limiter (gateway, m1, " in found["text"]
    assert "Bash(command: pytest -k limiter)" in found["text"]
    assert found["tokenCount"] == o200k()(found["text"]) <= 4000
    assert found["sessionCount"] == 2
    assert "Pasta" not in found["text"]
    for citation in found["citations"]:
        opened = library.get(
            f"/api/sessions/{citation['sessionId']}/messages",
            params={"around": citation["messageId"], "limit": 1},
        )
        assert opened.json()["messages"][0]["id"] == citation["messageId"]
        assert f"[{citation['n']}] {citation['role']}: " in found["text"]


@pytest.mark.parametrize("budget", [1, 20, 60, 200, 1000])
@pytest.mark.parametrize("form", ["text", "messages", "markdown", "xml"])
def test_it_stays_within_the_budget(library: httpx.Client, form: str, budget: int) -> None:
    """In every form, counted by the tokenizer of o200k, and the answer says how much it is."""
    answer = library.get("/api/context", params={"q": "limiter", "format": form, "budget": budget})
    assert answer.status_code == 200
    if form in ("text", "messages"):
        found = answer.json()
        texts = [found["text"]] if form == "text" else [message["content"] for message in found["messages"]]
        told = found["tokenCount"]
    else:
        texts, told = [answer.text], int(answer.headers["x-token-count"])
    assert sum(map(o200k(), texts)) == told <= budget


def test_it_gives_messages_for_a_chat(library: httpx.Client) -> None:
    """Role, content and where it comes from; none is empty, and of two that are nearly the same there is one."""
    found = ask(library, format="messages")
    contents = [message["content"] for message in found["messages"]]
    assert all(contents)
    assert sum("note59" in content for content in contents) == 1
    assert {message["role"] for message in found["messages"]} == {"user", "assistant"}
    assert {message["metadata"]["sessionTitle"] for message in found["messages"]} == {
        "Add a rate limiter",
        "Limiter <again>",
    }


def test_it_gives_markdown_and_xml(library: httpx.Client) -> None:
    """As themselves; in XML what people wrote is escaped."""
    markdown = library.get("/api/context", params={"q": "limiter", "format": "markdown"})
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert "## Add a rate limiter (gateway, m1, " in markdown.text
    xml = library.get("/api/context", params={"q": "limiter bucket", "format": "xml"})
    assert xml.headers["content-type"].startswith("text/xml")
    read = ElementTree.fromstring(xml.text)
    assert "The limiter & its <bucket> are per key." in [each.text for each in read.iter("message")]
    assert "Limiter <again>" in [each.get("title") for each in read.iter("session")]


def test_it_leaves_out_what_it_is_told_to(library: httpx.Client) -> None:
    """`exclude`, the filters of search and `limit` choose the sessions; `window=0` brings no neighbours."""
    assert {each["title"] for each in ask(library, exclude=["a"])["citations"]} == {"Limiter <again>"}
    assert ask(library, filter={"project": "home"})["citations"] == []
    assert ask(library, limit=1)["sessionCount"] == 1
    assert {each["title"] for each in ask(library, "-limiter", window=0)["citations"]} == {
        "Add a rate limiter",
        "Dinner",
    }
    assert "limiter answer" not in ask(library, "-limiter", window=0)["text"]
    assert len(ask(library, '"per key"', window=0)["citations"]) == 1
    assert len(ask(library, '"per key"', window=1)["citations"]) == 2


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "Missing query parameter 'q'"),
        ({"q": "x", "budget": 0}, "budget must be a whole number from 1 to 1000000."),
        ({"q": "x", "format": "pdf"}, "format must be one of markdown, messages, text, xml."),
        ({"q": "x", "tokenizer": "abacus"}, "tokenizer must be o200k, or model (the embedding model's own)."),
        ({"q": "x", "filter": {"colour": "red"}}, "filter has no colour: it takes source, project, model, role, tool, session, tag, kind, after, before, hasError."),
    ],
)  # fmt: skip
def test_it_refuses_what_it_cannot_do(api: httpx.Client, asked: dict[str, Any], sentence: str) -> None:
    """400 with a sentence that says what is taken."""
    answer = api.post("/api/context", json=asked)
    assert (answer.status_code, answer.json()["error"]) == (400, sentence)


def test_it_says_when_the_models_tokenizer_is_not_here(api: httpx.Client) -> None:
    """Without an embedding model, its tokenizer cannot be counted by: 503, and what to do."""
    answer = api.get("/api/context", params={"q": "x", "tokenizer": "model"})
    assert (answer.status_code, answer.json()["error"]) == (
        503,
        "The embedding model's tokenizer is not here yet: ask with tokenizer=o200k.",
    )
