"""What this process has answered, and how fast, as Prometheus reads it. Each API process tells its own."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from service.api.gate.exchange import Exchange

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meters:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "backscroll_requests",
            "Answered requests.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "backscroll_request_seconds",
            "From a request's head to the end of its answer.",
            ["method", "route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._lag = Gauge(
            "backscroll_index_lag",
            "Changes of messages (text) or passages (vectors) that wait.",
            ["index"],
            registry=self._registry,
        )

    def observe(self, exchange: Exchange, duration_s: float) -> None:
        """Count one answered request. Labels are few: unknown paths share one route, odd methods one name."""
        method = exchange.method if exchange.method in METHODS else "other"
        self._requests.labels(method, exchange.route, str(exchange.status)).inc()
        self._seconds.labels(method, exchange.route).observe(duration_s)

    def lags(self, waiting: Mapping[str, int]) -> None:
        """What waits, by index."""
        for index, count in waiting.items():
            self._lag.labels(index).set(count)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
