"""Search over HTTP, by words: results, filters, facets, pages, read-your-writes. (By meaning: where the model is loaded.)"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from asking import externals, search
from http_service import HttpService, http_service

from service.postgres import EmbeddedPostgres

DAY_MS = 86_400_000
NEW_YEAR_MS = 1_767_225_600_000  # 2026-01-01, UTC


@pytest.fixture
def library(api: httpx.Client) -> httpx.Client:
    """Two sessions with tool calls, errors and reasoning; what follows waits for the index by their token."""
    call = {
        "type": "tool-call",
        "content": {"toolCallId": "t1", "toolName": "Bash", "args": {"command": "pytest -k parseInvoice"}},
    }
    failed = {
        "type": "tool-result",
        "content": {
            "toolCallId": "t1",
            "toolName": "Bash",
            "result": "ZeroDivisionError in invoice.py, near marmalade",
            "isError": True,
        },
    }
    answer = api.post(
        "/sync/batch",
        json={
            "sessions": [
                {"externalId": "inv", "title": "Invoices", "source": "claude-code", "projectName": "billing", "projectPath": "/p/billing", "model": "m1"},
                {"externalId": "log", "title": "Login loop", "source": "pi", "projectName": "shop", "model": "m2"},
            ],
            "messages": [
                {"sessionExternalId": "inv", "externalId": "i1", "role": "user", "textContent": "Why does the invoice total divide by zero?", "createdAt": NEW_YEAR_MS},
                {"sessionExternalId": "inv", "externalId": "i2", "role": "assistant", "parts": [call, failed], "createdAt": NEW_YEAR_MS + DAY_MS},
                {"sessionExternalId": "log", "externalId": "l1", "role": "user", "textContent": "The login redirects in a loop 😀 after the redirect.", "createdAt": NEW_YEAR_MS},
                {"sessionExternalId": "log", "externalId": "l2", "role": "assistant", "textContent": "The cookie is SameSite=Strict; totals are fine.",
                 "parts": [{"type": "thinking", "thinking": "perhaps the middleware"}], "createdAt": NEW_YEAR_MS + 2 * DAY_MS},
            ],
        },
    )  # fmt: skip
    api.headers["X-After"] = answer.headers["x-commit"]
    return api


def test_it_finds_a_session_by_its_words(library: httpx.Client) -> None:
    """A session result is S with `_id`, score and its best matches; a match can be opened."""
    found = search(library, "invoice")
    (hit,) = found["results"]
    assert (hit["id"], hit["_id"], hit["externalId"], hit["messageCount"]) == (
        hit["_id"],
        hit["id"],
        "inv",
        2,
    )
    assert {match["messageExternalId"] for match in hit["matches"]} == {"i1", "i2"}
    assert hit["score"] >= hit["matches"][0]["score"] >= hit["matches"][1]["score"]
    opened = library.get(
        f"/api/sessions/{hit['id']}/messages", params={"around": hit["matches"][0]["messageId"], "limit": 1}
    ).json()
    assert opened["messages"][0]["id"] == hit["matches"][0]["messageId"]
    assert found["total"] == 1
    assert found["modeUsed"] == "fulltext"
    assert "model is not loaded" in found["fallbackReason"]
    assert set(found["index"]) == {"textLag", "vectorLag", "asOf"}
    assert found["index"]["textLag"] == 0
    assert found["tookMs"] > 0


def test_it_marks_what_matched(library: httpx.Client) -> None:
    """Highlights are offsets in code points, behind an emoji too; `ranks` and `seq` say where it stood."""
    (hit,) = search(library, "redirect", groupBy="message")["results"]
    assert [hit["snippet"][start:end] for start, end in hit["highlights"]] == ["redirects", "redirect"]
    assert (hit["role"], hit["seq"], hit["createdAt"], hit["ranks"]) == ("user", 0, NEW_YEAR_MS, {"text": 1})
    session = hit["session"]
    assert (session["id"], session["_id"], session["externalId"]) == (
        hit["sessionId"],
        hit["sessionId"],
        "log",
    )
    assert (session["title"], session["source"], session["projectName"]) == ("Login loop", "pi", "shop")


@pytest.mark.parametrize(
    ("q", "found", "part"),
    [
        ("pytest", "i2", {"type": "tool-call", "toolName": "Bash"}),
        ("marmalade", "i2", {"type": "tool-result", "toolName": "Bash"}),
        ("middleware", "l2", {"type": "reasoning"}),
        ("SameSite", "l2", None),
    ],
)
def test_it_searches_every_part(
    library: httpx.Client, q: str, found: str, part: dict[str, Any] | None
) -> None:
    """Tool calls, their results and reasoning are found, and the match says which part it stood in."""
    hit = search(library, q, groupBy="message")["results"][0]
    assert hit["messageExternalId"] == found
    assert hit.get("part") == part


def test_it_finds_a_session_by_its_title(library: httpx.Client) -> None:
    """A title that no message repeats is found too."""
    assert externals(search(library, "Invoices", groupBy="session"))[0] == "inv"


def test_it_opens_a_session_that_only_its_title_found(api: httpx.Client) -> None:
    """There is always a message to open: its first, whole, without highlights."""
    said = [
        {"sessionExternalId": "z", "externalId": f"z{n}", "role": "user", "textContent": f"Said {n}. Short."}
        for n in range(3)
    ]
    answer = api.post(
        "/sync/batch", json={"sessions": [{"externalId": "z", "title": "Zanzibar"}], "messages": said}
    )
    (hit,) = search(api, "zanzibar", commit=answer.headers["x-commit"])["results"]
    (match,) = hit["matches"]
    assert (match["messageExternalId"], match["snippet"], match["highlights"]) == ("z0", "Said 0. Short.", [])


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"source": "pi"}, ["l2"]),
        ({"source": ["claude", "pi"]}, ["i1", "l2"]),
        ({"project": "billing"}, ["i1"]),
        ({"project": "/p/billing"}, ["i1"]),
        ({"model": "m1"}, ["i1"]),
        ({"role": "assistant"}, ["l2"]),
        ({"session": "inv"}, ["i1"]),
        ({"session": ["nope"]}, []),
        ({"kind": "agent"}, ["i1", "l2"]),
        ({"kind": "run"}, []),
        ({"after": "2026-01-02"}, ["l2"]),
        ({"before": NEW_YEAR_MS + 1}, ["i1"]),
        ({"after": "2026-01-02", "before": "2026-01-03"}, []),
        ({"hasError": False}, ["i1", "l2"]),
        ({"hasError": True}, []),
        ({"tool": "Bash"}, []),
        ({}, ["i1", "l2"]),
        ({"source": None, "role": []}, ["i1", "l2"]),
    ],
)
def test_it_filters(library: httpx.Client, filter: dict[str, Any], found: list[str]) -> None:
    """Each filter, in the body and as parameters of GET: a value or several."""
    by_body = search(library, "total", groupBy="message", filter=filter)
    assert sorted(externals(by_body)) == found
    assert by_body["total"] == len(found)
    query = {name: value for name, value in filter.items() if value is not None} | {
        "q": "total",
        "groupBy": "message",
    }
    assert externals(library.get("/api/search", params=query).json()) == externals(by_body)


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ('"divide by zero"', ["i1"]),
        ("total -cookie", ["i1"]),
        ("redir*", ["l1"]),
        ("total source:pi", ["l2"]),
        ("is:error", ["i2"]),
        ("-total", ["i2", "l1"]),
        ('-total -"a loop"', ["i2"]),
        ("-total source:pi", ["l1"]),
        ("tool:Bash pytest", ["i2"]),
        ("session:inv total", ["i1"]),
        ("total after:2026-01-02", ["l2"]),
        ('"unclosed total', ["i1", "l2"]),
    ],
)
def test_it_reads_the_query_language(library: httpx.Client, q: str, found: list[str]) -> None:
    """Phrases, exclusions, prefixes and filters in the query; what is no syntax is words."""
    assert sorted(externals(search(library, q, groupBy="message"))) == found


def test_it_counts_facets_over_all_that_matches(library: httpx.Client) -> None:
    """Facets and total count beyond the page, in the unit of groupBy; several facets may stand with commas."""
    messages = search(
        library,
        "total redirect invoice",
        groupBy="message",
        limit=1,
        facets=["source", "role", "tool", "day"],
    )
    assert messages["total"] == 4
    assert messages["facets"] == {
        "source": [{"value": "claude-code", "count": 2}, {"value": "pi", "count": 2}],
        "role": [{"value": "assistant", "count": 2}, {"value": "user", "count": 2}],
        "tool": [{"value": "Bash", "count": 1}],
        "day": [
            {"value": "2026-01-01", "count": 2},
            {"value": "2026-01-02", "count": 1},
            {"value": "2026-01-03", "count": 1},
        ],
    }
    sessions = library.get("/api/search?q=total+redirect+invoice&facets=source,project&limit=0").json()
    assert (sessions["total"], sessions["results"]) == (2, [])
    assert sessions["facets"]["project"] == [{"value": "billing", "count": 1}, {"value": "shop", "count": 1}]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("tool:bash", {"i2"}), ("project:BILLING role:user", {"i1"}), ("project:p/billing role:user", {"i1"}), ("project:Shop redirect", {"l1"}),
        ("invoice project:/p/billing tool:BASH", {"i2"}), ("tool:ba", set()), ("project:nothing", set()), ("-tool:bash is:error", set()),
        ("source:PI redirect", {"l1"}), ("-session:inv redirect invoice", {"l1"}),
    ],
)  # fmt: skip
def test_it_reads_names_as_people_write_them(library: httpx.Client, q: str, expected: set[str]) -> None:
    """In the query, projects, models and tools match in any case or by a whole piece; in `filter` exactly."""
    assert set(externals(search(library, q, groupBy="message"))) == expected
    assert search(library, "invoice", filter={"tool": "bash"})["total"] == 0
    assert search(library, "invoice", filter={"project": "Billing"})["total"] == 0


def test_it_tells_how_it_corrected_a_query(library: httpx.Client) -> None:
    """`corrected` is the query as it was searched, ready to be asked again; further pages and snippets are of it."""
    found = search(library, "marmelade redierct source:pi", groupBy="message")
    assert (found["modeUsed"], found["corrected"]) == ("fuzzy", "marmelade redirect source:pi")
    (hit,) = found["results"]
    assert [hit["snippet"][start:end] for start, end in hit["highlights"]] == ["redirects", "redirect"]
    assert "corrected" not in search(library, "redirect")


def test_it_explains(library: httpx.Client) -> None:
    """`explain` says what each score is made of; without it nothing is said."""
    hit = library.get("/api/search?q=invoice+pytest&groupBy=message&explain=true").json()["results"][0]
    explained = hit["explain"]
    assert explained["text"]["rank"] == hit["ranks"]["text"]
    assert hit["score"] == pytest.approx(
        sum(explained[part] for part in ("fused", "neighbours", "session", "coverage", "recency")), abs=1e-5
    )
    assert "explain" not in search(library, "invoice pytest", groupBy="message")["results"][0]


def test_it_explains_with_the_weights_that_it_used(library: httpx.Client) -> None:
    """By words alone, the fused scores of two hits are as far apart as their z-scores times the words' weight."""
    answer = library.get(
        "/api/search?q=total+redirect+invoice&type=fulltext&groupBy=message&explain=true"
    ).json()
    one, other, *_ = [hit["explain"] for hit in answer["results"]]
    apart = answer["weights"]["text"] * (one["text"]["z"] - other["text"]["z"])
    assert one["fused"] - other["fused"] == pytest.approx(apart, abs=1e-5)
    assert apart != 0


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "Missing query parameter 'q'"), ("q=+", "Missing query parameter 'q'"), ("q=x&type=vector", "type"), ("q=x&groupBy=day", "groupBy"),
        ("q=x&limit=1001", "limit"), ("q=x&limit=1e30", "limit"), ("q=x&facets=colour", "facets"), ("q=x&role=boss", "role"), ("q=x&hasError=maybe", "hasError"),
        ("q=x&after=soon", "after"), ("q=x&cursor=abc", "cursor"), ("q=x&commit=abc", "commit"), ("q=x&explain=perhaps", "explain"),
    ],
)  # fmt: skip
def test_it_refuses_bad_searches(api: httpx.Client, query: str, says: str) -> None:
    """400 with a sentence that names the parameter, by GET and by POST."""
    answer = api.get(f"/api/search?{query}")
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    body = dict(httpx.QueryParams(query))
    for path in ("/search", "/api/search"):
        assert api.post(path, json=body).json()["error"] == answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        {"q": 5},
        {"q": None},
        {"q": "x", "filter": []},
        {"q": "x", "filter": {"source": {"a": 1}}},
        {"q": "x", "filter": {"sources": "pi"}},
        {"q": "x", "limit": 1e300},
        {"q": "x" * 100_001},
    ],
)
def test_it_refuses_bad_bodies(api: httpx.Client, body: dict[str, Any]) -> None:
    """What is of the wrong type is 400, never 500."""
    assert api.post("/search", json=body).status_code == 400


