"""Traces by OpenTelemetry, sent to a collector that this test runs."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_service import http_service
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service import tracing
from service.errors import SettingError
from service.postgres import EmbeddedPostgres

SECRET = "a secret word"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(ThreadingHTTPServer):
    """Takes what an OTLP exporter posts."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.bodies: list[bytes] = []

    def spans(self) -> list[Any]:
        sent = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span for one in sent for of in one.resource_spans for by in of.scope_spans for span in by.spans
        ]


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding") == "gzip"
        self.server.bodies.append(gzip.decompress(body) if packed else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_it_tells_requests_and_nothing_that_was_said(
    collector: Collector, template_18: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A span has the route's template, status and statements, goes on the caller's trace, and holds no text and no query."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
    with http_service(template_18, tmp_path, traces=True) as service:
        headers = {
            "Authorization": f"Bearer {service.key(service.workspace())}",
            "traceparent": f"00-{TRACE}-{SPAN}-01",
        }
        with httpx.Client(base_url=service.url, headers=headers, trust_env=False) as client:
            client.get("/api/search", params={"q": SECRET, "type": "fulltext"}).raise_for_status()
            client.get("/api/sessions/nowhere")
    spans = {span.name: span for span in collector.spans()}
    search = spans["GET /api/search"]
    said = {each.key: each.value for each in search.attributes}
    assert (search.trace_id.hex(), search.parent_span_id.hex()) == (TRACE, SPAN)
    assert said["http.response.status_code"].int_value == 200
    assert any(name.startswith("backscroll.statement_ms.") for name in said)
    assert search.end_time_unix_nano > search.start_time_unix_nano
    assert "GET /api/sessions/{id}" in spans
    everything = b"".join(collector.bodies)
    assert SECRET.encode() not in everything
    assert b"nowhere" not in everything
    assert headers["Authorization"].encode() not in everything


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wanted without OpenTelemetry: one sentence, at the start."""
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingError, match=r"backscroll\[otel\]"):
        tracing.opened(True)
