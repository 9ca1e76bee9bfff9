"""Traces by OpenTelemetry, for those who run a collector: a span a request, a span a recurring job. Off by default.

Rule: a span says what the request's log line says (method, route's template, status, time) and the names of statements
with their times. No path, query, text or key: ready-made instrumentation of ASGI puts whole URLs into spans, so these are
made here. Names follow https://opentelemetry.io/docs/specs/semconv/http/http-spans/.

Where spans go is told by OpenTelemetry's own variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, by default this machine's port 4318).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from service.errors import SettingError

PACKAGES = "pip install 'backscroll[otel]'"
LEAVE_MS = 2000
"""A collector that does not answer does not hold up the end of the process."""
Value = str | int | float


class Traces(Protocol):
    def span(
        self,
        name: str,
        *,
        at: datetime,
        seconds: float,
        facts: Mapping[str, Value],
        parent: str = "",
        failed: bool = False,
    ) -> None:
        """Tell of something that began `at` and is over. `parent`: a W3C `traceparent` header; one that is none is ignored."""

    def close(self) -> None:
        """Send what waits, for a moment."""


class Untold:
    """Tells nobody."""

    def span(self, name: str, **_: Any) -> None:
        pass

    def close(self) -> None:
        pass


class Told:
    """Tells OpenTelemetry; spans are sent in batches by a thread of their own, and dropped when nobody takes them."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("backscroll")
        self._extract = TraceContextTextMapPropagator().extract

    def span(
        self,
        name: str,
        *,
        at: datetime,
        seconds: float,
        facts: Mapping[str, Value],
        parent: str = "",
        failed: bool = False,
    ) -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode

        context = self._extract({"traceparent": parent}) if parent else None
        kind = SpanKind.SERVER if "http.request.method" in facts else SpanKind.INTERNAL
        span = self._tracer.start_span(
            name, context=context, kind=kind, attributes=facts, start_time=nanos(at)
        )
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(nanos(at + timedelta(seconds=seconds)))

    def close(self) -> None:
        self._provider.force_flush(LEAVE_MS)


def opened(wanted: bool, *, exporter: Callable[[], Any] | None = None) -> Traces:
    """Traces as they are wanted. Errors: `SettingError` where they are wanted and OpenTelemetry is not installed."""
    if not wanted:
        return Untold()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingError(f"BACKSCROLL_TRACES needs OpenTelemetry: {PACKAGES}, or leave it off.") from error
    provider = TracerProvider(
        resource=Resource.create({"service.name": "backscroll"}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor((exporter or OTLPSpanExporter)()))
    return Told(provider)


def nanos(at: datetime) -> int:
    """Nanoseconds of the epoch.

    >>> from datetime import UTC
    >>> nanos(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005000
    """
    return round(at.timestamp() * 1_000_000) * 1000
