"""Writes as rows, and rows merged. Pure: what a request says goes in, what a statement takes comes out.

Rule: None is "not said". Folding and merging go field by field, and the last that says something wins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from service.model import parts as part_forms
from service.model import titles
from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite

W = TypeVar("W", SessionWrite, MessageWrite)
K = TypeVar("K")
Key = tuple[int, str]
"""A message's: session id and external id."""

SESSION_COLUMNS = (
    "source", "source_provisional", "external_id", "parent_external_id", "kind", "title", "title_rank",
    "project_name", "project_path", "model", "provider", "prompt_tokens", "completion_tokens",
    "cache_read_tokens", "cache_write_tokens", "cost_usd", "duration_ms", "status", "attrs", "created_at",
)  # fmt: skip
UPDATE_COLUMNS = (
    *(name for name in SESSION_COLUMNS if name not in ("external_id", "source_provisional")),
    "id", "message_model", "new_messages", "active_at",
)  # fmt: skip
MESSAGE_COLUMNS = (
    "place", "session_id", "external_id", "role", "text", "model", "source", "prompt_tokens",
    "completion_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd", "duration_ms", "attrs",
    "parts_sha256", "tools", "has_error", "created_at",
)  # fmt: skip
PART_COLUMNS = ("message_id", "ordinal", "type", "content")


def columns(rows: Sequence[dict[str, Any]], names: Iterable[str]) -> dict[str, list[Any]]:
    """Rows turned into one array a column, as `unnest` takes them.

    >>> columns([{"a": 1}, {"a": 2, "b": 3}], ["a", "b"])
    {'a': [1, 2], 'b': [None, 3]}
    """
    return {name: [row.get(name) for row in rows] for name in names}


def fold(keyed: Iterable[tuple[K | None, W]]) -> dict[K, W]:
    """Writes with the same key as one, field by field, the last that says something wins. No key: left out."""
    folded: dict[K, W] = {}
    for key, write in keyed:
        if key is not None:
            folded[key] = merge(folded[key], write) if key in folded else write
    return folded


def merge(earlier: W, later: W) -> W:
    said = {name: value for name in later.__struct_fields__ if (value := getattr(later, name)) is not None}
    if earlier.attrs and later.attrs:
        said["attrs"] = earlier.attrs | later.attrs
    return msgspec.structs.replace(earlier, **said)


def session_row(write: SessionWrite) -> dict[str, Any]:
    row = msgspec.structs.asdict(write)
    row["title_rank"] = None if write.title is None else titles.title_rank(write.title)
    row["attrs"] = None if write.attrs is None else msgspec.json.encode(write.attrs).decode()
    return row


def message_row(place: int, key: Key, write: MessageWrite) -> dict[str, Any]:
    row = msgspec.structs.asdict(write)
    parts = row.pop("parts")
    row |= {
        "place": place,
        "session_id": key[0],
        "attrs": None if write.attrs is None else msgspec.json.encode(write.attrs).decode(),
    }
    if parts is not None:
        row |= {
            "parts_sha256": parts_sha256(parts),
            "tools": "\x1f".join(part_forms.tool_names(parts)),
            "has_error": part_forms.has_error(parts),
        }
    return row


def parts_sha256(parts: Iterable[Part]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part.type}:{len(part.content)}:".encode() + part.content)
    return digest.digest()


def session_update(
    id: int,
    write: SessionWrite | None,
    stored: Sequence[tuple[dict[str, Any], MessageWrite]],
    *,
    now: datetime,
    changed: bool,
) -> dict[str, Any]:
    """What to merge into a session: the write to it (`changed`: it would change something), and what its new or
    changed messages tell of it. Activity in the future is activity now."""
    row = session_row(write) if write else {}
    times = [message.created_at or now for _, message in stored] + ([now] if changed else [])
    begun = [line["created_at"] for line, _ in stored] + (
        [write.created_at] if write and write.created_at else []
    )
    title = row.get("title")
    if title is None or row["title_rank"] == 0:
        derived = next(
            (text for _, m in stored if m.role == "user" and (text := titles.first_line_title(spoken(m)))),
            None,
        )
        if derived is not None:
            row |= {"title": derived, "title_rank": 1}
    return row | {
        "id": id,
        "message_model": next((message.model for _, message in stored if message.model), None),
        "new_messages": sum(line["inserted"] for line, _ in stored),
        "created_at": min(begun, default=None),
        "active_at": min(max(times), now) if times else None,
    }


def spoken(write: MessageWrite) -> str:
    """The text of a message, from its own text or its text parts."""
    return write.text or "\n".join(
        field.text for field in part_forms.fields(None, write.parts or ()) if field.kind == "text"
    )
