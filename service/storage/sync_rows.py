"""Writes as rows, and rows merged. Pure: what a request says goes in, what a statement takes comes out.

Rule: None is "not said". Folding and merging go field by field, and the last that says something wins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from service.model import parts as part_forms
from service.model import titles
from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite
from service.storage import filling

W = TypeVar("W", SessionWrite, MessageWrite)
K = TypeVar("K")
Key = tuple[int, str]
"""A message's: session id and external id."""

SESSION_COLUMNS = {
    "source": "text", "source_provisional": "bool", "external_id": "text", "parent_external_id": "text",
    "kind": "text", "title": "text", "title_rank": "int2", "project_name": "text", "project_path": "text",
    "model": "text", "provider": "text", "prompt_tokens": "int8", "completion_tokens": "int8",
    "cache_read_tokens": "int8", "cache_write_tokens": "int8", "cost_usd": "numeric", "duration_ms": "int8",
    "status": "text", "attrs": "text", "created_at": "timestamptz", "told": "int2",
}  # fmt: skip
UPDATE_COLUMNS = {
    **{name: type for name, type in SESSION_COLUMNS.items() if name not in ("external_id", "source_provisional")},
    "id": "int8", "message_model": "text", "new_messages": "int4", "active_at": "timestamptz", "lost_title": "text",
}  # fmt: skip
MESSAGE_COLUMNS = {
    "place": "int4", "session_id": "int8", "external_id": "text", "role": "text", "text": "text", "model": "text",
    "source": "text", "prompt_tokens": "int8", "completion_tokens": "int8", "cache_read_tokens": "int8",
    "cache_write_tokens": "int8", "cost_usd": "numeric", "duration_ms": "int8", "attrs": "text",
    "parts_sha256": "bytea", "tools": "text", "has_error": "bool", "text_key": "int8", "created_at": "timestamptz",
}  # fmt: skip
PART_COLUMNS = {"message_id": "int8", "ordinal": "int4", "type": "text", "content": "utf8"}


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


def session_row(write: SessionWrite, *, transcript: bool = False) -> dict[str, Any]:
    """`transcript`: it tells totals that no client replaces."""
    row = msgspec.structs.asdict(write)
    row["told"] = filling.told(write) if transcript else 0
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
    gone: int = 0,
    transcript: bool = False,
) -> dict[str, Any]:
    """What to merge into a session: the write to it (`changed`: it would change something), and what its new or
    changed messages tell of it, less those that are `gone`. Activity in the future is activity now; that an import
    tells something of a session is no activity."""
    row = session_row(write, transcript=transcript) if write else {"told": 0}
    times = [message.created_at or now for _, message in stored] + (
        [now] if changed and not transcript else []
    )
    begun = [line["created_at"] for line, _ in stored] + (
        [write.created_at] if write and write.created_at else []
    )
    row |= derived_title(row, (message for _, message in stored))
    return row | {
        "id": id,
        "message_model": next((message.model for _, message in stored if message.model), None),
        "new_messages": sum(line["inserted"] for line, _ in stored) - gone,
        "created_at": min(begun, default=None),
        "active_at": min(max(times), now) if times else None,
    }


def derived_title(row: Mapping[str, Any], messages: Iterable[MessageWrite]) -> dict[str, Any]:
    """The title that a session's new messages give it, where the write to it has no better one; a slug that has to
    give way is told too."""
    said, rank = row.get("title"), row.get("title_rank") or titles.NONE
    if said is not None and rank >= titles.DERIVED:
        return {}
    derived = titles.derived(
        spoken(message) for message in messages if message.role == "user" and not is_copied(message)
    )
    if derived is None or derived[1] < rank or (derived[1] == rank and said is not None):
        return {}
    return {"title": derived[0], "title_rank": derived[1], "lost_title": said if rank else None}


def is_copied(write: MessageWrite) -> bool:
    """Whether it stands in the session's transcript as history of the session that this one was forked from."""
    return bool(write.attrs) and not _COPIED.isdisjoint(write.attrs or ())


_COPIED = frozenset({"copiedFrom", "forkedFrom"})
"""What importers note at such a message."""


def spoken(write: MessageWrite) -> str:
    """The text of a message, from its own text or its text parts."""
    return write.text or "\n".join(
        field.text for field in part_forms.fields(None, write.parts or ()) if field.kind == "text"
    )
