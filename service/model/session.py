"""A session: a conversation with an agent, as it is written (by a client) and as it stands in the table."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

Kind = Literal["agent", "thread", "conversation", "sandbox", "run", "run_step", "issue_session", "chain"]


class SessionWrite(msgspec.Struct, frozen=True, kw_only=True):
    """What one write says of a session. None is "not said" and changes nothing.

    Token counts and cost are absolute, and already None where the client sent 0 (unknown).
    `source` is already the wire's name (`cursor` -> `cursor-sync`); None makes a provisional `opencode`.
    """

    external_id: str
    title: str | None = None
    project_path: str | None = None
    project_name: str | None = None
    model: str | None = None
    provider: str | None = None
    source: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_usd: Decimal | None = None
    duration_ms: int | None = None
    created_at: datetime | None = None
    kind: Kind | None = None
    parent_external_id: str | None = None
    status: str | None = None
    attrs: dict[str, Any] | None = None
    announced: bool = False
    """Said by another session's transcript: tells of a session that is here, and makes none."""
