"""The client before something that is not Backscroll, as a captive network or another program on the port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from service.client import Client
from service.errors import Unreachable

PAGE = b"<html>Sign in to this network</html>"


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[Client]:
    """A client of a server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with Client(f"http://127.0.0.1:{server.server_port}", "key", use_proxy=False) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body"), [(200, PAGE), (204, b""), (302, PAGE), (200, b"[1]"), (200, b"\xff")]
)
def test_it_tells_an_answer_that_is_not_backscrolls(status: int, body: bytes) -> None:
    """What is no JSON object is no answer: one sentence says where it came from and what to look at."""
    with answering(status, body) as client, pytest.raises(Unreachable, match="BACKSCROLL_URL") as raised:
        client.health()
    assert client.url in str(raised.value)
    assert "Sign in" not in str(raised.value)


def test_it_tells_an_answer_that_cannot_be_decoded() -> None:
    """Bytes that are not packed as their header says are no answer either."""
    with answering(200, PAGE, Content_Encoding="gzip") as client, pytest.raises(Unreachable):
        client.health()


def test_it_gives_an_answer_as_it_is() -> None:
    """A JSON object is the answer."""
    with answering(200, b'{"ok": true}') as client:
        assert client.health() == {"ok": True}
