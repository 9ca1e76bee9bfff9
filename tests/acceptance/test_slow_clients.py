"""Clients that are slow, that stop, or that are too many: each costs a bounded time, and nobody else's place."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from http_service import HttpService, head, http_service

from service import connections
from service.postgres import EmbeddedPostgres

PATIENCE_S = 1
ENDS_S = 15.0
LARGE = 4_000_000
"""More bytes than the system keeps for a client that does not read."""
LITTLE = 4096
"""So few that an answer's last bytes wait in the service."""


@pytest.fixture(scope="module")
def hasty(template_18: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpService]:
    """A service that waits a second, answers four requests at once, and holds 20,000 bytes of bodies."""
    little = {"patience_s": PATIENCE_S, "requests_at_once": 4, "bodies_at_once_bytes": 20_000}
    with http_service(template_18, tmp_path_factory.mktemp("hasty"), **little) as running:
        yield running


@pytest.fixture
def line(hasty: HttpService) -> Iterator[Callable[[], socket.socket]]:
    """New connections, closed after the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(socket.create_connection(hasty.address, timeout=ENDS_S))


def dribbled(connection: socket.socket, sent: bytes) -> bytes:
    """All that is answered while a byte is sent every 50 ms."""
    connection.settimeout(0.05)
    answer, end_s = b"", time.monotonic() + ENDS_S
    while time.monotonic() < end_s:
        try:
            connection.sendall(sent[:1])
            sent = sent[1:] or b"x"
            if not (chunk := connection.recv(65536)):
                return answer
            answer += chunk
        except TimeoutError:
            continue
        except ConnectionError:
            return answer
    raise AssertionError(f"the connection is still open: {answer!r}")


def whole(connection: socket.socket) -> bytes:
    """All that is answered until the other side closes."""
    connection.settimeout(ENDS_S)
    return b"".join(iter(lambda: connection.recv(65536), b""))


def told(answer: bytes) -> tuple[int, str]:
    """Status and sentence of an answer."""
    top, _, body = answer.partition(b"\r\n\r\n")
    return int(top.split(b" ")[1]), json.loads(body)["error"]


def test_it_closes_a_connection_that_says_nothing(
    hasty: HttpService, line: Callable[[], socket.socket]
) -> None:
    """A client that connects and is silent is let go after the patience, without a word."""
    assert whole(line()) == b""


def test_it_does_not_wait_for_a_head_that_comes_byte_by_byte(line: Callable[[], socket.socket]) -> None:
    """Each byte does not begin the patience anew: 408, in our words, and the connection is closed."""
    answer = dribbled(line(), b"GET /health HTTP/1.1\r\nX-Slow: " + b"y" * 10_000)
    assert told(answer) == (408, "The head of the request took too long: send it again.")


def test_it_lets_go_of_the_second_request_that_does_not_come(line: Callable[[], socket.socket]) -> None:
    """On a connection that was answered, blank lines and half a head keep nothing open."""
    for more in (b"\r\n" * 10_000, b"GET /health HTTP/1.1\r\nX-Slow: " + b"y" * 10_000):
        connection = line()
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        dribbled(connection, more)


@pytest.mark.parametrize("endless", [b"GET /health HTTP/1.1\r\nX-Long: ", b"GET /", b"GET / HTTP/1.1\r\n"])
def test_it_refuses_a_head_that_does_not_end(line: Callable[[], socket.socket], endless: bytes) -> None:
    """Above 64 KB of a head, in one line, in the path, or in many lines: refused, and no more is kept."""
    connection = line()
    more = b"X-Many: 1\r\n" * 1000 if endless.endswith(b"\n") else b"y" * 10_000
    connection.sendall(endless)
    for _ in range(100):
        try:
            connection.sendall(more)
        except ConnectionError:
            break
    try:
        answer = whole(connection)
    except ConnectionError:  # it was closed while we were still sending
        return
    assert told(answer) == (431, "The head of a request is longer than 65,536 bytes.")


def test_it_lets_the_longest_silent_go_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch, hasty: HttpService, line: Callable[[], socket.socket]
) -> None:
    """Above so many silent connections the first of them is closed; who speaks is answered."""
    monkeypatch.setattr(connections, "MOST_HEADS", 20)
    first = line()
    others = [line() for _ in range(25)]
    began_s = time.monotonic()
    assert whole(first) == b""
    assert time.monotonic() - began_s < PATIENCE_S
    others[-1].sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert others[-1].recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("dribbles", [True, False], ids=["byte by byte", "then nothing"])
def test_it_does_not_wait_for_a_body_for_ever(
    hasty: HttpService, line: Callable[[], socket.socket], dribbles: bool
) -> None:
    """A body that comes too slowly, or stops: 408, and the connection is closed."""
    connection = line()
    connection.sendall(head(hasty.key(hasty.workspace()), "POST", "/sync/session", Content_Length="5000"))
    answer = dribbled(connection, b"{" + b" " * 5000) if dribbles else whole(connection)
    assert told(answer) == (408, "The body took too long: send it again, or in smaller pieces.")


def test_it_takes_the_rest_of_a_body_that_it_did_not_read(hasty: HttpService) -> None:
    """A refusal that comes before a large body has been sent is read by the client, and is no end of its connection."""
    with hasty.client("osk_unknown") as api:
        for _ in range(2):
            assert api.post("/sync/session", content=b"x" * 1_000_000).status_code == 401


def test_it_answers_others_while_bodies_are_slow(
    hasty: HttpService, line: Callable[[], socket.socket]
) -> None:
    """More slow senders than there are places at once: a quick one is answered meanwhile, once their heads are read."""
    key = hasty.key(hasty.workspace())
    began_s = time.monotonic()
    for _ in range(12):
        line().sendall(head(key, "POST", "/sync/session", Content_Length="500") + b"{")
    with hasty.client(key) as api:
        while (status := api.post("/sync/session", json={"externalId": "quick"}).status_code) != 200:
            assert (status, time.monotonic() - began_s < PATIENCE_S) == (503, True)


def test_it_refuses_a_body_that_does_not_fit_beside_the_others_before_it_is_read(
    hasty: HttpService, line: Callable[[], socket.socket]
) -> None:
    """503 with Retry-After on the head alone; when the others have gone, it is taken."""
    key = hasty.key(hasty.workspace())
    large = json.dumps({"externalId": "large", "title": "x" * 8000})
    end_s, held_s = time.monotonic() + ENDS_S, 0.0
    with hasty.client(key) as api:
        while (answer := api.post("/sync/session", content=large)).status_code == 200:
            assert time.monotonic() < end_s
            if (
                time.monotonic() - held_s > PATIENCE_S
            ):  # none yet, or it was let go of before its bytes were counted
                holds, held_s = line(), time.monotonic()
                holds.sendall(
                    head(key, "POST", "/sync/session", Content_Length="15000") + b"{" + b" " * 14_000
                )
        refused = line()
        refused.sendall(head(key, "POST", "/sync/session", Content_Length="9000"))
        assert refused.recv(65536).startswith(b"HTTP/1.1 503")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "send it again in a moment" in answer.json()["error"]
        whole(holds)
        assert api.post("/sync/session", content=large).status_code == 200


def test_it_refuses_requests_above_what_it_can_answer_and_not_its_watchers(hasty: HttpService) -> None:
    """With every place taken: 503 with Retry-After and CORS, without a look at the key; /health goes on."""
    capacity = hasty.app._capacity
    with hasty.client() as api:
        capacity.requests += 4
        try:
            answer = api.get("/api/stats", headers={"Authorization": "Bearer osk_unknown"})
            body = api.post("/sync/session", content=b"x" * 1_000)
            watched = [api.get(path).status_code for path in ("/health", "/health/ready", "/metrics")]
        finally:
            capacity.requests -= 4
        assert api.get("/api/stats").status_code == 200
    assert (answer.status_code, body.status_code, watched) == (503, 503, [200, 200, 200])
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json() == {
        "error": "The service has as many requests as it can answer: send it again in a moment."
    }
    end_s = time.monotonic() + ENDS_S
    with hasty.client() as api:
        while (
            capacity.requests and time.monotonic() < end_s
        ):  # an answer is out a moment before its place is free
            api.get("/health")
    assert (capacity.requests, capacity.body_bytes) == (0, 0)


def test_it_lets_go_of_clients_that_do_not_take_their_answer(
    hasty: HttpService, line: Callable[[], socket.socket]
) -> None:
    """Readers that have stopped are cut, with what waits for them; one that reads slowly gets all of it."""
    key = hasty.key(hasty.workspace())
    with hasty.client(key) as api:
        message = {"sessionExternalId": "large", "role": "user", "textContent": "word " * (LARGE // 50)}
        messages = [{**message, "externalId": f"m{n}"} for n in range(10)]
        assert api.post("/sync/batch", json={"messages": messages}).json()["messages"] == 10
        stopped, slow = [line(), line()], line()
        for connection in (*stopped, slow):
            connection.sendall(head(key, "GET", "/api/sessions/large", Connection="close"))
        taken = b"".join(iter(lambda: slow.recv(16384), b""))
        top, _, body = taken.partition(b"\r\n\r\n")
        assert len(body) == int(top.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        end_s = time.monotonic() + ENDS_S
        while len(hasty.server.server_state.connections) > 1:  # the one that asks here
            assert api.get("/health").status_code == 200
            assert time.monotonic() < end_s
        for connection in stopped:
            assert len(cut(connection)) < len(taken)


@pytest.mark.parametrize("size", [10_000, 40_000, 80_000, 160_000])
def test_it_lets_go_of_clients_that_leave_the_end_of_an_answer(hasty: HttpService, size: int) -> None:
    """However little of an answer is still here when all of it has been said, and the system takes no more of it."""
    key = hasty.key(hasty.workspace())
    with hasty.client(key) as api:
        message = {"externalId": "m", "sessionExternalId": "end", "role": "user", "textContent": "x" * size}
        assert api.post("/sync/message", json=message).status_code == 200
    for listener in hasty.server.servers[0].sockets:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LITTLE)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
        reader.connect(hasty.address)
        reader.sendall(head(key, "GET", "/api/sessions/end", Connection="close"))
        assert reader.recv(12) == b"HTTP/1.1 200"
        hasty.until(lambda: not hasty.server.server_state.connections)
        assert not hasty.server.server_state.connections


def cut(connection: socket.socket) -> bytes:
    """What still comes of an answer that the other side has given up."""
    got = b""
    try:
        while chunk := connection.recv(65536):
            got += chunk
    except ConnectionError:
        pass
    return got


@pytest.mark.parametrize(
    "request_line",
    [b"GET  HTTP/1.1", b"\x16\x03\x01\x02\x00", b"GET /\xff HTTP/1.1", b"OPTIONS * HTTP/1.1", b"CONNECT a:1 HTTP/1.1",
     b"GET http:// HTTP/1.1", b"PRI * HTTP/2.0", b"GET / HTTP/9.9", b"get / HTTP/1.1"],
)  # fmt: skip
def test_it_says_in_one_form_what_is_no_request(
    line: Callable[[], socket.socket], request_line: bytes
) -> None:
    """TLS to the plain port, HTTP/2, broken lines: no 5xx, and where there is a body it is `{"error": ...}`."""
    connection = line()
    connection.sendall(request_line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = whole(connection)
    assert answer[9:10] in (b"2", b"4"), answer
    if answer[9:10] == b"4":
        assert told(answer)[1]


def test_it_reads_a_length_of_many_digits(line: Callable[[], socket.socket]) -> None:
    """Zeros in front of a body's length are nothing, however many: no number is made of thousands of digits."""
    connection = line()
    head = b"POST /api/auth/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
    connection.sendall(head + b"0" * 5000 + b"2\r\n\r\n{}")
    assert whole(connection).startswith(b"HTTP/1.1 401")
