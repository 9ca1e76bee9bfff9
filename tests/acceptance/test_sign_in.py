"""Signing in with a key for a cookie: what browsers may do by it, from where, and until when."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from http_service import HttpService, http_service, whole
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.api.gate.auth import CACHED_S, COOKIE
from service.postgres import EmbeddedPostgres

SIGN_IN = "/api/auth/session"
FOREIGN = [
    "https://evil.example",
    "http://localhost:1",
    "null",
    "http://127.0.0.1.evil.example",
    "x",
    "http://[",
]


class Browser:
    """Somebody's browser: a page of the service, which asks with what the cookie jar holds."""

    def __init__(self, service: HttpService, key: str, **headers: str) -> None:
        self.http = httpx.Client(base_url=service.url, headers=headers, trust_env=False, timeout=30)
        self.origin = service.url
        self.signed_in = self.http.post(SIGN_IN, json={"key": key}, headers={"Origin": self.origin})

    def get(self, path: str = "/api/stats", **headers: str) -> httpx.Response:
        return self.http.get(path, headers=headers)

    def write(self, **headers: str) -> httpx.Response:
        return self.http.post("/sync/session", json={"externalId": "x"}, headers=headers)

    @property
    def ticket(self) -> str:
        return self.http.cookies[COOKIE]


@pytest.fixture
def workspace(service: HttpService) -> tuple[int, int]:
    return service.workspace()


@pytest.fixture
def browser(service: HttpService, workspace: tuple[int, int]) -> Iterator[Browser]:
    opened = Browser(service, service.key(workspace))
    assert opened.signed_in.status_code == 200
    yield opened
    opened.http.close()


def plain(service: HttpService, **headers: str) -> httpx.Client:
    return httpx.Client(base_url=service.url, headers=headers, trust_env=False, timeout=30)


def sentence(answer: httpx.Response) -> str:
    return str(answer.json()["error"])


def test_it_gives_a_cookie_for_a_key(service: HttpService, workspace: tuple[int, int]) -> None:
    """In the body or the header: who one is, and a cookie that no script reads and no other site's page sends."""
    key = service.key(workspace, scopes=["read", "ingest"])
    with plain(service) as http:
        for answer in (
            http.post(SIGN_IN, json={"key": key}),
            http.post(SIGN_IN, headers={"Authorization": f"Bearer {key}"}),
        ):
            assert answer.status_code == 200
            (cookie,) = answer.headers.get_list("set-cookie")
            assert re.fullmatch(
                r"backscroll_session=[\w.-]+; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000", cookie
            )
            assert key not in answer.text + cookie
            told = answer.json()
            assert told == {
                "ok": True, "workspace": told["user"], "user": told["user"], "scopes": ["ingest", "read"],
            }  # fmt: skip


def test_it_marks_the_cookie_secure_behind_tls(service: HttpService, workspace: tuple[int, int]) -> None:
    """Where the proxy says that the browser came over https."""
    with plain(service, **{"X-Forwarded-Proto": "https"}) as http:
        cookie = http.post(SIGN_IN, json={"key": service.key(workspace)}).headers["set-cookie"]
    assert cookie.endswith("; Secure")


def test_it_gives_a_cookie_that_ends_with_its_key(service: HttpService, workspace: tuple[int, int]) -> None:
    """Max-Age is at most what the key has left, and the answer says when it ends."""
    ends_at = datetime.now(UTC) + timedelta(minutes=5)
    with plain(service) as http:
        answer = http.post(SIGN_IN, json={"key": service.key(workspace, expires_at=ends_at)})
    age = re.search(r"Max-Age=(\d+)", answer.headers["set-cookie"])
    assert age is not None
    assert 290 <= int(age[1]) <= 300
    assert answer.json()["expiresAt"] == pytest.approx(ends_at.timestamp() * 1000, abs=1)


