"""What this process has answered, and how fast, as Prometheus reads it. Each API process tells its own.

Rule: labels are few and ours (methods, route templates, statuses): no workspace, no id, nothing that a request chose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from indexing.spent import Step
from service.api.gate.exchange import Exchange
from service.live.figures import CLOSED, Figures
from service.storage.database import PoolUse
from service.storage.workers import Worker

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meters:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._of_requests()
        self._of_the_database()
        self._of_workers()
        self._live = LiveCollector()
        self._registry.register(self._live)
        self._gauge("build_info", "The version that runs.", ["version"]).labels(version("backscroll")).set(1)

    def _of_requests(self) -> None:
        self._requests = self._counter("requests", "Answered requests.", ["method", "route", "status"])
        self._seconds = Histogram(
            "backscroll_request_seconds",
            "From a request's head to the end of its answer.",
            ["method", "route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._slow = self._counter("slow_requests", "Requests that the log told as slow.", ["route"])
        self._steps = Histogram(
            "backscroll_search_step_seconds",
            "What the steps of searches took; words and vectors are asked beside each other.",
            ["step"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._imported = self._counter("imported", "What imports stored anew, by kind.", ["kind"])

    def _of_the_database(self) -> None:
        self._up = self._gauge("database_up", "1 when Postgres answered this scrape.")
        self._lag = self._gauge(
            "index_lag", "Changes of messages (text) or passages (vectors) that wait.", ["index"]
        )
        self._queue = self._gauge(
            "embedding_queue", "Texts that wait for a vector, or that a worker has taken.", ["state"]
        )
        self._pool = self._gauge("pool_connections", "Connections to Postgres of this process.", ["state"])
        self._pool_most = self._gauge("pool_connections_most", "As many as there may be.")
        self._pool_waiting = self._gauge("pool_waiting", "Requests that wait for a connection.")

    def _of_workers(self) -> None:
        self._workers = self._gauge("workers", "Workers that said within 30 s that they live.")
        self._silent = self._gauge("worker_silent_seconds", "Since any worker said that it lives.")
        self._failures = self._gauge("worker_failures", "Failures of parts of the workers that live.")

    def observe(self, exchange: Exchange, duration_s: float) -> None:
        """Count one answered request. Labels are few: unknown paths share one route, odd methods one name."""
        method = exchange.method if exchange.method in METHODS else "other"
        self._requests.labels(method, exchange.route, str(exchange.status)).inc()
        self._seconds.labels(method, exchange.route).observe(duration_s)

    def slow(self, route: str) -> None:
        self._slow.labels(route).inc()

    def searched(self, steps: Mapping[Step, float]) -> None:
        """What one search took, seconds by step."""
        for step, seconds in steps.items():
            self._steps.labels(step).observe(seconds)

    def imported(self, counts: Mapping[str, int]) -> None:
        """What one import stored anew, by kind."""
        for kind, count in counts.items():
            self._imported.labels(kind).inc(count)

    def database(self, *, up: bool) -> None:
        self._up.set(up)

    def lags(self, waiting: Mapping[str, int]) -> None:
        """What waits, by index."""
        for index, count in waiting.items():
            self._lag.labels(index).set(count)

    def queue(self, *, waiting: int, taken: int) -> None:
        self._queue.labels("waiting").set(waiting)
        self._queue.labels("taken").set(taken)

    def pool(self, use: PoolUse) -> None:
        self._pool.labels("in_use").set(use.in_use)
        self._pool.labels("idle").set(use.open - use.in_use)
        self._pool_most.set(use.most)
        self._pool_waiting.set(use.waiting)

    def workers(self, heard: Sequence[Worker]) -> None:
        """The one heard of last first."""
        working = [worker for worker in heard if worker.works]
        self._workers.set(len(working))
        self._silent.set(heard[0].silent_s if heard else float("inf"))
        self._failures.set(sum(worker.failures for worker in working))

    def live(self, figures: Figures, entries: int) -> None:
        """What live queries did."""
        self._live.figures, self._live.entries = figures, entries

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(f"backscroll_{name}", help, labels, registry=self._registry)

    def _gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(f"backscroll_{name}", help, labels, registry=self._registry)


class LiveCollector(Collector):
    """Live queries count for themselves; what they counted is told as it is."""

    figures = Figures()
    entries = 0

    def collect(self) -> Iterator[Metric]:
        told = self.figures
        yield GaugeMetricFamily("backscroll_streams", "Live streams that are open.", told.streams)
        yield GaugeMetricFamily("backscroll_live_entries", "Answers that streams share.", self.entries)
        yield GaugeMetricFamily(
            "backscroll_live_lag_seconds", "From a change to its answers, in the last tick.", told.lag_s
        )
        yield GaugeMetricFamily(
            "backscroll_oldest_transaction_seconds",
            "How long the oldest running transaction has been the same; told while there are streams.",
            told.held_s if told.streams else 0.0,
        )
        for name, help, value in (
            ("ticks", "Looks into the change log for live queries.", told.ticks),
            ("tick_seconds", "Time that they took.", told.tick_s),
            ("statements", "Statements that they asked for answers.", told.statements),
            ("events", "Events sent to streams.", told.events),
            ("bytes", "Bytes of them.", told.bytes),
        ):
            yield CounterMetricFamily(f"backscroll_live_{name}", help, value)
        closed = CounterMetricFamily("backscroll_live_closed", "Streams that we ended.", labels=["reason"])
        for reason in CLOSED:
            closed.add_metric([reason], told.closed.get(reason, 0))
        yield closed
