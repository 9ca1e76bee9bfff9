"""What a client may still say of what a transcript has told: only what is unknown there. Pure.

Rule: the transcript's word stands. Of a message a client fills fields that are NULL; of a session's totals those that
its transcript never told. Tokens are told together: four counts that are disjoint on one side only cannot be mixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from service.model.message import MessageWrite
from service.model.session import SessionWrite

TOKENS, COST, DURATION = 1, 2, 4
ALL = TOKENS | COST | DURATION
_TOKENS = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")
_TOTALS = {TOKENS: _TOKENS, COST: ("cost_usd",), DURATION: ("duration_ms",)}
_FACTS = (*_TOKENS, "model", "cost_usd", "duration_ms", "source")
_TOOL_PARTS = ("tool-call", "tool-result")


def told(write: SessionWrite) -> int:
    """Which totals a transcript tells, as `sessions.transcript_totals` keeps it.

    >>> told(SessionWrite(external_id="s", completion_tokens=5, duration_ms=9)) == TOKENS | DURATION
    True
    """
    return sum(
        bit for bit, names in _TOTALS.items() if any(getattr(write, name) is not None for name in names)
    )


def yielding(write: SessionWrite, transcript_totals: int) -> SessionWrite:
    """A client's write without the totals that the transcript has told.

    >>> write = SessionWrite(external_id="s", prompt_tokens=5, duration_ms=9)
    >>> (left := yielding(write, TOKENS)).prompt_tokens, left.duration_ms
    (None, 9)
    """
    silent: dict[str, Any] = {
        name: None for bit, names in _TOTALS.items() if transcript_totals & bit for name in names
    }
    return msgspec.structs.replace(write, **silent) if silent else write


def is_older(write: SessionWrite, *, transcript_totals: int, total_tokens: int) -> bool:
    """Whether a transcript's write is of an earlier state of the session: a session's tokens only grow.

    >>> is_older(SessionWrite(external_id="s", prompt_tokens=5), transcript_totals=TOKENS, total_tokens=6)
    True
    """
    tokens = sum(getattr(write, name) or 0 for name in _TOKENS)
    return bool(transcript_totals & TOKENS) and 0 < tokens < total_tokens


def filled(write: MessageWrite, stored: Mapping[str, Any]) -> MessageWrite:
    """A client's write to a transcript's message: under its external id, with what is unknown there alone.

    `stored`: the row, with `has_text` and `has_parts`. A row that a client makes of one tool call says something of
    the call (how long it took) and nothing of the message.
    """
    same: dict[str, Any] = {"external_id": stored["external_id"], "role": stored["role"], "created_at": None}
    if write.text is None and write.parts and all(part.type in _TOOL_PARTS for part in write.parts):
        return MessageWrite(session_external_id=write.session_external_id, **same)
    same |= {name: None for name in _FACTS if stored[name] is not None}
    if stored["has_text"]:
        same["text"] = None
    if stored["has_parts"]:
        same["parts"] = None
    if write.attrs:
        same["attrs"] = {
            name: value for name, value in write.attrs.items() if name not in stored["attrs"]
        } or None
    return msgspec.structs.replace(write, **same)