def test_it_admits_by_cookie_with_the_scopes_of_the_key(
    service: HttpService, workspace: tuple[int, int]
) -> None:
    """A browser that signed in with a key that reads, reads; it does not write and does not delete."""
    browser = Browser(service, service.key(workspace, scopes=["read"]))
    assert browser.get().status_code == 200
    assert browser.write(Origin=browser.origin).status_code == 403
    deleted = browser.http.delete("/api/sessions/x", headers={"Origin": browser.origin})
    assert "`admin`" in sentence(deleted)
    browser.http.close()


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 401, "Missing Authorization header"),
        (b"{}", 401, "Missing Authorization header"),
        (b'{"key": null}', 401, "Missing Authorization header"),
        (b'{"key": "osk_unknown"}', 401, "Invalid API key"),
        (b'{"key": "eyJhbGciOi"}', 401, "Invalid or expired token"),
        (b'{"key": 5}', 400, "key must be"),
        (b'{"key": ["osk_x"]}', 400, "key must be"),
        (b'{"key": "' + b"x" * 300 + b'"}', 400, "key must be"),
        (b"[1]", 400, "JSON object"),
        (b"{", 400, ""),
        (b"\xff\xfe", 400, ""),
        (b'{"key":' * 5000, 400, ""),
        (b'{"key": "osk_' + b"x" * 10_000_000 + b'"}', 413, "larger than"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_it_refuses_what_is_no_key(service: HttpService, body: bytes, status: int, error: str) -> None:
    """401 in the known words, 400 for what cannot be read, 413 for what nobody's key is; and no cookie."""
    with plain(service) as http:
        answer = http.post(SIGN_IN, content=body)
    assert answer.status_code == status, answer.text
    assert error in sentence(answer)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("origin", FOREIGN)
def test_it_signs_nobody_in_from_anothers_page(service: HttpService, origin: str) -> None:
    """Else a page could sign a person in to the page's own workspace, and read there what the person writes."""
    with service.client(Origin=origin) as page:
        answer = page.post(SIGN_IN)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("origin", FOREIGN)
def test_it_does_nothing_by_cookie_for_anothers_page(browser: Browser, origin: str) -> None:
    """Neither reads nor writes nor signs out where Origin is another, be it of this machine on another port."""
    for answer in (
        browser.get(Origin=origin),
        browser.write(Origin=origin),
        browser.http.delete(SIGN_IN, headers={"Origin": origin}),
        browser.http.post("/api/search", json={"q": "x"}, headers={"Origin": origin}),
    ):
        assert answer.status_code == 403
        assert "by cookie" in sentence(answer)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "whatever"])
def test_it_does_nothing_by_cookie_for_anothers_page_that_names_no_origin(
    browser: Browser, site: str
) -> None:
    """An image or a script of another page carries no Origin, but the browser says where it comes from."""
    assert browser.get(**{"Sec-Fetch-Site": site}).status_code == 403
    assert browser.write(**{"Sec-Fetch-Site": site}).status_code == 403