@pytest.mark.parametrize(
    "q",
    [
        "\ud800",
        "\u0000",
        "日本語 検索",
        "'; drop table sessions; --",
        "a" * 9000,
        "%_\\",
        '"' * 50,
        "source:",
        "-",
        "😀",
        "is:error -x*",
    ],
)
def test_it_answers_any_text(library: httpx.Client, q: str) -> None:
    """Whatever is typed is searched, at worst without a hit."""
    answer = library.post("/search", content=json.dumps({"q": q}))
    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or answer.json()["error"] == "Missing query parameter 'q'"


@pytest.mark.parametrize("number", range(5))
def test_it_reads_its_own_writes(api: httpx.Client, number: int) -> None:
    """A search that names a write's token finds it, by header, parameter or body; edits and deletions too."""
    message = {"sessionExternalId": "s", "externalId": "m", "role": "user", "textContent": f"first{number}"}
    token = api.post("/sync/message", json=message).headers["x-commit"]
    assert (
        api.get("/api/search", params={"q": f"first{number}", "groupBy": "message", "commit": token}).json()[
            "total"
        ]
        == 1
    )
    token = api.post("/sync/message", json=message | {"textContent": f"second{number}"}).headers["x-commit"]
    assert search(api, f"second{number}", groupBy="message", commit=token)["total"] == 1
    assert search(api, f"first{number}", groupBy="message", commit=token)["total"] == 0
    token = api.delete("/api/sessions/s").headers["x-commit"]
    assert (
        api.get("/api/search", params={"q": f"second{number}"}, headers={"X-After": token}).json()["total"]
        == 0
    )


