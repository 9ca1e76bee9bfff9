"""/metrics: what this process answered and how far the indexes are behind, for Prometheus."""

from __future__ import annotations

from contextlib import suppress

from service.api.gate import freshness, limits, origins
from service.api.gate.params import Nothing
from service.api.gate.routes import Answer, Call, route
from service.errors import DatabaseUnavailable, NotYet


@route(
    "GET", "/metrics", scope=None, summary="Get metrics", gives="text/plain",
    description="Counts and latencies by route, and what waits to be indexed. On this machine without a key, else with the scope `admin`.",
    example="backscroll_requests_total{method=\"GET\",route=\"/health\",status=\"200\"} 1.0", errors=(401, 403),
)  # fmt: skip
async def get_metrics(call: Call, asked: Nothing) -> Answer:
    if not of_this_machine(call):
        await call.desk.keys.admit(call.headers, "admin", now=call.now)
    # What this process answered is told also while Postgres is away.
    with suppress(DatabaseUnavailable, NotYet):
        call.desk.meters.lags(await freshness.waiting_in_all(call.resources))
    return Answer(call.desk.meters.text(), media_type="text/plain; version=0.0.4")


def of_this_machine(call: Call) -> bool:
    """Whether a program of this machine asks, and not a page of somebody else in a browser of this machine."""
    return (
        limits.is_loopback(call.client, call.headers)
        and origins.is_ours(call.headers, call.desk.hosts)
        and origins.is_own_page(call.headers, writes=False)
    )
