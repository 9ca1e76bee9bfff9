"""Who may ask what: keys, scopes, expiry, revocation, and the books that are kept of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from http_service import HttpService

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
