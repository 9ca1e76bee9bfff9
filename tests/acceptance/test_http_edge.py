"""What every path of the HTTP service answers alike."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from contextlib import ExitStack

import httpx
import psycopg
import pytest
from http_service import HttpService, exchange, http_service

from service.postgres import EmbeddedPostgres

SESSION = {"externalId": "e1", "title": "One", "source": "pi"}


@pytest.mark.parametrize(
    "path", ["/health", "/api/sessions", "/sync/batch", "/nowhere", "/api/sessions/a%2Fb"]
)
def test_it_answers_options_on_every_path(api: httpx.Client, path: str) -> None:
    """OPTIONS is 204 with CORS headers, without a key, also where there is nothing."""
    answer = api.options(path, headers={"Authorization": ""})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/health", 405),
        ("GET", "/api/sessions?limit=x", 400),
    ],
)
def test_it_sends_cors_headers_with_every_answer(
    api: httpx.Client, method: str, path: str, status: int
) -> None:
    """Errors too, and X-Commit and ETag can be read by a page."""
    answer = api.request(method, path)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"X-Commit", "ETag"} <= set(answer.headers["access-control-expose-headers"].split(", "))


@pytest.mark.parametrize("nul", ["%00", "%00%00", "x&{name}=%00"])
@pytest.mark.parametrize(
    ("path", "name"),
    [("/api/search?q=x", name) for name in ("source", "project", "session", "tag", "role", "after", "cursor")]
    + [("/api/context?q=x", "exclude"), ("/api/sessions?limit=5", "source"), ("/api/sessions?limit=5", "cursor"), ("/api/usage/daily?tz=UTC", "source")],
)  # fmt: skip
def test_it_passes_over_no_parameter_of_nul_alone(api: httpx.Client, path: str, name: str, nul: str) -> None:
    """What was said and is nothing without NUL is 400 with a sentence on every route; what is plainly empty is not given."""
    answer = api.get(f"{path}&{name}={nul.format(name=name)}")
    assert answer.status_code == 400
    assert answer.json()["error"] == f"{name} says nothing but NUL: give it a value, or leave it out."
    assert api.get(f"{path}&{name}=").status_code == 200
    assert api.get(f"{path}&unknown=%00").status_code == 200


def test_it_lets_no_nul_come_of_others_that_go(api: httpx.Client) -> None:
    """What is left when NUL is taken out of a parameter is text, and never read as an escape again."""
    for path in ("/api/sessions?project=%0%000", "/api/sessions?q=x%0%000", "/api/search?q=x&session=%0%000"):
        answer = api.get(path)
        assert (answer.status_code, answer.json().get("error")) == (200, None)


@pytest.mark.parametrize("path", ["/health", "/api/sessions", "/api/stats", "/schema", "/metrics"])
def test_it_answers_head_where_get_works(api: httpx.Client, path: str) -> None:
    """The same status and type as GET, and no body."""
    answer = api.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == api.get(path).headers["content-type"]


def test_it_collapses_slashes(service: HttpService, api: httpx.Client) -> None:
    """A base URL that ends in a slash makes `//sync/session`, which is the same path."""
    key = api.headers["authorization"]
    body = json.dumps(SESSION)
    sent = f"POST //sync///session HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    assert exchange(service, sent.encode()).startswith(b"HTTP/1.1 200")


def test_it_takes_an_encoded_slash_as_part_of_an_id(api: httpx.Client) -> None:
    """`%2F` in a path does not divide it."""
    api.post("/sync/session", json={"externalId": "team/run//7"})
    for path in (
        "/api/sessions/team%2Frun%2F%2f7",
        "/api/sessions/team%2Frun%2F%2f7/messages",
        "/api/sessions/get?id=team/run//7",
    ):
        assert api.get(path).status_code == 200, path
    assert api.get("/api/sessions/team/run//7").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/", 404),
        ("DELETE", "/health", 405),
        ("PUT", "/sync/session", 405),
        ("GET", "/%ff%fe", 404),
    ],
)
def test_it_says_errors_in_one_form(api: httpx.Client, method: str, path: str, status: int) -> None:
    """`{"error": "<sentence>"}`, also where there is no route or not this method."""
    answer = api.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{}", b'{"externalId": 5}', b"[" * 5000]
)
@pytest.mark.parametrize("path", ["/sync/session", "/sync/message", "/search"])
def test_it_answers_malformed_json_with_400(api: httpx.Client, path: str, body: bytes) -> None:
    """What is no JSON, or no object, or lacks its id, is the client's fault, and told in a sentence."""
    answer = api.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_it_gives_every_answer_an_id(api: httpx.Client) -> None:
    """X-Request-Id is the client's own when it is a plain word, else a new one."""
    assert api.get("/health", headers={"X-Request-Id": "try-1"}).headers["x-request-id"] == "try-1"
    made = api.get("/health", headers={"X-Request-Id": "no\tword <b>"}).headers["x-request-id"]
    assert made.isalnum()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_it_takes_packed_bodies(api: httpx.Client, encoding: str) -> None:
    """A gzip or deflate body is what it unpacks to."""
    plain = json.dumps(SESSION).encode()
    packed = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)
    assert (
        api.post("/sync/session", content=packed, headers={"Content-Encoding": encoding}).status_code == 200
    )
    assert api.get("/api/sessions/e1").json()["session"]["title"] == "One"


