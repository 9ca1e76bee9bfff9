"""Live streams over HTTP: what is asked, what is told, what is shared, and how plain routes become streams."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from http_service import HttpService, exchange
from live_reader import following, params

from service.api.live import stream as streaming
from service.client import Client
from service.client.following import events


def send(api: httpx.Client, session: str, *messages: str, **fields: Any) -> str:
    """Sync a session with messages; the write's token."""
    body = {
        "sessions": [{"externalId": session, "source": "pi", **fields}],
        "messages": [
            {
                "sessionExternalId": session,
                "externalId": name,
                "role": "user",
                "textContent": f"text of {name}",
            }
            for name in messages
        ],
    }
    answer = api.post("/sync/batch", json=body)
    assert answer.json()["errors"] == []
    return str(answer.headers["x-commit"])


def get(api: httpx.Client, path: str) -> Any:
    return api.get(path).json()


def label(api: httpx.Client, message: str, **labels: Any) -> None:
    assert api.patch(f"/api/messages/{message}", json=labels).status_code == 200


def key(api: httpx.Client) -> str:
    return str(api.headers["authorization"]).removeprefix("Bearer ")


def once(api: httpx.Client, *queries: tuple[str, str, dict[str, Any]], **headers: str) -> dict[str, Any]:
    """The first answers, by id."""
    answer = api.get("/api/live", params=[*params(*queries), ("once", "true")], headers=headers)
    assert answer.status_code == 200
    return {event.data["id"]: event.data for event in events(answer.text.split("\n"))}


async def test_it_tells_an_answer_and_every_later_one(api: httpx.Client, service: HttpService) -> None:
    """A snapshot, then deltas with what is new alone; the last token contains the write."""
    send(api, "one", "m1")
    async with following(service.url, key(api), ("a", "sessions.messages", {"session": "one"})) as reader:
        await reader.until(lambda: reader.ids() == ["m1"])
        token = send(api, "one", "m2")
        await reader.until(lambda: reader.ids() == ["m1", "m2"])
        assert reader.kinds == ["snapshot", "delta"]
        assert [row["externalId"] for row in reader.events[1].data["upsert"]] == ["m2"]
        assert reader.result()["messages"] == get(api, "/api/sessions/one/messages")["messages"]
        assert "sessions" in get(api, f"/api/sessions?commit={reader.token}")
        assert reader.token.split(".")[:2] == token.split(".")[:2]


async def test_it_tells_only_what_changed_and_the_order(api: httpx.Client, service: HttpService) -> None:
    """A list tells the row that changed and, since it moved to the top, the order of all keys; the same again, nothing."""
    for name in ("one", "two", "three"):
        send(api, name, f"{name}-1")
    async with following(service.url, key(api), ("a", "sessions.list", {})) as reader:
        await reader.until(lambda: reader.ids(rows="sessions") == ["three", "two", "one"])
        send(api, "one", "one-2")
        await reader.until(lambda: reader.ids(rows="sessions") == ["one", "three", "two"])
        send(api, "one", "one-2")  # writes nothing
        send(api, "two", "two-2")
        await reader.until(lambda: reader.ids(rows="sessions") == ["two", "one", "three"])
        assert [[row["externalId"] for row in event.data.get("upsert", [])] for event in reader.events] == [
            [],
            ["one"],
            ["two"],
        ]
        assert reader.result()["sessions"] == get(api, "/api/sessions")["sessions"]


async def test_it_tells_a_session_by_delta_or_whole(api: httpx.Client, service: HttpService) -> None:
    """A message of `sessions.get` is a delta, with the session's count beside it; a title is a snapshot."""
    send(api, "one", "m1", title="First")
    async with following(service.url, key(api), ("a", "sessions.get", {"session": "one"})) as reader:
        await reader.until(lambda: reader.ids() == ["m1"])
        send(api, "one", "m2", title="First")
        await reader.until(lambda: reader.ids() == ["m1", "m2"])
        assert reader.kinds == ["snapshot", "delta"]
        assert reader.result() == get(api, "/api/sessions/one")
        send(api, "one", title="Second")
        await reader.until(lambda: reader.kinds == ["snapshot", "delta", "snapshot"])
        assert reader.result() == get(api, "/api/sessions/one")


