"""A gateway between the command line and the service, which a test can hold, cut, or make answer that it is away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

HOLD_S = 30.0
PASSED_ON = ("authorization", "content-type", "content-encoding", "accept")

Answer = tuple[int, dict[str, str]] | None
"""Instead of the service's: a status with headers. None cuts the connection."""


class Gateway:
    """Counts imports; `before(number)` may return an answer of its own, or hold the request."""

    def __init__(self, url: str) -> None:
        self.service = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self.imports = 0
        self.before: Callable[[int], Answer | bool] = lambda number: True
        self.arrived, self.go_on = threading.Event(), threading.Event()

    def hold(self, number: int) -> None:
        """Hold the import of this number (from 1), say so by `arrived`, and wait for `go_on`; then cut it."""

        def held(now: int) -> Answer | bool:
            if now < number:
                return True
            self.arrived.set()
            self.go_on.wait(HOLD_S)
            return None

        self.before = held

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if request.command == "POST":
            self.imports += 1
            told = self.before(self.imports)
            if told is not True:
                return self._instead(request, told or None)
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        answer = self.service.request(request.command, request.path, content=body, headers=headers)
        request.send_response(answer.status_code)
        for name in ("content-type", "x-commit"):
            if name in answer.headers:
                request.send_header(name, answer.headers[name])
        request.send_header("content-length", str(len(answer.content)))
        request.end_headers()
        request.wfile.write(answer.content)
        return None

    def _instead(self, request: BaseHTTPRequestHandler, told: Answer) -> None:
        request.close_connection = True
        if told is None:
            request.connection.close()
            return
        status, headers = told
        request.send_response(status)
        for name, value in {**headers, "content-length": "0"}.items():
            request.send_header(name, value)
        request.end_headers()


@contextmanager
def gateway(url: str) -> Iterator[tuple[Gateway, str]]:
    """A gateway to the service at `url`, and its own address."""
    passing = Gateway(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            passing.handle(self)

        def do_POST(self) -> None:
            passing.handle(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield passing, f"http://127.0.0.1:{server.server_port}"
    finally:
        passing.go_on.set()
        server.shutdown()
        server.server_close()
        passing.service.close()
