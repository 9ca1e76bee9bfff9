"""The HTTP service: `create_app(resources)` gives the ASGI app that uvicorn serves.

api/gate/edge.py     what every path answers alike: CORS, HEAD, OPTIONS, `//`, request ids, one line a request
api/gate/routes.py   a route's key, limits, parameters and body, checked before its handler runs
api/gate/errors.py   whatever is raised, as `{"error": ...}`
api/*/paths.py       the routes
"""

from __future__ import annotations

from litestar import Litestar
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from service.api.about import health, metrics, schema
from service.api.auth import paths as auth
from service.api.context import paths as context
from service.api.evals import exporting, folders, single
from service.api.evals import paths as evals
from service.api.gate import errors
from service.api.gate.capacity import Capacity
from service.api.gate.edge import Edge
from service.api.gate.routes import Desk
from service.api.importing import paths as importing
from service.api.live import paths as live
from service.api.live.room import Room
from service.api.search import paths as search
from service.api.search import saved, similar
from service.api.sessions import messages, shared, stats
from service.api.sessions import paths as sessions
from service.api.sync import paths as sync
from service.api.usage import export, ingest, reports
from service.bootstrap import Resources

ROUTES: list[HTTPRouteHandler] = [
    health.health,
    health.ready,
    sync.sync_session,
    sync.sync_message,
    sync.sync_batch,
    sync.sync_sessions_list,
    importing.import_transcripts,
    importing.list_imported_files,
    sessions.list_sessions,
    sessions.get_session_by_query,
    sessions.get_session,
    sessions.label_session,
    sessions.delete_session,
    messages.list_messages,
    messages.label_message,
    messages.delete_message,
    search.search_by_query,
    search.search_by_body,
    search.search_by_body_short,
    similar.find_similar,
    saved.save_search,
    saved.list_saved_searches,
    saved.get_saved_search,
    saved.run_saved_search,
    saved.delete_saved_search,
    context.context_by_query,
    context.context_by_body,
    evals.list_evals,
    evals.preview_set,
    evals.preview_search,
    evals.label_many,
    evals.label_history,
    exporting.export_set,
    exporting.export_search,
    single.export_session,
    shared.get_shared,
    stats.get_stats,
    ingest.tell_usage,
    ingest.list_rates,
    ingest.replace_rates,
    reports.get_usage_daily,
    reports.get_usage_summary,
    reports.get_usage_models,
    reports.get_usage_projects,
    reports.get_usage_sources,
    reports.get_usage_sessions,
    reports.get_usage_tools,
    reports.get_usage_heatmap,
    reports.get_usage_streaks,
    reports.get_wrapped,
    export.export_usage,
    auth.sign_in,
    auth.sign_out,
    live.follow,
    live.get_catalogue,
    metrics.get_metrics,
    schema.get_schema,
]


def create_app(resources: Resources) -> Edge:
    """The service on these resources, which stay the caller's to close."""
    desk = Desk(resources, [handler.opt["route"] for handler in ROUTES])
    desk.streams = Room(desk)
    app = Litestar(
        route_handlers=ROUTES,
        exception_handlers={Exception: errors.answer},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
        on_startup=[lambda: folders.sweep(resources.settings.home)],
        on_shutdown=[desk.ledger.close],
        state=State({"desk": desk}),
    )
    slow_ms = resources.settings.slow_request_ms
    capacity = Capacity(
        requests=resources.settings.requests_at_once, body_bytes=resources.settings.bodies_at_once_bytes
    )
    return Edge(
        app,
        ledger=desk.ledger,
        meters=desk.meters,
        capacity=capacity,
        slow_ms=slow_ms,
        traces=resources.traces,
    )
