"""Bodies of /sync as /schema shows them. They are read by `wire.py`, which is more lenient than any schema."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from service.model.message import Role
from service.model.session import Kind

Id = Annotated[str, Meta(min_length=1, max_length=512)]
Count = Annotated[int | None, Meta(description="Absolute, not a sum to add to; 0 means unknown.")]
Usd = Annotated[float | None, Meta(description="US dollars; 0 means unknown.")]
Time = Annotated[int | str | None, Meta(description="Epoch milliseconds or ISO 8601.")]


class SessionBody(msgspec.Struct, kw_only=True, rename="camel"):
    """A session; what is absent stays as it is. Instead of `externalId`, `sessionId` is taken too."""

    external_id: Id
    title: str | None = None
    project_path: str | None = None
    project_name: str | None = None
    model: str | None = None
    provider: str | None = None
    source: Annotated[
        str | None, Meta(description="claude-code, codex-cli, opencode, ...: which tool it is from.")
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
    status: str | None = None
    attrs: dict[str, Any] | None = None


class MessageBody(msgspec.Struct, kw_only=True, rename="camel"):
    """A message. Its session is made where it is not known yet."""

    session_external_id: Id
    external_id: Id
    role: Role
    text_content: str | None = None
    model: str | None = None
    prompt_tokens: Count = None
    completion_tokens: Count = None
    cache_read_tokens: Count = None
    cache_write_tokens: Count = None
    cost: Usd = None
    duration_ms: Count = None
    source: str | None = None
    created_at: Annotated[Time, Meta(description="`timestamp` is taken too.")] = None
    parts: Annotated[
        list[dict[str, Any]] | None,
        Meta(
            description="`{type, content}`, or flat `{type, toolName, args}`. All parts of the message; absent: they stay."
        ),
    ] = None
    attrs: dict[str, Any] | None = None


class BatchBody(msgspec.Struct):
    """Sessions and messages together, in any order. A bad item hurts no other."""

    sessions: list[SessionBody] | None = None
    messages: list[MessageBody] | None = None