def test_it_writes_by_cookie_for_its_own_page_only(browser: Browser) -> None:
    """A write needs the word of the browser that a page of ours asks; a read needs none."""
    assert browser.get().status_code == 200
    assert browser.write().status_code == 403
    for own in (
        {"Origin": browser.origin},
        {"Origin": browser.origin.upper().replace("HTTP", "http")},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"},
    ):
        assert browser.write(**own).status_code == 200
    assert browser.write(Origin=browser.origin, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_it_prefers_the_header_to_the_cookie(service: HttpService, browser: Browser) -> None:
    """With a key in the header the cookie does not count, nor where the request comes from."""
    other = service.key(service.workspace())
    answer = browser.write(Origin="https://evil.example", Authorization=f"Bearer {other}")
    assert answer.status_code == 200
    assert browser.get(Authorization="Bearer osk_unknown").status_code == 401
    assert browser.get("/api/sessions").json()["sessions"] == []


def test_it_signs_out(browser: Browser) -> None:
    """The cookie is cleared; signing out twice does no harm."""
    for _ in range(2):
        answer = browser.http.delete(SIGN_IN, headers={"Origin": browser.origin})
        assert (answer.status_code, answer.json()) == (200, {"ok": True})
        assert f"{COOKIE}=;" in answer.headers["set-cookie"]
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert sentence(browser.get()) == "Missing Authorization header"


@pytest.mark.parametrize(
    "act",
    [
        "update api_keys set revoked_at = now() where workspace_id = %s",
        "delete from members where workspace_id = %s",
        "update api_keys set expires_at = now() where workspace_id = %s",
    ],
    ids=["revoked", "member removed", "expired"],
)
def test_it_ends_with_its_key(
    service: HttpService, workspace: tuple[int, int], browser: Browser, act: str
) -> None:
    """Within a second of the key's end, or of the member's removal, the cookie opens nothing."""
    assert browser.get().status_code == 200
    with psycopg.connect(service.resources.url, autocommit=True) as conn:
        conn.execute(act, workspace[:1])  # type: ignore[arg-type]  # one of ours, above
    ended_s = time.monotonic()
    while (answer := browser.get()).status_code == 200:
        assert time.monotonic() - ended_s < CACHED_S + 0.5
    assert (answer.status_code, sentence(answer)) == (401, "Invalid or expired token")


def test_it_opens_on_every_process(service: HttpService, browser: Browser, tmp_path: Path) -> None:
    """Another process on the same database takes the cookie, and so does one that starts later."""
    with HttpService(service.resources.url, tmp_path, indexed=False) as other:
        answer = httpx.get(
            f"{other.url}/api/stats", headers={"Cookie": f"{COOKIE}={browser.ticket}"}, trust_env=False
        )
    assert answer.status_code == 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_it_refuses_a_torn_cookie(service: HttpService, browser: Browser, data: Any) -> None:
    """Cut short, or with another character in it: 401, and never 500."""
    ticket = browser.ticket
    place = data.draw(st.integers(0, len(ticket) - 2))
    other = data.draw(
        st.integers(0x21, 0xFF).map(chr).filter(lambda c: c not in (ticket[place], ";", "\x7f"))
    )
    for value in (ticket[:place], ticket[:place] + other + ticket[place + 1 :], ticket + "A" * 10_000):
        head = f"GET /api/stats HTTP/1.1\r\nHost: localhost\r\nCookie: {COOKIE}={value}\r\n\r\n"
        assert whole(service, head.encode("latin-1")).startswith(b"HTTP/1.1 401")


def test_it_opens_no_other_workspace(service: HttpService, browser: Browser) -> None:
    """The numbers of another's workspace and key in the cookie make it worthless."""
    other = Browser(service, service.key(service.workspace()))
    theirs, own = other.ticket.split("."), browser.ticket.split(".")
    for mixed in (
        [*own[:1], *theirs[1:3], *own[3:]],
        [*theirs[:4], own[4]],
        [*own[:3], "99999999999", own[4]],
    ):
        with plain(service, Cookie=f"{COOKIE}={'.'.join(mixed)}") as http:
            assert http.get("/api/stats").status_code == 401
    other.http.close()


LOCAL = [
    "localhost",
    "LOCALHOST:8787",
    "localhost.",
    "localhost.:1",
    "127.0.0.1",
    "127.0.0.1:65535",
    "[::1]",
    "[::1]:80",
]
STRANGE = [
    "evil.example", "evil.example:8787", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "10.0.0.1",
    "localhost@evil.example", "localhost:80:80", "[::1", "", "*",
]  # fmt: skip


@pytest.mark.parametrize("host", LOCAL)
def test_it_answers_to_its_own_names(service: HttpService, browser: Browser, host: str) -> None:
    """Upper case, a final dot, any port."""
    with plain(service, Host=host, Cookie=f"{COOKIE}={browser.ticket}") as http:
        assert [http.get(path).status_code for path in ("/health", "/api/stats")] == [200, 200]


@pytest.mark.parametrize("host", STRANGE)
def test_it_answers_to_no_other_name_without_a_key(
    service: HttpService, workspace: tuple[int, int], browser: Browser, host: str
) -> None:
    """A name that somebody bound to our address opens nothing, by cookie or without; with a key it does no harm."""
    head = f"Host: {host}\r\n".encode("latin-1")
    cookie = f"Cookie: {COOKIE}={browser.ticket}\r\n".encode()
    key = f"Authorization: Bearer {service.key(workspace)}\r\n".encode()
    asked = {
        "open": whole(service, b"GET /health HTTP/1.1\r\n" + head + b"\r\n"),
        "cookie": whole(service, b"GET /api/stats HTTP/1.1\r\n" + head + cookie + b"\r\n"),
        "sign-in": whole(
            service, b"POST /api/auth/session HTTP/1.1\r\nContent-Length: 0\r\n" + head + key + b"\r\n"
        ),
        "key": whole(service, b"GET /api/stats HTTP/1.1\r\n" + head + key + b"\r\n"),
    }
    statuses = {name: int(answer.split()[1]) for name, answer in asked.items()}
    assert statuses == {"open": 403, "cookie": 403, "sign-in": 403, "key": 200}
    assert b"BACKSCROLL_ALLOWED_HOSTS" in asked["open"]


@pytest.mark.parametrize("host", ["evil.example#localhost", "localhost\xff", "local host", "localhost/x"])
def test_it_refuses_a_host_that_is_no_name(service: HttpService, host: str) -> None:
    """What cannot stand in a URL is malformed or unknown, and opens nothing either."""
    answer = whole(service, f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
    assert answer.split()[1] in (b"400", b"403")


@pytest.fixture(scope="module")
def elsewhere(
    template_18: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HttpService]:
    """A service that is reached under a name of its own."""
    with http_service(
        template_18, tmp_path_factory.mktemp("elsewhere"), allowed_hosts="Backscroll.Example, logs.example"
    ) as running:
        yield running


@pytest.mark.parametrize(
    "host", ["backscroll.example", "logs.example:8443", "BACKSCROLL.example.", "localhost"]
)
def test_it_answers_to_the_names_that_the_setting_has(elsewhere: HttpService, host: str) -> None:
    """BACKSCROLL_ALLOWED_HOSTS, in any case, with any port; behind a proxy that ends TLS a page there may sign in and write."""
    key = elsewhere.key(elsewhere.workspace())
    page = {"Host": host, "Origin": f"https://{host.rstrip('.').lower()}", "X-Forwarded-Proto": "https"}
    with plain(elsewhere, **page) as http:
        signed_in = http.post(SIGN_IN, json={"key": key})
        assert signed_in.status_code == 200
        cookie = signed_in.headers["set-cookie"].partition(";")[0]
        answer = http.post("/sync/session", json={"externalId": "x"}, headers={"Cookie": cookie})
        assert answer.status_code == 200
        assert http.get("/health", headers={"Host": "evil.example"}).status_code == 403


def test_it_allows_no_other_page_to_use_the_cookie(browser: Browser) -> None:
    """CORS stays without credentials: a browser hands no answer by cookie to another's page."""
    for answer in (
        browser.signed_in,
        browser.get(),
        browser.http.options("/api/stats", headers={"Origin": "https://evil.example"}),
    ):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


def test_it_notes_that_a_key_was_used(
    service: HttpService, workspace: tuple[int, int], browser: Browser
) -> None:
    """Signing in is a use of the key."""
    end_s = time.monotonic() + 10
    while service.rows(workspace[0], "select last_used_at from api_keys")[0]["last_used_at"] is None:
        assert time.monotonic() < end_s
