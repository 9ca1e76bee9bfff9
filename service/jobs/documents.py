"""Rows of the database as documents of the text index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog

from indexing.model import Field, TextDocument
from indexing.passages import index_text
from service.model import parts
from service.storage import messages
from service.storage.database import Database

log = structlog.get_logger()


async def message_rows(db: Database, workspace_id: int, ids: Sequence[int]) -> list[dict[str, Any]]:
    """One a message that is still there, in no order."""
    async with db.workspace(workspace_id) as conn:
        return await messages.to_index(conn, workspace_id, ids)


async def session_rows(db: Database, workspace_id: int, ids: Sequence[int]) -> list[dict[str, Any]]:
    """One a session that is still there: its titles, present and former."""
    async with db.workspace(workspace_id) as conn:
        return await messages.sessions_to_index(conn, workspace_id, ids)


def message_document(workspace_id: int, row: dict[str, Any]) -> TextDocument:
    said, done = index_text(fields(row))
    return TextDocument(
        workspace_id=workspace_id,
        unit="message",
        id=row["id"],
        session_id=row["session_id"],
        said=said,
        done=done,
        role=row["role"],
        tools=tuple(row["tools"]),
        has_error=row["has_error"],
        **facts(row),
    )


def fields(row: dict[str, Any]) -> list[Field]:
    """What can be searched of a message. Of one whose parts cannot be read, its text: it must not hold up all behind it."""
    try:
        return parts.fields(row["text"], row["parts"])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        log.warning("parts_unreadable", message=row["id"], error=type(error).__name__)
        return parts.fields(row["text"], ())


def session_document(workspace_id: int, row: dict[str, Any]) -> TextDocument:
    titles = filter(None, (row["title"], *row["former_titles"]))
    return TextDocument(
        workspace_id=workspace_id,
        unit="session",
        id=row["id"],
        session_id=row["id"],
        said="\n".join(titles),
        **facts(row),
    )


def facts(row: dict[str, Any]) -> dict[str, Any]:
    """What both kinds of documents have of their session."""
    return {
        "source": row["source"],
        "project_name": row["project_name"] or "",
        "project_path": row["project_path"] or "",
        "model": row["model"] or "",
        "kind": row["kind"],
        "tags": tuple(row["tags"]),
        "created_at_ms": epoch_ms(row["created_at"]),
    }


def epoch_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
