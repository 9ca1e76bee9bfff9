"""Shared sessions: what anybody may read who has the link.

Rule: no notes, labels, costs or owner, and no link to anywhere else. The project's path reads `.` and a home
directory `~`, in texts, arguments and results too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from service.api import examples, shapes
from service.api.gate.params import Nothing
from service.api.gate.routes import Answer, Call, answer, route
from service.api.sessions.paths import ALL
from service.errors import NotFound
from service.model import parts
from service.model.message import Part, Role
from service.storage import messages, sessions

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Vary": "Accept",
}
HOME = re.compile(
    r"""(?:(?:/mnt/[a-z])?/(?:home|Users)|[A-Za-z]:(?:\\{1,2}|/)Users)(?:\\{1,2}|/)[^/\\\s"'`<>:]+|/root(?=/)"""
    r"""|(?<![A-Za-z0-9])-(?:home|Users)-[^-/\\\s"'`<>:]+"""  # as Claude Code names a project's folder
)
STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}h2{font-size:1rem;margin:1.5rem 0 0}"


class SharedSession(msgspec.Struct, kw_only=True, rename="camel"):
    title: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    source: str
    message_count: int
    created_at: int
    updated_at: int


class SharedMessage(msgspec.Struct, kw_only=True, rename="camel"):
    role: Role
    seq: int
    text_content: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    created_at: int
    parts: list[shapes.WirePart]


class Shared(msgspec.Struct):
    session: SharedSession
    messages: list[SharedMessage]


@route(
    "GET", "/s/{slug}", scope=None, summary="Get a shared session", gives=Shared,
    description="A session that was made public, without paths, notes and owner. A page for browsers, JSON for the rest.",
    example={
        "session": {name: examples.SESSION[name] for name in ("title", "model", "source", "messageCount", "createdAt", "updatedAt")},
        "messages": [{name: examples.MESSAGE[name] for name in ("role", "seq", "textContent", "model", "createdAt", "parts")}],
    },
    errors=(404,),
)  # fmt: skip
async def get_shared(call: Call, asked: Nothing) -> Answer:
    session, rows = await found(call, call.path["slug"])
    if prefers_html(call.headers.get("accept", "")):
        return Answer(page(session, rows).encode(), headers=HEADERS, media_type="text/html")
    return answer(Shared(outline(session), [line(row) for row in rows]), headers=HEADERS)


async def found(call: Call, slug: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The session and its messages. Errors: `NotFound`, also for one that is private again."""
    db = call.resources.db
    async with db.system() as conn:
        place = await sessions.shared(conn, slug)
    if place is not None:
        workspace_id, id = place
        async with db.workspace(workspace_id, repeatable_read=True) as conn:
            session = (await sessions.by_ids(conn, workspace_id, [id])).get(id)
            if session is not None and session["is_public"]:
                rows = await messages.page(conn, workspace_id, id, limit=ALL)
                return without_paths(session, rows)
    raise NotFound("Session not found")


def without_paths(
    session: dict[str, Any], rows: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The same session and messages, as anybody may see them."""
    path = session["project_path"] or ""
    in_json = msgspec.json.encode(path)[1:-1].decode()
    for row in rows:
        row["text"] = hidden(row["text"], path) if row["text"] else row["text"]
        row["parts"] = [
            Part(part.type, hidden(part.content.decode(), in_json).encode()) for part in row["parts"]
        ]
    return session | {"title": hidden(session["title"] or "", path) or None}, rows


def hidden(text: str, path: str) -> str:
    """
    >>> hidden("see /srv/shop/a.py and /home/ann/b.py", "/srv/shop")
    'see ./a.py and ~/b.py'
    """
    return HOME.sub("~", text.replace(path, ".") if len(path) > 1 else text)


def outline(row: dict[str, Any]) -> SharedSession:
    return SharedSession(
        title=shapes.known(row["title"]),
        model=shapes.known(row["model"]),
        source=row["source"],
        message_count=row["message_count"],
        created_at=shapes.epoch_ms(row["created_at"]),
        updated_at=shapes.epoch_ms(row["updated_at"]),
    )


def line(row: dict[str, Any]) -> SharedMessage:
    return SharedMessage(
        role=row["role"],
        seq=row["seq"],
        text_content=shapes.known(row["text"]),
        model=shapes.known(row["model"]),
        created_at=shapes.epoch_ms(row["created_at"]),
        parts=[shapes.part(part) for part in row["parts"]],
    )


def prefers_html(accept: str) -> bool:
    """Whether a browser asks: it names text/html before any JSON.

    >>> prefers_html("text/html,application/xhtml+xml,*/*;q=0.8"), prefers_html("application/json, text/html"), prefers_html("*/*")
    (True, False, False)
    """
    kinds = [kind.partition(";")[0].strip() for kind in accept.lower().split(",")]
    return "text/html" in kinds and "application/json" not in kinds[: kinds.index("text/html")]


def page(session: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """The page: text only, nothing in it runs."""
    title = html.escape(session["title"] or "Untitled session")
    facts = html.escape(
        ", ".join(filter(None, (session["source"], session["model"], day(session["created_at"]))))
    )
    turns = "".join(turn(row) for row in rows)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1><p>{facts}</p>{turns}</body></html>"
    )


def turn(row: dict[str, Any]) -> str:
    text = "\n\n".join(field.text for field in parts.fields(row["text"], row["parts"]))
    return f"<h2>{html.escape(row['role'])}</h2><pre>{html.escape(text)}</pre>"


def day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
