"""A message: one turn of a session, as it is written (by a client) and as it is read back."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

Role = Literal["user", "assistant", "system", "tool", "unknown"]
PartType = Literal["text", "reasoning", "tool-call", "tool-result", "image", "file"]


class Part(msgspec.Struct, frozen=True):
    """A block of a message in its normal form.

    `content` is JSON text (UTF-8), stored as it is: of `text` a JSON string; of the others an object,
    `reasoning {text}`, `tool-call {toolCallId, toolName, args}`, `tool-result {toolCallId, toolName, result,
    isError}`, what else a client said behind these; `image` and `file` as they came. A type that we do not know
    is kept as a `file` part `{type, content}` so that nothing is lost.
    """

    type: PartType
    content: bytes


class MessageWrite(msgspec.Struct, frozen=True, kw_only=True):
    """What one write says of a message. None is "not said" and changes nothing; `parts=()` takes parts out.

    Token counts and cost are already None where the client sent 0 (unknown).
    """

    session_external_id: str
    external_id: str
    role: Role
    text: str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_usd: Decimal | None = None
    duration_ms: int | None = None
    source: str | None = None
    created_at: datetime | None = None
    parts: tuple[Part, ...] | None = None
    attrs: dict[str, Any] | None = None
