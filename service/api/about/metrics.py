"""/metrics: what this process answered, how far the indexes are behind, whether workers live; for Prometheus."""

from __future__ import annotations

from contextlib import suppress

from service.api.gate import freshness, limits, origins
from service.api.gate.meters import Meters
from service.api.gate.params import Nothing
from service.api.gate.routes import Answer, Call, route
from service.bootstrap import Resources
from service.errors import DatabaseUnavailable, NotYet
from service.storage import embeddings, workers


@route(
    "GET", "/metrics", scope=None, summary="Get metrics", gives="text/plain",
    description="Counts and latencies by route, what waits to be indexed, connections, workers. On this machine without a key, else with the scope `admin`.",
    example="backscroll_requests_total{method=\"GET\",route=\"/health\",status=\"200\"} 1.0", errors=(401, 403),
)  # fmt: skip
async def get_metrics(call: Call, asked: Nothing) -> Answer:
    if not of_this_machine(call):
        await call.desk.keys.admit(call.headers, "admin", now=call.now)
    await ask_the_database(call.resources, call.desk.meters)
    live = call.resources.live
    call.desk.meters.live(live.figures, len(live.book.entries))
    return Answer(call.desk.meters.text(), media_type="text/plain; version=0.0.4")


async def ask_the_database(resources: Resources, meters: Meters) -> None:
    """What only it knows; what this process answered is told also while it is away."""
    meters.pool(resources.db.pool_use())
    try:
        async with resources.db.system() as conn:
            meters.workers(await workers.seen(conn))
            meters.queue(**await embeddings.queue_depth(conn))
        meters.database(up=True)
        with suppress(NotYet):  # a text index that is damaged
            meters.lags(await freshness.waiting_in_all(resources))
    except DatabaseUnavailable:
        meters.database(up=False)


def of_this_machine(call: Call) -> bool:
    """Whether a program of this machine asks, and not a page of somebody else in a browser of this machine."""
    return (
        limits.is_loopback(call.client, call.headers)
        and origins.is_ours(call.headers, call.desk.hosts)
        and origins.is_own_page(call.headers, writes=False)
    )