async def test_it_answers_for_a_session_that_comes_later(api: httpx.Client, service: HttpService) -> None:
    """A name under which there is nothing yet answers an error, and a snapshot when it comes; by number as well."""
    send(api, "there", "m0")
    number = int(get(api, "/api/sessions/there")["session"]["id"][1:])
    queries = [("name", "sessions.get", {"session": "later"})] + [
        (f"number{n}", "sessions.messages", {"session": f"s{number + n}"}) for n in range(1, 40)
    ]
    async with following(service.url, key(api), *queries) as reader:
        await reader.until(lambda: reader.kinds == ["error"] * 40)
        send(api, "later", "m1")
        await reader.until(lambda: reader.ids("name") == ["m1"])
        id = reader.result("name")["session"]["id"]
        await reader.until(lambda: reader.ids(f"number{int(id[1:]) - number}") == ["m1"])


async def test_it_resumes_on_any_process(api: httpx.Client, service: HttpService, tmp_path: Path) -> None:
    """A token opens on another process: what did not change is not told again, what did is told."""
    send(api, "one", "m1")
    send(api, "two", "m1")
    queries = [(name, "sessions.messages", {"session": name}) for name in ("one", "two")]
    async with following(service.url, key(api), *queries) as reader:
        await reader.until(lambda: len(reader.folded) == 2)
    send(api, "two", "m2")
    with HttpService(service.resources.url, tmp_path, indexed=False) as another:
        async with following(
            another.url, key(api), *queries, resume=reader.token, held=reader.folded
        ) as again:
            await again.until(lambda: again.ids("two") == ["m1", "m2"])
            send(api, "one", "m2")
            await again.until(lambda: again.ids("one") == ["m1", "m2"])
            assert [event.data["id"] for event in again.events] == ["two", "one"]


async def test_it_promises_no_more_than_was_told(api: httpx.Client, service: HttpService) -> None:
    """Of several events of a tick only the last carries its token: cut off between them, nothing is lost."""
    queries = [("list", "sessions.list", {}), ("open", "sessions.messages", {"session": "one"})]
    send(api, "one", "m1")
    async with following(service.url, key(api), *queries) as reader:
        await reader.until(lambda: len(reader.events) == 2)
        send(api, "one", "m2")
        await reader.until(lambda: len(reader.events) == 4)
    tokens = [event.token for event in reader.events]
    assert tokens[0].endswith(".3:3:")
    assert tokens[1] == tokens[2] != tokens[3]
    cut = reader.events[2]
    async with following(service.url, key(api), *queries, resume=cut.token) as again:
        await again.until(lambda: set(again.folded) == {"list", "open"})


async def test_it_computes_once_for_all(api: httpx.Client, service: HttpService) -> None:
    """Fifty streams with the same query share one entry: as many statements for a commit as for one of them."""
    send(api, "one", "m1")
    live = service.resources.live
    asked = {"session": "one"}
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(
                following(service.url, key(api), (str(n), "sessions.messages", asked))
            )
            for n in range(50)
        ]
        for reader in readers:
            await reader.until(lambda reader=reader: len(reader.events) == 1)  # type: ignore[misc]
        assert len(live.book.entries) == 1
        before = live.figures.statements
        send(api, "one", "m2")
        for reader in readers:
            await reader.until(lambda reader=reader: len(reader.events) == 2)  # type: ignore[misc]
        assert live.figures.statements - before == 1
        told = {json.dumps(reader.events[1].data | {"id": ""}) for reader in readers}
        assert len(told) == 1


async def test_it_follows_sums_search_and_indexes(api: httpx.Client, service: HttpService) -> None:
    """`stats`, `search` and `index.status` come to what the plain routes say."""
    queries = [
        ("stats", "stats", {}),
        ("search", "search", {"q": "zebra", "type": "fulltext"}),
        ("index", "index.status", {}),
    ]
    async with following(service.url, key(api), *queries) as reader:
        await reader.until(lambda: set(reader.folded) == {"stats", "search", "index"})
        send(api, "zebra", "m1", title="A zebra")
        await reader.until(lambda: reader.result("stats") == get(api, "/api/stats"))
        await reader.until(lambda: reader.result("search").get("total", 0) >= 1)
        await reader.until(lambda: reader.result("index")["textLag"] == 0)


