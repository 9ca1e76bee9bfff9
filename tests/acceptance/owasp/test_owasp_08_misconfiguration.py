"""OWASP API8:2023, security misconfiguration: what every answer says and does not say, under which names, to which pages."""

from __future__ import annotations

import httpx
import pytest
from http_service import HttpService, whole
from resting import missing
from test_http_keys import planted
from test_tenants_http import CALLS, filled, named

from service.api.gate.edge import CORS

RESTS_ON = [
    "test_http_edge.test_it_sends_cors_headers_with_every_answer",
    "test_http_edge.test_it_says_errors_in_one_form",
    "test_http_edge.test_it_shows_nothing_of_what_went_wrong_inside",
    "test_http_keys.test_it_shows_metrics_to_no_page_of_somebody_else",
    "test_sign_in.test_it_answers_to_no_other_name_without_a_key",
    "test_sign_in.test_it_refuses_a_host_that_is_no_name",
    "test_sign_in.test_it_allows_no_other_page_to_use_the_cookie",
    "test_slow_clients.test_it_says_in_one_form_what_is_no_request",
]


def test_it_rests_on_tests_that_are_there() -> None:
    """What this file does not ask again is asked there."""
    assert missing(RESTS_ON) == []


TELLING = ("server", "x-powered-by", "via", "x-aspnet-version", "access-control-allow-credentials")


def test_it_says_with_every_answer_how_it_may_be_used(service: HttpService) -> None:
    """Every route, done or refused: no guessing of types, no keeping by caches, no name of what runs, no credentials by CORS."""
    workspace = service.workspace()
    names = planted(service, workspace)
    with service.client(service.key(workspace)) as api:
        for calls in CALLS.values():
            for method, path, body in calls:
                for headers in ({}, {"Authorization": "Bearer osk_no"}):
                    answer = api.request(
                        method, filled(path, names), json=named(body, names), headers=headers
                    )
                    said = answer.headers
                    assert said["x-content-type-options"] == "nosniff", path
                    kept = "no-cache" if said["content-type"].startswith("text/event-stream") else "no-store"
                    assert kept in said["cache-control"] or "private" in said["cache-control"], path
                    assert not set(TELLING) & set(said), path


def test_it_does_not_play_back_a_request(service: HttpService) -> None:
    """TRACE would show a page the headers that its browser adds; it is no method here."""
    answer = whole(service, b"TRACE /api/stats HTTP/1.1\r\nHost: localhost\r\nCookie: secret=1\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 405", b"HTTP/1.1 404"))
    assert b"secret" not in answer


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[::1].evil.example"]
)
def test_it_knows_no_other_name_on_any_open_route(service: HttpService, host: str) -> None:
    """A page that bound its name to this machine reads nothing that needs no key."""
    with httpx.Client(base_url=service.url, headers={"Host": host}, trust_env=False) as page:
        for route in CALLS:
            method, _, path = route.partition(" ")
            answer = page.request(method, path.replace("{id}", "x").replace("{slug}", "x"))
            assert answer.status_code in (401, 403), path


def test_it_opens_itself_to_pages_with_a_key_only() -> None:
    """CORS: any origin, and never with credentials, so that a browser adds no cookie."""
    assert dict(CORS)[b"access-control-allow-origin"] == b"*"
    assert b"access-control-allow-credentials" not in dict(CORS)


@pytest.mark.parametrize(
    "smuggled",
    [
        b"Content-Length: 3\r\nContent-Length: 30\r\n",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 1_0\r\n",
        b"Content-Length : 3\r\n",
        b"X: a\nContent-Length: 3\r\n",
    ],
)
def test_it_takes_no_body_that_could_be_two(service: HttpService, smuggled: bytes) -> None:
    """Lengths that contradict each other are refused: a proxy in front could see another request than we do."""
    head = b"POST /sync/session HTTP/1.1\r\nHost: localhost\r\n" + smuggled + b"\r\n"
    answer = whole(service, head + b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401"))
    assert b'"status":"ok"' not in answer