def test_it_reads_its_own_writes_on_another_process(service: HttpService, api: httpx.Client) -> None:
    """A token of one API process is good at another one of the same machine, which opens the same index."""
    home, url = service.settings.home, service.settings.database_url
    with HttpService(url, home, indexed=False) as other, other.client(bearer(api)) as beside:
        for number in range(5):
            said = {
                "sessionExternalId": "s",
                "externalId": f"m{number}",
                "role": "user",
                "textContent": f"twin{number}",
            }
            writing, reading = (api, beside) if number % 2 else (beside, api)
            token = writing.post("/sync/message", json=said).headers["x-commit"]
            assert search(reading, f"twin{number}", commit=token)["total"] == 1


def bearer(api: httpx.Client) -> str:
    return api.headers["authorization"].removeprefix("Bearer ")


def test_it_waits_for_no_more_than_was_written(api: httpx.Client) -> None:
    """The token of a write that changed nothing is reached as well."""
    for _ in range(2):
        token = api.post("/sync/session", json={"externalId": "s", "title": "The same again"}).headers[
            "x-commit"
        ]
    assert externals(search(api, "again", commit=token)) == ["s"]


@pytest.fixture(scope="module")
def deaf(template_18: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory):
    """A service whose text index nobody writes."""
    with http_service(template_18, tmp_path_factory.mktemp("deaf"), indexed=False) as running:
        yield running


def test_it_says_when_the_index_is_behind(deaf: HttpService) -> None:
    """Without the index's writer: not ready, the lag is told, and a search for a write is 503 with Retry-After."""
    with deaf.client() as api:
        ready = api.get("/health/ready")
        assert (ready.status_code, ready.json()["missing"]) == (503, ["the text index"])
        assert ready.headers["retry-after"] == "1"
        messages = [
            {"sessionExternalId": "s", "externalId": f"m{n}", "role": "user", "textContent": "kettle"}
            for n in range(3)
        ]
        token = api.post("/sync/batch", json={"messages": messages}).headers["x-commit"]
        assert search(api, "kettle")["index"]["textLag"] == 3
        late = api.post("/search", json={"q": "kettle", "commit": token})
        assert (late.status_code, late.headers["retry-after"]) == (503, "1")
        assert late.json()["error"]


def test_it_is_ready_when_words_can_be_searched(api: httpx.Client) -> None:
    """With the index's writer it is ready."""
    assert api.get("/health/ready").json()["status"] == "ready"