def test_it_makes_streams_of_plain_routes(api: httpx.Client) -> None:
    """`Accept: text/event-stream` on a reading route is that query's stream; its result is the plain answer."""
    send(api, "one", "m1", "m2")
    for path in (
        "/api/sessions?limit=1",
        "/api/sessions/one",
        "/api/sessions/get?id=one",
        "/api/sessions/one/messages?limit=1",
        "/api/stats",
    ):
        with api.stream("GET", path, headers={"Accept": "text/event-stream"}) as answer:
            event = next(events(answer.iter_lines()))
        assert event.data["result"] == get(api, path), path
    refused = api.get("/api/sessions/one/messages?around=m1", headers={"Accept": "text/event-stream"})
    assert refused.status_code == 400


async def test_it_follows_labels_and_evals(api: httpx.Client, service: HttpService) -> None:
    """A message that is tagged and marked is told with its labels, and its session comes to the list of evals."""
    send(api, "one", "m1", "m2")
    (message, _) = get(api, "/api/sessions/one/messages")["messages"]
    queries = [("open", "sessions.messages", {"session": "one"}), ("evals", "evals.list", {})]
    async with following(service.url, key(api), *queries) as reader:
        await reader.until(lambda: set(reader.folded) == {"open", "evals"})
        label(api, message["id"], tags=["good"], evalReady=True)
        await reader.until(lambda: reader.result("open") == get(api, "/api/sessions/one/messages"))
        assert reader.result("open")["messages"][0]["tags"] == ["good"]
        await reader.until(lambda: reader.result("evals") == get(api, "/api/evals"))
        assert len(reader.result("evals")["sessions"]) == 1


def test_it_answers_usage_as_the_plain_routes_do(api: httpx.Client) -> None:
    """Each report of usage is answered, its days keyed by day and what they are cut by; only its clock may differ."""
    send(api, "one", "m1")
    for name, args in (
        ("usage.daily", {"by": ["project", "user"], "from": "2026-05-01", "to": "2026-05-03"}),
        ("usage.summary", {}),
        ("usage.models", {"limit": 5}),
        ("usage.projects", {}),
        ("usage.sources", {}),
        ("wrapped.today", {}),
    ):
        told = once(api, ("a", name, args))["a"]
        path = f"/api/{name.replace('.', '/')}".replace("wrapped/today", "wrapped")
        wanted = api.get(path, params={**args, "by": ",".join(args.get("by", []))}).json()  # type: ignore[arg-type]
        assert told["result"] | {"computedAt": 0} == wanted | {"computedAt": 0}, name
        assert name != "usage.daily" or told["key"] == ["day", "project", "user"]


def test_it_opens_by_cookie(api: httpx.Client, service: HttpService) -> None:
    """A browser that signed in needs no header; a page of another origin gets nothing."""
    with httpx.Client(base_url=service.url, trust_env=False) as browser:
        signed_in = browser.post("/api/auth/session", json={"key": key(api)}, headers={"Origin": service.url})
        assert signed_in.status_code == 200
        assert once(browser, ("a", "stats", {}))["a"]["result"]["sessionCount"] == 0
        refused = browser.get("/api/live?q=stats&once=true", headers={"Origin": "https://evil.example"})
        assert refused.status_code == 403


def test_it_tells_errors_by_query(api: httpx.Client) -> None:
    """What cannot be answered is told under its own id, and the others are answered."""
    queries: list[tuple[str, str]] = [
        *params(("good", "stats", {}), ("unknown", "no.such", {}), ("absent", "documents.list", {})),
        *params(("bounds", "sessions.list", {"limit": -1}), ("good", "stats", {}), ("empty", "search", {})),
        ("q", "{"),
        ("q", '{"id": 5, "query": "stats"}'),
    ]
    answer = api.get("/api/live", params=[*queries, ("once", "true")])
    told = [(event.kind, event.data["id"]) for event in events(answer.text.split("\n"))]
    assert sorted(told) == [
        ("error", "#6"),
        ("error", "#7"),
        ("error", "absent"),
        ("error", "bounds"),
        ("error", "empty"),
        ("error", "good"),
        ("error", "unknown"),
        ("snapshot", "good"),
    ]


