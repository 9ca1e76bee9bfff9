"""One session as a file."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from service.api import examples, shapes
from service.api.evals.making import ALL
from service.api.gate import params
from service.api.gate.routes import JSON, NDJSON, Answer, Call, route
from service.api.sessions.paths import SessionAsked, found
from service.errors import RequestError
from service.exports import session as files
from service.privacy import names
from service.privacy.cleaning import Cleaner
from service.storage import messages

VERSION = 1
KINDS = {"json": JSON, "jsonl": NDJSON, "markdown": "text/markdown", "csv": "text/csv"}
ENDINGS = {"json": "json", "jsonl": "jsonl", "markdown": "md", "csv": "csv"}


class SingleAsked(SessionAsked, kw_only=True):
    id: Annotated[
        params.Name | None,
        Meta(description="The session's id or external id.", extra_json_schema=params.NEEDED),
    ] = None
    format: Literal["json", "markdown", "jsonl", "csv"] = "json"
    anonymize: bool = False
    redact: bool = False


@route(
    "GET", "/api/export", scope="read", summary="Export a session", asks=SingleAsked, gives=JSON, gives_too=tuple(KINDS.values()),
    description="A session with its messages as a file: `json`; `markdown` to read; `csv`, a message a row; or `jsonl`, "
    "which `backscroll import` reads back: a line for the session and one a message, with all that is known of them.",
    example={"session": examples.SESSION, "messages": [examples.MESSAGE | {"content": examples.MESSAGE["textContent"]}]},
    errors=(400, 404),
)  # fmt: skip
async def export_session(call: Call, asked: SingleAsked) -> Answer:
    if not asked.id:
        raise RequestError("Missing session ID")
    async with call.rows(still=True) as conn:
        row = await found(conn, call, asked.id, asked)
        rows = await messages.page(conn, call.workspace_id, row["id"], limit=ALL)
    cleaner = Cleaner(redact=asked.redact, anonymize=asked.anonymize)
    body, stem = await asyncio.to_thread(rendered, asked.format, row, rows, cleaner)
    headers = {"Content-Disposition": f'attachment; filename="{stem}.{ENDINGS[asked.format]}"'}
    return Answer(body, headers=headers, media_type=KINDS[asked.format])


def rendered(
    format: str, row: dict[str, Any], rows: list[dict[str, Any]], cleaner: Cleaner
) -> tuple[bytes, str]:
    """The file's bytes, and its name without an ending."""
    session = plain(shapes.session(row))
    said = [plain(shapes.message(each)) for each in rows]
    if cleaner:
        people = names.gather(texts((session, said))) if cleaner.anonymizes else frozenset()
        session, said = cleaner.value(session, people), cleaner.value(said, people)
    stem = files.file_stem(session)
    if format == "markdown":
        return files.markdown(session, said).encode(), stem
    if format == "csv":
        return files.table(said).encode(), stem
    if format == "jsonl":
        lines = [
            {"type": "session", "backscroll": VERSION, **session},
            *({"type": "message", **each} for each in said),
        ]
        return b"".join(msgspec.json.encode(line) + b"\n" for line in lines), stem
    whole = [{**each, "content": each.get("textContent", "")} for each in said]
    return msgspec.json.encode({"session": session, "messages": whole}), stem


def plain(shape: msgspec.Struct) -> dict[str, Any]:
    """As JSON values."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(shape))
    return found


def texts(value: Any) -> list[str]:
    """All strings in a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for each in value for text in texts(each)] if isinstance(value, (list, tuple)) else []
