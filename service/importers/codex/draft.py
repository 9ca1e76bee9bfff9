"""What one record says, before it is known whether another record says the same.

Rule: an item of the model's conversation and the event that showed it to a person make drafts of the same kind, so
that the two can be told to be one message.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec
from msgspec import Raw

from service.importers import blocks, record
from service.model.message import Part, Role

Kind = Literal["message", "reasoning", "call", "output", "note"]

_RANDOM = re.compile(
    r"(?:[A-Za-z0-9]+[_-])*[A-Za-z0-9]{16,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
)


class Draft(msgspec.Struct, kw_only=True, frozen=True):
    """`texts` are what can be compared between copies; `parts` are given where there is more than text."""

    kind: Kind
    role: Role
    texts: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    call_id: str | None = None
    own_id: str | None = None
    records: tuple[str, ...] = ()
    attrs: dict[str, Any] = {}
    duration_ms: int | None = None
    tool: str | None = None
    result: Raw | None = None
    error: bool | None = None


def call(call_id: str | None, tool: str | None, args: Raw | None, **more: Any) -> tuple[Part, ...]:
    """The part of a tool call; what is None is left out."""
    if tool is None:  # it may stand in the arguments
        members = {"type": "tool-call", "toolCallId": call_id, "args": args, **more}
        part = record.part({name: value for name, value in members.items() if value is not None})
        return () if part is None else (part,)
    return (blocks.call(call_id, tool, args, **more),)


def result(call_id: str | None, tool: str | None, output: Raw | None, error: bool | None) -> tuple[Part, ...]:
    """The part of a tool's result."""
    return (blocks.result(call_id, tool, output, failed=error),)


def reasoning(texts: tuple[str, ...]) -> tuple[Part, ...]:
    return tuple(Part("reasoning", msgspec.json.encode({"text": text})) for text in texts)


def lasting(identifier: str | None) -> str | None:
    """An id that no other record of the session can have by chance; None for short and counted ones.

    >>> lasting("call_l60TLUHMKhytonPFbK7eA723"), lasting("call_0"), lasting("functions.shell:12")
    ('call_l60TLUHMKhytonPFbK7eA723', None, None)
    """
    return identifier if identifier and _RANDOM.fullmatch(identifier) else None
