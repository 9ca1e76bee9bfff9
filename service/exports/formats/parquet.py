"""Rows for Hugging Face's `datasets`: `messages` with columns beside. What nests freely is JSON in a text, so that the
schema is the same in every set."""

from __future__ import annotations

import msgspec

from service.exports.formats.common import Json, tools
from service.exports.formats.common import metadata as facts
from service.exports.model import Case, Said


def row(case: Case, metadata: bool) -> Json:
    return {
        "id": case.id,
        "messages": [message(each) for each in case.conversation],
        "tools": text(tools(case.conversation)),
        "input": case.input,
        "output": case.output,
        "expected": case.expected,
        "source": case.about.source,
        "model": case.model,
        "session_id": case.about.name,
        "turn": case.ordinal,
        "split": case.split,
        "metadata": text(facts(case) if metadata else {}),
    }


def message(said: Said) -> Json:
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.args_json}}
        for call in said.calls
    ]
    return {
        "role": said.role,
        "content": said.text,
        "reasoning": said.reasoning,
        "tool_calls": text(calls) if calls else "",
        "tool_call_id": said.call_id,
        "name": said.tool_name,
    }


def text(value: object) -> str:
    return msgspec.json.encode(value).decode()


COLUMNS: dict[str, str | dict[str, str]] = {
    "id": "text",
    "messages": dict.fromkeys(("role", "content", "reasoning", "tool_calls", "tool_call_id", "name"), "text"),
    "tools": "text",
    "input": "text",
    "output": "text",
    "expected": "text",
    "source": "text",
    "model": "text",
    "session_id": "text",
    "turn": "int",
    "split": "text",
    "metadata": "text",
}
"""Names to types; an object is a list of such objects."""
