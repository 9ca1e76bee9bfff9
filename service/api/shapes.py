"""Sessions and messages as they are read over HTTP, made from the tables' rows.

Rule: counts and costs are always numbers, 0 where they are unknown, and `costKnown` says which; what else is not
known is left out. Times are epoch milliseconds, costs US dollars rounded to six places.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from service.api.gate.params import EPOCH
from service.model import ids
from service.model.message import Part, PartType, Role
from service.model.session import Kind

MS = timedelta(milliseconds=1)
COST_PLACES = Decimal("0.000001")


class Session(msgspec.Struct, kw_only=True, rename="camel"):
    """A session without its messages."""

    id: str
    external_id: str
    parent_external_id: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    project_path: str | UnsetType = UNSET
    project_name: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    source: str
    kind: Kind
    status: str | UnsetType = UNSET
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost: float
    cost_known: bool
    duration_ms: int | UnsetType = UNSET
    is_public: bool
    slug: str | UnsetType = UNSET
    """Of the shared page `/s/{slug}`; kept while the session is private again."""
    eval_ready: bool
    eval_status: str | UnsetType = UNSET
    expected_output: str | UnsetType = UNSET
    notes: str | UnsetType = UNSET
    message_count: int
    tags: list[str]
    created_at: int
    updated_at: int


class WirePart(msgspec.Struct):
    """A block of a message: `text` holds a string, `reasoning {text}`, `tool-call {toolCallId, toolName, args}`,
    `tool-result {toolCallId, toolName, result, isError}`; `image` and `file` what the client sent."""

    type: PartType
    content: Raw


class Message(msgspec.Struct, kw_only=True, rename="camel"):
    """A message with its parts; `seq` counts from 0 in the session's order."""

    id: str
    external_id: str
    session_id: str
    role: Role
    seq: int
    text_content: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost: float
    cost_known: bool
    duration_ms: int | UnsetType = UNSET
    eval_ready: bool | UnsetType = UNSET
    """Absent: as its session is."""
    eval_status: str | UnsetType = UNSET
    expected_output: str | UnsetType = UNSET
    notes: str | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    created_at: int
    parts: list[WirePart]


def session(row: Mapping[str, Any]) -> Session:
    """A row of `storage.sessions`."""
    return Session(
        id=ids.session(row["id"]),
        external_id=row["external_id"],
        parent_external_id=known(row["parent_external_id"]),
        title=known(row["title"]),
        project_path=known(row["project_path"]),
        project_name=known(row["project_name"]),
        model=known(row["model"]),
        provider=known(row["provider"]),
        source=row["source"],
        kind=row["kind"],
        status=known(row["status"]),
        prompt_tokens=row["prompt_tokens"] or 0,
        completion_tokens=row["completion_tokens"] or 0,
        total_tokens=row["total_tokens"],
        cache_read_tokens=row["cache_read_tokens"] or 0,
        cache_write_tokens=row["cache_write_tokens"] or 0,
        cost=usd(row["cost_usd"]),
        cost_known=row["cost_usd"] is not None,
        duration_ms=known(row["duration_ms"]),
        is_public=row["is_public"],
        slug=known(row["slug"]),
        eval_ready=row["eval_ready"],
        eval_status=known(row["eval_status"]),
        expected_output=known(row["expected_output"]),
        notes=known(row["notes"]),
        message_count=row["message_count"],
        tags=row["tags"],
        created_at=epoch_ms(row["created_at"]),
        updated_at=epoch_ms(row["updated_at"]),
    )


def message(row: Mapping[str, Any]) -> Message:
    """A row of `storage.messages`, with its `seq` and `parts`."""
    return Message(
        id=ids.message(row["id"]),
        external_id=row["external_id"],
        session_id=ids.session(row["session_id"]),
        role=row["role"],
        seq=row["seq"],
        text_content=known(row["text"]),
        model=known(row["model"]),
        prompt_tokens=row["prompt_tokens"] or 0,
        completion_tokens=row["completion_tokens"] or 0,
        cache_read_tokens=row["cache_read_tokens"] or 0,
        cache_write_tokens=row["cache_write_tokens"] or 0,
        cost=usd(row["cost_usd"]),
        cost_known=row["cost_usd"] is not None,
        duration_ms=known(row["duration_ms"]),
        eval_ready=known(row["eval_ready"]),
        eval_status=known(row["eval_status"]),
        expected_output=known(row["expected_output"]),
        notes=known(row["notes"]),
        tags=row["tags"] or UNSET,
        created_at=epoch_ms(row["created_at"]),
        parts=[part(each) for each in row["parts"]],
    )


def part(stored: Part) -> WirePart:
    return WirePart(stored.type, Raw(stored.content))


def known(value: Any) -> Any:
    """What the answer leaves out where it is not known."""
    return UNSET if value is None else value


def usd(cost: Decimal | None) -> float:
    """
    >>> usd(Decimal("0.0345705")), usd(None)
    (0.03457, 0.0)
    """
    return 0.0 if cost is None else float(cost.quantize(COST_PLACES))


def epoch_ms(moment: datetime) -> int:
    """
    >>> epoch_ms(datetime.fromisoformat("2026-01-01T00:00:00.123999Z"))
    1767225600123
    """
    return (moment - EPOCH) // MS
