"""What each workspace of the tenants' test has, by sync and by import; and the questions that are asked of /api/import."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from service.model import zstd

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TABLES = (
    "message_records", "message_lines", "raw_chunks", "import_files", "usage_records", "usage_rates", "message_tags",
    "label_history", "saved_searches",
)  # fmt: skip


def batch(session: str, word: str) -> dict[str, Any]:
    """A session with two messages, all of whose words are `word` or `hello`."""
    call = {"type": "tool-call", "content": {"toolName": word, "args": {"path": word}}}
    facts = {
        "title": f"{word} hello",
        "projectName": word,
        "projectPath": f"/{word}",
        "model": word,
        "provider": word,
        "source": word,
    }
    return {
        "sessions": [{"externalId": session, "promptTokens": 7, "cost": 0.5, "createdAt": ms(0), **facts}],
        "messages": [
            {
                "sessionExternalId": session, "externalId": f"{session}-{n}", "role": "user", "source": word, "model": word,
                "textContent": f"hello {word} {n}", "createdAt": ms(n), "parts": [call],
            }
            for n in range(2)
        ],
    }  # fmt: skip


def ms(minutes: int) -> int:
    return int((NOW + timedelta(minutes=minutes)).timestamp() * 1000)


def lines(session: str, message: str, word: str, *, source: str | None = None) -> list[dict[str, Any]]:
    """A session with a message that says nothing, its raw line and its file's position; all names are `word`."""
    named = {"source": source or word}
    raw = base64.b64encode(zstd.packed(b"x")).decode()
    return [
        {"type": "session", "externalId": session, **named},
        {
            "type": "message", "sessionExternalId": session, "externalId": message, "role": "user",
            "records": [f"{message}-record"], "stream": "ab", "lines": [0], **named,
        },
        {
            "type": "raw", "sessionExternalId": session, "format": "pi", "stream": "ab", "path": f"/{word}", "offsets": [0],
            "sizes": [1], "zstd": raw, **named,
        },
        {
            "type": "file", "machine": word, "path": f"/{word}", "format": "pi", "stream": "ab", "inode": 1, "size": 1,
            "mtimeMs": 1, "offset": 1, "tailSha256": "ff", "resumeOffset": 0, **named,
        },
    ]  # fmt: skip


def mine() -> list[dict[str, Any]]:
    sent = lines("{s}", "{m}", "x", source="pi")
    sent[0]["title"], sent[1]["textContent"] = "Mine", "x"
    return sent


def record(key: str, session: str, word: str) -> dict[str, Any]:
    """What a service says that it used."""
    return {
        "idempotencyKey": key, "service": word, "metric": word, "quantity": 1, "model": word, "occurredAt": ms(0),
        "sessionExternalId": session,
    }  # fmt: skip


def ndjson(items: list[dict[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(item).encode() for item in items)


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


def told(text: str) -> list[Any]:
    """What the events of a stream say; nothing when it is none."""
    return [json.loads(line.removeprefix("data: ")) for line in text.split("\n") if line.startswith("data: ")]


def braced(query: dict[str, Any]) -> str:
    """A query as JSON in a URL; what `{s}` and the like stand for can still be filled in."""
    text = quote(json.dumps(query))
    for name in "smv":
        text = text.replace(f"%7B{name}%7D", f"{{{name}}}")
    return text


CALLS: dict[str, list[tuple[str, str, Any]]] = {
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
}
