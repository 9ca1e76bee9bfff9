"""The questions that the tenants' test asks, for every route there is: one without an entry fails the suite."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tenant_things import mine, record

Ask = tuple[str, str, dict[str, Any] | list[Any] | None]
"""Method, path with query, JSON body (a list: lines of NDJSON). `{s}` and `{m}` stand for a session and a message."""

MAY = "from=2026-05-01&to=2026-05-10"
REPORTS = {
    **{
        f"usage/{report}": MAY
        for report in ("summary", "models", "projects", "sources", "sessions", "tools", "heatmap")
    },
    "usage/daily": f"{MAY}&by=source,provider,model,project,user,service",
    "usage/export": f"{MAY}&by=source,provider,model,project,user,service",
    "usage/streaks": "",
    "wrapped": "date=2026-05-04",
}
"""Reports of usage, with the days that the sessions here are of."""


def braced(query: dict[str, Any]) -> str:
    """A query as JSON in a URL; what `{s}` and the like stand for can still be filled in."""
    text = quote(json.dumps(query))
    for name in "smv":
        text = text.replace(f"%7B{name}%7D", f"{{{name}}}")
    return text


CALLS: dict[str, list[Ask]] = {
    # First: what is marked here is what the lists and sets below are made of.
    "POST /api/evals/labels": [
        (
            "POST",
            "/api/evals/labels",
            {"ids": ["{s}"], "set": {"evalReady": True, "expectedOutput": "x", "addTags": ["mine"]}},
        ),
        (
            "POST",
            "/api/evals/labels",
            {"messages": ["{m}"], "set": {"evalStatus": "golden", "addTags": ["mine"]}},
        ),
        ("POST", "/api/evals/labels", {"filter": {"tags": ["{v}"]}, "set": {"notes": "mine"}}),
        ("POST", "/api/evals/labels", {"search": {"q": "{v}"}, "set": {"status": "mine"}}),
    ],
    "GET /api/evals": [
        ("GET", "/api/evals", None),
        *[("GET", f"/api/evals?{name}={{v}}", None) for name in ("tool", "model", "project", "tags")],
    ],
    "GET /api/evals/history": [("GET", "/api/evals/history?id={s}", None)],
    "GET /api/evals/preview": [("GET", "/api/evals/preview?ids={s}", None)],
    "POST /api/evals/preview": [("POST", "/api/evals/preview", {"ids": ["{s}"], "format": "openai"})],
    "GET /api/export/evals": [("GET", "/api/export/evals?ids={s}", None)],
    "POST /api/export/evals": [("POST", "/api/export/evals", {"ids": ["{s}"], "format": "sharegpt"})],
    "GET /api/export": [
        ("GET", f"/api/export?id={{s}}&format={format}", None)
        for format in ("json", "jsonl", "markdown", "csv")
    ],
    "GET /api/context": [
        ("GET", "/api/context?q=hello&window=3", None),
        ("GET", "/api/context?q={v}&format=messages", None),
        ("GET", "/api/context?q=hello&format=xml&exclude={s}", None),
        ("GET", "/api/context?q=hello&session={s}", None),
    ],
    "POST /api/similar": [
        ("POST", "/api/similar", {"message": "{m}"}),
        ("POST", "/api/similar", {"session": "{s}", "groupBy": "message"}),
        ("POST", "/api/similar", {"text": "hello {v}", "filter": {"session": "{s}"}}),
    ],
    "POST /api/searches": [("POST", "/api/searches", {"name": "mine {s}", "search": {"q": "x"}})],
    "GET /api/searches": [("GET", "/api/searches", None), ("GET", "/api/searches?limit=1", None)],
    "GET /api/searches/{id}": [("GET", "/api/searches/{q}", None)],
    "POST /api/searches/{id}/run": [("POST", "/api/searches/{q}/run", {"limit": 3})],
    "DELETE /api/searches/{id}": [("DELETE", "/api/searches/{q}", None)],
    "POST /api/context": [
        ("POST", "/api/context", {"q": "hello {v}", "filter": {"project": "{v}"}, "exclude": ["{s}"]})
    ],
    "POST /api/import": [("POST", "/api/import", mine())],
    "GET /api/import/files": [
        ("GET", "/api/import/files", None),
        ("GET", "/api/import/files?machine={v}", None),
        ("GET", "/api/import/files?source={v}", None),
    ],
    "POST /api/usage": [("POST", "/api/usage", {"records": [record("{m}", "{s}", "x")]})],
    "PUT /api/usage/rates": [
        (
            "PUT",
            "/api/usage/rates",
            {"rates": [{"service": "x", "metric": "x", "model": "x", "usdPerUnit": 1}]},
        )
    ],
    "GET /api/usage/rates": [("GET", "/api/usage/rates", None)],
    **{
        f"GET /api/{report}": [
            ("GET", f"/api/{report}?{days}", None),
            *[
                ("GET", f"/api/{report}?{days}&{name}={{v}}", None)
                for name in ("source", "provider", "model", "project", "user", "service")
            ],
        ]
        for report, days in REPORTS.items()
    },
    "GET /api/live": [
        ("GET", f"/api/live?once=true&q={braced(query)}", None)
        for query in (
            {"query": "sessions.list"},
            {"query": "sessions.list", "args": {"tag": "{v}"}},
            {"query": "sessions.processing", "args": {"status": "{v}"}},
            {"query": "sessions.get", "args": {"session": "{s}"}},
            {"query": "sessions.messages", "args": {"session": "{s}"}},
            {"query": "stats"},
            {"query": "search", "args": {"q": "hello", "type": "fulltext"}},
            {"query": "search", "args": {"q": "{v}", "type": "fulltext", "groupBy": "message"}},
            {"query": "index.status"},
            {
                "query": "usage.daily",
                "args": {"from": "2026-05-01", "to": "2026-05-10", "by": ["project", "user"]},
            },
            {"query": "usage.models", "args": {"from": "2026-05-01", "to": "2026-05-10"}},
            {"query": "evals.list"},
        )
    ],
    "GET /api/live/catalogue": [("GET", "/api/live/catalogue", None)],
    "GET /health": [("GET", "/health", None)],
    "GET /health/ready": [("GET", "/health/ready", None)],
    "GET /metrics": [("GET", "/metrics", None)],
    "GET /schema": [("GET", "/schema", None)],
    "POST /sync/session": [("POST", "/sync/session", {"externalId": "{s}", "title": "Mine"})],
    "POST /sync/message": [
        (
            "POST",
            "/sync/message",
            {"sessionExternalId": "{s}", "externalId": "{m}", "role": "user", "textContent": "x"},
        )
    ],
    "POST /sync/batch": [
        (
            "POST",
            "/sync/batch",
            {
                "sessions": [{"externalId": "{s}", "title": "Mine"}],
                "messages": [
                    {"sessionExternalId": "{s}", "externalId": "{m}", "role": "user", "textContent": "x"}
                ],
            },
        )
    ],
    "GET /sync/sessions/list": [("GET", "/sync/sessions/list", None)],
    "GET /api/sessions": [
        ("GET", "/api/sessions", None),
        ("GET", "/api/sessions?limit=1&sort=createdAt&order=asc", None),
        *[
            ("GET", f"/api/sessions?{name}={{v}}", None)
            for name in ("project", "tag", "model", "provider", "status", "q", "source")
        ],
    ],
    "GET /api/sessions/get": [("GET", "/api/sessions/get?id={s}", None)],
    "GET /api/sessions/{id}": [("GET", "/api/sessions/{s}", None)],
    "PATCH /api/sessions/{id}": [
        ("PATCH", "/api/sessions/{s}", {"title": "Mine", "tags": ["mine"], "notes": "mine", "isPublic": True})
    ],
    "DELETE /api/sessions/{id}": [("DELETE", "/api/sessions/{s}", None)],
    "GET /api/sessions/{id}/messages": [
        ("GET", "/api/sessions/{s}/messages", None),
        ("GET", "/api/sessions/own/messages?around={m}", None),
    ],
    "PATCH /api/messages/{id}": [("PATCH", "/api/messages/{m}", {"notes": "mine"})],
    "DELETE /api/messages/{id}": [("DELETE", "/api/messages/{m}", None)],
    "GET /s/{slug}": [("GET", "/s/{slug}", None)],
    "GET /api/stats": [("GET", "/api/stats", None)],
    "POST /api/auth/session": [("POST", "/api/auth/session", {})],
    "DELETE /api/auth/session": [("DELETE", "/api/auth/session", None)],
    "GET /api/search": [
        ("GET", "/api/search?q=hello&facets=source,project,model,role,tool,day&explain=true", None),
        ("GET", "/api/search?q=hello&groupBy=message&type=fulltext&limit=1", None),
        ("GET", "/api/search?q={v}", None),
        ("GET", "/api/search?q=hello&session={s}&groupBy=message", None),
        *[
            ("GET", f"/api/search?q=hello&{name}={{v}}", None)
            for name in ("project", "tag", "model", "tool", "source")
        ],
    ],
    "POST /api/search": [
        ("POST", "/api/search", {"q": "hello", "facets": ["source", "tool"]}),
        ("POST", "/api/search", {"q": "hello", "filter": {"session": ["{s}"]}}),
    ],
    "POST /search": [
        ("POST", "/search", {"q": "hello", "groupBy": "message", "facets": ["project"]}),
        ("POST", "/search", {"q": "{v} hello", "type": "fulltext"}),
    ],
}