@pytest.mark.parametrize(
    ("encoding", "body"), [("br", b"x"), ("gzip", b"no gzip"), ("gzip", gzip.compress(b"{}", mtime=0)[:-4])]
)
def test_it_refuses_what_it_cannot_unpack(api: httpx.Client, encoding: str, body: bytes) -> None:
    """An unknown encoding, or a body that is not what it says, is 400."""
    assert api.post("/sync/session", content=body, headers={"Content-Encoding": encoding}).status_code == 400


@pytest.fixture(scope="module")
def small(template_18: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory):
    """A service that takes bodies of 10,000 bytes and few requests."""
    home = tmp_path_factory.mktemp("small")
    limits = {"body_limit_bytes": 10_000, "requests_per_minute": 3, "sync_requests_per_minute": 5}
    with http_service(template_18, home, **limits) as running:
        yield running


def test_it_refuses_large_bodies(small: HttpService) -> None:
    """Above the limit 413, told by the length, met while reading chunks, or met while unpacking."""
    large = json.dumps({"externalId": "e", "title": "x" * 20_000}).encode()
    with small.client() as api:
        by_length = api.post("/sync/session", content=large)
        in_chunks = api.post(
            "/sync/session", content=(large[at : at + 1000] for at in range(0, len(large), 1000))
        )
        unpacked = api.post(
            "/sync/session", content=gzip.compress(large), headers={"Content-Encoding": "gzip"}
        )
        assert [answer.status_code for answer in (by_length, in_chunks, unpacked)] == [413, 413, 413]
        assert "10,000 bytes" in by_length.json()["error"]
        assert api.post("/sync/session", json=SESSION).status_code == 200


def test_it_limits_a_key_that_comes_through_a_proxy(small: HttpService) -> None:
    """A proxied key may ask so often a minute, /sync apart from the rest; then 429 with Retry-After."""
    with small.client(**{"X-Forwarded-For": "203.0.113.9"}) as api:
        reads = [api.get("/api/stats") for _ in range(4)]
        writes = [api.post("/sync/session", json=SESSION) for _ in range(6)]
    assert [answer.status_code for answer in reads] == [200, 200, 200, 429]
    assert [answer.status_code for answer in writes] == [200, 200, 200, 200, 200, 429]
    assert 1 <= int(reads[-1].headers["retry-after"]) <= 60
    assert reads[-1].json()["error"].startswith("This key may ask 3 times a minute")


def test_it_does_not_limit_loopback(small: HttpService) -> None:
    """From the same machine there is no limit."""
    with small.client() as api:
        assert {api.get("/api/stats").status_code for _ in range(10)} == {200}


def test_it_holds_no_connection_for_a_slow_client(service: HttpService, api: httpx.Client) -> None:
    """More clients than there are connections to Postgres send half a body; others are answered meanwhile."""
    head = f"POST /sync/session HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['authorization']}\r\nContent-Length: 1000\r\n\r\n{{"
    with ExitStack() as slow:
        for _ in range(service.settings.pool_size + 4):
            slow.enter_context(socket.create_connection(service.address)).sendall(head.encode())
        assert api.get("/api/sessions").status_code == 200


def test_it_shows_nothing_of_what_went_wrong_inside(small: HttpService) -> None:
    """A fault of ours is `Internal error` with the request's id, and nothing else."""
    with small.client() as api:
        as_owner(small, "alter table session_tags rename to elsewhere")
        answer = api.get("/api/sessions")
        as_owner(small, "alter table elsewhere rename to session_tags")
    assert answer.status_code == 500
    assert answer.json() == {"error": "Internal error", "requestId": answer.headers["x-request-id"]}


def as_owner(service: HttpService, statement: str) -> None:
    with psycopg.connect(service.resources.url, autocommit=True) as conn:
        conn.execute(statement)
