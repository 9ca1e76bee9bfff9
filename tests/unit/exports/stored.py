"""Stored messages, as exports get them, in a line each."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from service.exports.model import About
from service.model.message import Part

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
ABOUT = About(
    id="s1", name="ses", root="ses", source="claude-code", created_at_ms=0, title="Loop", model="m-1"
)
numbers = itertools.count(1)


def row(role: str, text: str | None = None, *parts: Part, **labels: Any) -> dict[str, Any]:
    """A row of `storage.messages`, with its parts; ids ascend."""
    id = next(numbers)
    known: dict[str, Any] = {
        "id": id, "role": role, "text": text, "parts": list(parts), "created_at": NOW + timedelta(seconds=id),
        "model": None, "prompt_tokens": None, "completion_tokens": None, "cost_usd": None, "duration_ms": None,
        "eval_ready": None, "eval_status": None, "expected_output": None, "tags": [],
    }  # fmt: skip
    return known | labels


def call(name: str, args: Any, id: str | None = None) -> Part:
    told = {"toolCallId": id} if id else {}
    return Part("tool-call", msgspec.json.encode({**told, "toolName": name, "args": args}))


def result(value: Any, id: str | None = None, **more: Any) -> Part:
    told = {"toolCallId": id} if id else {}
    return Part("tool-result", msgspec.json.encode({**told, "result": value, **more}))


def text(value: str) -> Part:
    return Part("text", msgspec.json.encode(value))


def thought(value: str) -> Part:
    return Part("reasoning", msgspec.json.encode({"text": value}))
