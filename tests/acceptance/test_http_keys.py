"""Who may ask what: keys, scopes, expiry, revocation, and the books that are kept of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from random import sample
from statistics import quantiles
from typing import Any

import httpx
import psycopg
import pytest
from http_service import HttpService, whole
from test_tenants_http import CALLS, Names, filled, named

from service.app import ROUTES
from service.storage import people

READS = [
    "/api/sessions",
    "/api/sessions/x",
    "/api/sessions/get?id=x",
    "/api/sessions/x/messages",
    "/api/search?q=x",
    "/api/stats",
]
PATIENCE_S = 10.0


@pytest.mark.parametrize("path", [*READS, "/sync/sessions/list"])
def test_it_asks_for_a_key(api: httpx.Client, path: str) -> None:
    """Without a key, with an unknown one, with something else: 401 in OpenSync's words."""
    said = {
        given: (answer := api.get(path, headers={"Authorization": given})).json()["error"]
        + f" {answer.status_code}"
        for given in ("", "osk_x", "Basic eDp5", "Bearer", "Bearer osk_unknown", "Bearer eyJhbGciOi")
    }
    assert said == {
        "": "Missing Authorization header 401",
        "osk_x": "Missing Authorization header 401",
        "Basic eDp5": "Missing Authorization header 401",
        "Bearer": "Missing Authorization header 401",
        "Bearer osk_unknown": "Invalid API key 401",
        "Bearer eyJhbGciOi": "Invalid or expired token 401",
    }


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/metrics", "/schema"])
def test_it_asks_for_no_key_where_none_is_needed(api: httpx.Client, path: str) -> None:
    """Health, metrics from this machine, and the schema are open."""
    assert api.get(path, headers={"Authorization": ""}).status_code == 200


@pytest.mark.parametrize(
    ("scope", "sync", "read", "label"),
    [("ingest", 200, 403, 403), ("read", 403, 200, 403), ("admin", 200, 200, 200)],
)
def test_it_opens_what_the_scope_says(
    service: HttpService, scope: str, sync: int, read: int, label: int
) -> None:
    """`ingest` sends, `read` reads and searches, `admin` does all; what is lacking is named."""
    workspace = service.workspace()
    with (
        service.client(service.key(workspace)) as owner,
        service.client(service.key(workspace, scopes=[scope])) as api,
    ):
        owner.post("/sync/session", json={"externalId": "e1"})
        answers = {
            "ingest": (api.post("/sync/session", json={"externalId": "e1"}), sync),
            "read": (api.post("/search", json={"q": "x"}), read),
            "admin": (api.patch("/api/sessions/e1", json={"notes": "x"}), label),
        }
    for lacking, (answer, status) in answers.items():
        assert answer.status_code == status, lacking
        assert status == 200 or f"`{lacking}`" in answer.json()["error"]


@pytest.mark.parametrize("scope", people.ALL_SCOPES)
def test_it_opens_each_route_to_the_scope_that_it_names_and_to_no_other(
    service: HttpService, scope: str
) -> None:
    """Every route, asked with a key of one scope: done where the route takes it or `admin` is it, else 403."""
    unchanged = service.workspace()
    there = planted(service, unchanged)
    for handler in ROUTES:
        spec = handler.opt["route"]
        for method, path, body in CALLS[f"{spec.method} {spec.path}"]:
            may = spec.scope is None or scope in (spec.scope, "admin")
            workspace, names = (unchanged, there) if method == "GET" or not may else of_its_own(service)
            with service.client(service.key(workspace, scopes=[scope])) as api:
                answer = api.request(method, filled(path, names), json=named(body, names))
            assert answer.status_code == (200 if may else 403), f"{method} {path}: {answer.text}"
            assert may or f"`{spec.scope}`" in answer.json()["error"]


def of_its_own(service: HttpService) -> tuple[tuple[int, int], Names]:
    """A new workspace, which a route may change."""
    workspace = service.workspace()
    return workspace, planted(service, workspace)


