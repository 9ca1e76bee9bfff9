"""Bodies of /sync as /schema shows them. They are read by `wire.py`, which is more lenient than any schema."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from service.api.gate import params
from service.model import bounds
from service.model.message import Role
from service.model.session import Kind

Id = Annotated[str, Meta(max_length=bounds.MAX_ID_CHARS, pattern=params.SAYS_SOMETHING)]
Name = Annotated[str, Meta(max_length=bounds.MAX_NAME_CHARS)]
Line = Annotated[str, Meta(max_length=bounds.MAX_LINE_CHARS)]
Source = Annotated[str, Meta(max_length=bounds.MAX_SOURCE_CHARS)]
Count = Annotated[
    Annotated[float, Meta(ge=0, le=bounds.MAX_COUNT)] | None,
    Meta(description="Absolute, not a sum to add to; 0 means unknown. Rounded to a whole number."),
]
Usd = Annotated[
    Annotated[float, Meta(ge=0, le=bounds.MAX_COST_USD)] | None,
    Meta(description="US dollars; 0 means unknown."),
]
Time = Annotated[
    Annotated[float, Meta(ge=0, le=bounds.LAST_MS)] | Annotated[str, Meta(pattern=params.ISO_DATE)] | None,
    Meta(description="Epoch milliseconds or ISO 8601, from 1970 to 9999."),
]


class SessionBody(msgspec.Struct, kw_only=True, rename="camel"):
    """A session; what is absent stays as it is. Instead of `externalId`, `sessionId` is taken too."""

    external_id: Id
    title: Line | None = None
    project_path: Line | None = None
    project_name: Name | None = None
    model: Name | None = None
    provider: Name | None = None
    source: Annotated[
        Source | None, Meta(description="claude-code, codex-cli, opencode, ...: which tool it is from.")
    ] = None
    prompt_tokens: Count = None
    completion_tokens: Count = None
    cache_read_tokens: Count = None
    cache_write_tokens: Count = None
    cost: Usd = None
    duration_ms: Count = None
    created_at: Time = None
    kind: Kind | None = None
    parent_external_id: Id | None = None
    status: Name | None = None
    attrs: dict[str, Any] | None = None


class MessageBody(msgspec.Struct, kw_only=True, rename="camel"):
    """A message. Its session is made where it is not known yet."""

    session_external_id: Id
    external_id: Id
    role: Role
    text_content: str | None = None
    model: Name | None = None
    prompt_tokens: Count = None
    completion_tokens: Count = None
    cache_read_tokens: Count = None
    cache_write_tokens: Count = None
    cost: Usd = None
    duration_ms: Count = None
    source: Source | None = None
    created_at: Annotated[Time, Meta(description="`timestamp` is taken too.")] = None
    parts: Annotated[
        Annotated[list[dict[str, Any] | str | None], Meta(max_length=bounds.MAX_PARTS)] | None,
        Meta(
            description="`{type, content}`, or flat `{type, toolName, args}`; a text is a text part. All parts of the message; absent: they stay."
        ),
    ] = None
    attrs: dict[str, Any] | None = None


class BatchBody(msgspec.Struct):
    """Sessions and messages together, in any order. A bad item hurts no other."""

    sessions: list[SessionBody] | None = None
    messages: list[MessageBody] | None = None