@pytest.mark.parametrize(
    "query", ["", "q=", "q={", "q=no.such", "q=%7B%22query%22%3A5%7D", "&".join(["q=stats"] * 65)]
)
def test_it_refuses_a_stream_of_nothing(api: httpx.Client, query: str) -> None:
    """Without a query that is known, or with too many, a stream is a 400 with a sentence."""
    answer = api.get(f"/api/live?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"].endswith((".", "them."))


async def test_it_limits_streams_by_key(api: httpx.Client, service: HttpService) -> None:
    """A key that has as many as it may is told 429, and may again when one ends."""
    before = service.resources.settings
    service.resources.settings = msgspec.structs.replace(before, streams_per_key=1)
    try:
        async with following(service.url, key(api), ("a", "stats", {})) as reader:
            await reader.until(lambda: bool(reader.events))
            assert "live streams open" in get(api, "/api/live?q=stats&once=true")["error"]
    finally:
        service.resources.settings = before


async def test_it_ends_with_its_key(api: httpx.Client, service: HttpService) -> None:
    """A key that expires while a stream is open is told, and the stream ends."""
    workspace = service.caller(api).workspace_id, service.caller(api).user_id
    short = service.key(workspace, expires_at=datetime.now(UTC) + timedelta(seconds=1.5))
    async with following(service.url, short, ("a", "stats", {})) as reader:
        await reader.until_ended()
        assert reader.kinds == ["snapshot", "revoked"]


async def test_it_says_that_it_lives(
    api: httpx.Client, service: HttpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream with nothing to tell sends a comment at intervals."""
    monkeypatch.setattr(streaming, "HEARTBEAT_S", 0.05)
    async with following(service.url, key(api), ("a", "stats", {})) as reader:
        await reader.until(lambda: reader.comments.count(": hb") >= 1 or not reader.events)


def test_it_answers_head_at_once(service: HttpService, api: httpx.Client) -> None:
    """HEAD tells the headers and opens no stream."""
    request = (
        f"HEAD /api/live?q=stats HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key(api)}\r\n\r\n"
    )
    assert b"text/event-stream" in exchange(service, request.encode())


def test_it_describes_its_catalogue(api: httpx.Client) -> None:
    """Every name of the contract stands there, with schemas or with why there is no answer."""
    told = {each["query"]: each for each in get(api, "/api/live/catalogue")["queries"]}
    assert {
        "sessions.list",
        "sessions.get",
        "sessions.messages",
        "sessions.processing",
        "search",
        "stats",
    } < set(told)
    assert {"usage.daily", "evals.list", "documents.get", "runs.steps", "index.status"} < set(told)
    assert all("absent" in each or {"args", "result", "cost"} <= each.keys() for each in told.values())
    assert (told["sessions.list"]["rows"], told["sessions.list"]["key"]) == ("sessions", ["id"])


def test_it_is_followed_by_our_client(api: httpx.Client, service: HttpService) -> None:
    """`Client.follow` gives whole answers, deltas folded in, whatever a text holds that others take for a line's end."""
    odd = "a\u2028b\u2029c\x85d\re\x1ef"
    send(api, "one", "m1", title=odd)
    with Client(service.url, key(api), use_proxy=False) as client:
        _, listed = next(client.follow({"a": ("sessions.list", {})}))
        assert [row["title"] for row in listed["sessions"]] == [
            get(api, "/api/sessions")["sessions"][0]["title"]
        ]
        assert "\u2028" in listed["sessions"][0]["title"]
    with Client(service.url, key(api), use_proxy=False) as client:
        following = client.follow({"a": ("sessions.messages", {"session": "one"})})
        assert [row["externalId"] for row in next(following)[1]["messages"]] == ["m1"]
        send(api, "one", "m2")
        assert [row["externalId"] for row in next(following)[1]["messages"]] == ["m1", "m2"]
