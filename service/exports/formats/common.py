"""What several formats say alike: facts of a case, chat messages in OpenAI's form, the tools that were called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from service.exports.model import Call, Case, Said

Json = dict[str, Any]
NAME = re.compile(r"[^A-Za-z0-9_-]")
NAME_CHARS = 64


def metadata(case: Case) -> Json:
    """Facts of a case, without those that are not known. Names as OpenSync's exports have them, and more."""
    about = case.about
    facts: Json = {
        "id": case.id,
        "session_id": about.name,
        "turn": case.ordinal,
        "turn_mode": case.mode,
        "title": about.title,
        "project": about.project,
        "tool": about.source,
        "model": case.model,
        "provider": about.provider,
        "timestamp": iso(case.created_at_ms),
        "tokens_input": case.prompt_tokens,
        "tokens_output": case.completion_tokens,
        "latency_ms": case.duration_ms,
        "cost_usd": case.cost_usd,
        "tags": list(case.tags),
        "eval_status": case.status,
        "split": case.split,
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def with_metadata(record: Json, case: Case, wanted: bool, name: str = "metadata") -> Json:
    return {**record, name: metadata(case)} if wanted else record


def iso(ms: int) -> str:
    """
    >>> iso(1769846400000)
    '2026-01-31T08:00:00Z'
    """
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def openai_messages(said: Iterable[Said]) -> list[Json]:
    """Chat messages as OpenAI's API takes them: arguments are the JSON text that the model wrote."""
    return [openai_message(each) for each in said if each.text or each.calls or each.role == "tool"]


def openai_message(said: Said) -> Json:
    if said.role == "tool":
        return {"role": "tool", "tool_call_id": said.call_id, "content": said.text}
    message: Json = {"role": said.role, "content": said.text or None}
    if said.calls:
        message["tool_calls"] = [openai_call(call) for call in said.calls]
    return message


def openai_call(call: Call) -> Json:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": function_name(call.name), "arguments": call.args_json},
    }


def function_name(name: str) -> str:
    """As OpenAI takes names of functions; nearly every tool is called so already.

    >>> function_name("mcp__github__get_file"), function_name("web.search")
    ('mcp__github__get_file', 'web_search')
    """
    return NAME.sub("_", name)[:NAME_CHARS]


def tools(said: Sequence[Said]) -> list[Json]:
    """The tools that were called, by name, with the arguments that they were seen with. What was offered is not known.

    >>> call = Call(id="1", name="Bash", args={"command": "ls"}, args_json="")
    >>> tools([Said(role="assistant", calls=(call,))])[0]["function"]["parameters"]["properties"]
    {'command': {'type': 'string'}}
    """
    seen: dict[str, dict[str, Json]] = {}
    for call in (call for each in said for call in each.calls):
        properties = seen.setdefault(function_name(call.name), {})
        for name, value in call.args.items():
            properties.setdefault(name, schema_of(value))
    return [
        {
            "type": "function",
            "function": {"name": name, "parameters": {"type": "object", "properties": found}},
        }
        for name, found in sorted(seen.items())
    ]


def schema_of(value: Any) -> Json:
    kinds: Mapping[type, str] = {
        bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"
    }  # fmt: skip
    kind = kinds.get(type(value))
    return {"type": kind} if kind else {}