def planted(service: HttpService, workspace: tuple[int, int]) -> Names:
    """A session with two messages and a shared page, and a saved search, for the routes that name one."""
    with service.client(service.key(workspace)) as owner:
        message = {"sessionExternalId": "own", "externalId": "m", "role": "user", "textContent": "hello"}
        said = message | {"externalId": "n", "role": "assistant", "textContent": "hello, too"}
        owner.post("/sync/batch", json={"messages": [message, said]})
        shared = owner.patch("/api/sessions/own", json={"isPublic": True}).json()["session"]
        told, _ = owner.get("/api/sessions/own/messages").json()["messages"]
        saved = owner.post("/api/searches", json={"name": "own", "search": {"q": "hello"}}).json()["search"]
    return Names(s="own", m=told["id"], q=saved["id"], slug=shared["slug"])


@pytest.mark.parametrize("state", ["unknown", "revoked", "expired", "removed"])
def test_it_refuses_a_key_that_opens_nothing_on_every_route(service: HttpService, state: str) -> None:
    """Unknown, revoked, expired, of a member who has gone: each route that asks for a key says 401, in the same words."""
    workspace = service.workspace()
    key = people.new_key() if state == "unknown" else service.key(workspace)
    act = {
        "revoked": "update api_keys set revoked_at = now() where workspace_id = %s",
        "expired": "update api_keys set expires_at = now() - interval '1 second' where workspace_id = %s",
        "removed": "delete from members where workspace_id = %s",
    }
    if state in act:
        with psycopg.connect(service.resources.url, autocommit=True) as conn:
            conn.execute(act[state], workspace[:1])  # type: ignore[arg-type]  # one of ours, above
    with service.client(key) as api:
        for handler in ROUTES:
            spec = handler.opt["route"]
            if spec.scope is not None:
                answer = api.request(spec.method, spec.path)
                assert (answer.status_code, answer.json()) == (401, {"error": "Invalid API key"}), spec.path


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("Bearer osk_" + "x" * 50_000, "Invalid API key"),
        ("Bearer osk_" + "x" * 197, "Invalid API key"),
        ("Bearer osk_\xff\xfe\x80", "Invalid API key"),
        ("Bearer osk_' or 1=1 --", "Invalid API key"),
        ("Bearer osk_", "Invalid API key"),
        ("bearer\tosk_x", "Missing Authorization header"),
        ("Bearer \xa0", "Missing Authorization header"),
        ("Basic osk_x", "Missing Authorization header"),
    ],
    ids=[
        "50 kB",
        "longer than any",
        "bytes",
        "SQL",
        "nothing after it",
        "a tab",
        "a space",
        "another scheme",
    ],
)
def test_it_refuses_hostile_keys(service: HttpService, header: str, error: str) -> None:
    """Whatever stands in the header: 401, a known sentence, and the next request is answered."""
    head = b"GET /api/stats HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + header.encode("latin-1")
    answer = whole(service, head + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401")
    assert error.encode() in answer
    with service.client() as api:
        assert api.get("/api/stats").status_code == 200


def test_it_keeps_two_workspaces_of_one_person_apart(service: HttpService) -> None:
    """A person in two workspaces has a key for each, and each key opens its own: the same names, other sessions."""
    first, second = service.workspace(), service.workspace()
    with psycopg.connect(service.resources.url, autocommit=True) as conn:
        conn.execute("insert into members values (%s, %s, 'member')", [second[0], first[1]])
    with (
        service.client(service.key(first)) as one,
        service.client(service.key((second[0], first[1]), scopes=["ingest", "read"])) as two,
    ):
        one.post("/sync/session", json={"externalId": "same", "title": "First"})
        two.post("/sync/session", json={"externalId": "same", "title": "Second"})
        titles = [
            [each["title"] for each in api.get("/api/sessions").json()["sessions"]] for api in (one, two)
        ]
    assert titles == [["First"], ["Second"]]


def test_it_takes_as_long_for_what_is_anothers_as_for_what_is_not_there(service: HttpService) -> None:
    """Many requests for a foreign id, in random order with those for an unknown one: their lower quartiles lie together."""
    theirs = planted(service, service.workspace())
    with service.client() as other:
        other.post("/sync/session", json={"externalId": "theirs"})
        foreign = other.get("/api/sessions/theirs").json()["session"]["id"]
    took: dict[str, list[float]] = {foreign: [], "s999999999": [], theirs.m: [], "m999999999": []}
    with service.client() as api:
        for id in sample(list(took) * 60, 240):
            path = f"/api/sessions/{id}" if id[0] == "s" else f"/api/sessions/x/messages?around={id}"
            started_s = time.perf_counter()
            assert api.get(path).status_code == 404
            took[id].append(time.perf_counter() - started_s)
    lower = {id: quantiles(times, n=4)[0] for id, times in took.items()}
    assert lower[foreign] == pytest.approx(lower["s999999999"], rel=0.5)
    assert lower[theirs.m] == pytest.approx(lower["m999999999"], rel=0.5)


def test_it_refuses_an_expired_key(service: HttpService) -> None:
    """Expiry is compared each time; the answer is that for an unknown key."""
    workspace, now = service.workspace(), datetime.now(UTC)
    past = service.key(workspace, expires_at=now - timedelta(seconds=1))
    ahead = service.key(workspace, expires_at=now + timedelta(hours=1))
    with service.client(past) as api:
        answer = api.get("/api/stats")
        assert (answer.status_code, answer.json()) == (401, {"error": "Invalid API key"})
        assert api.get("/api/stats", headers={"Authorization": f"Bearer {ahead}"}).status_code == 200


def test_it_forgets_a_revoked_key_within_about_a_second(service: HttpService) -> None:
    """A key that worked a moment ago stops when it is revoked."""
    workspace = service.workspace()
    with service.client(service.key(workspace)) as api:
        assert api.get("/api/stats").status_code == 200
        with psycopg.connect(service.resources.url, autocommit=True) as conn:
            conn.execute("update api_keys set revoked_at = now() where workspace_id = %s", workspace[:1])
        revoked_s = time.monotonic()
        while api.get("/api/stats").status_code == 200:
            assert time.monotonic() - revoked_s < 2
        assert api.get("/api/stats").json() == {"error": "Invalid API key"}


def test_it_keeps_a_log_of_requests_without_what_was_asked(service: HttpService) -> None:
    """Each /api and /sync answer leaves its route, status and time; no query, no text. And the key's last use."""
    workspace = service.workspace()
    with service.client(service.key(workspace)) as api:
        api.get("/api/search", params={"q": "secret words"})
        api.get("/api/sessions/secret")
        api.get("/health")
    lines = until(
        lambda: service.rows(workspace[0], "select method, route, status from request_log order by id"),
        lambda rows: len(rows) == 2,
    )
    assert [tuple(line.values()) for line in lines] == [
        ("GET", "/api/search", 200),
        ("GET", "/api/sessions/{id}", 404),
    ]
    (key,) = service.rows(workspace[0], "select last_used_at from api_keys")
    assert key["last_used_at"] is not None


def until(read: Any, good: Any) -> Any:
    """What `read` gives once it is `good`."""
    end_s = time.monotonic() + PATIENCE_S
    while not good(found := read()):
        assert time.monotonic() < end_s, found
    return found


def test_it_shows_metrics_elsewhere_only_to_admins(service: HttpService) -> None:
    """Through a proxy /metrics needs a key with the scope `admin`."""
    workspace = service.workspace()
    proxied = {"X-Forwarded-For": "203.0.113.9"}
    with (
        service.client(service.key(workspace, scopes=["read"]), **proxied) as reader,
        service.client(service.key(workspace), **proxied) as admin,
    ):
        assert reader.get("/metrics").status_code == 403
        assert reader.get("/metrics", headers={"Authorization": ""}).status_code == 401
        assert admin.get("/metrics").status_code == 200


def test_it_counts_requests_by_route(api: httpx.Client) -> None:
    """/metrics has counts and latencies by route template, and what the indexes have waiting."""
    api.get("/api/sessions/whatever-id")
    text = api.get("/metrics").text
    assert 'backscroll_requests_total{method="GET",route="/api/sessions/{id}",status="404"}' in text
    assert 'backscroll_request_seconds_bucket{le="0.005",method="GET",route="/api/sessions/{id}"}' in text
    assert 'backscroll_index_lag{index="text"}' in text
    assert "whatever-id" not in text


def test_it_shows_metrics_to_no_page_of_somebody_else(service: HttpService) -> None:
    """From this machine without a key, but not where a browser says that another's page asks, or by another name."""
    for header in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
    ):
        with httpx.Client(base_url=service.url, headers=header, trust_env=False) as page:
            assert page.get("/metrics").status_code in (401, 403), header
        with httpx.Client(
            base_url=service.url, headers=header | {"Authorization": "x"}, trust_env=False
        ) as page:
            assert page.get("/metrics").status_code == 401, header
    with httpx.Client(base_url=service.url, trust_env=False) as program:
        assert program.get("/metrics").status_code == 200
