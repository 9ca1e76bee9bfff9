"""One message of an OpenAI-style chat, in any of the shapes that people keep: to what is stored of it.

Rule: whatever a message holds ends in its text, its parts, a field, or (small plain members) its attrs under the name
that it has. Arguments of calls stay the string that they were; blocks of content stay as they came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

from service.importers import clock, record
from service.model.message import Part, Role

Members = Mapping[str, Raw]

_ROLES: dict[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
    "tool_result": "tool",
    "function_response": "tool",
    "observation": "tool",
}
_TIMES = ("created_at", "createdAt", "created", "create_time", "timestamp", "time", "date")
_TEXT_BLOCKS = frozenset({"text", "input_text", "output_text"})
_REASONING = ("reasoning_content", "reasoning", "thinking")
_CONTENTS = ("content", "value", "parts", "text")
_READ = frozenset(
    {"id", "uuid", "role", "from", "tool_calls", "function_call", "tool_call_id", "usage", "model", "refusal"}
    | {*_CONTENTS, *_REASONING}
)
MAX_ATTR_BYTES = 300
MAX_ATTRS = 30


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one message says."""

    role: Role
    text: str | None
    parts: tuple[Part, ...] | None
    id: str | None
    """The one that it came with."""
    digest: str
    """Of who says what: the same wherever the message is copied to."""
    told_at: datetime | None
    model: str | None
    usage: dict[str, int]
    """Counts by their field of a write, disjoint."""
    attrs: dict[str, Any]


def read(message: Members) -> Said | None:
    """What a message's members say; None where they are those of no message: they name no role."""
    name = record.text(_plain(message.get("role"))) or record.text(_plain(message.get("from")))
    if name is None:
        return None
    role = _ROLES.get(name.strip().lower().replace("-", "_"), "unknown")
    blocks = [part for part in _blocks(message, role, calls=name == "function_call") if part is not None]
    only_text = all(part.type == "text" for part in blocks)
    texts = [msgspec.json.decode(part.content, type=str) for part in blocks if part.type == "text"]
    if role == "user" and blocks and all(part.type == "tool-result" for part in blocks):
        role = "tool"
    digest = hashlib.sha256(role.encode())
    for part in blocks:
        digest.update(b"\0" + part.type.encode() + b"\0" + part.content)
    return Said(
        role=role,
        text="\n\n".join(texts) or None,
        parts=None if only_text else tuple(blocks),
        id=record.identifier(_plain(message.get("id"))) or record.identifier(_plain(message.get("uuid"))),
        digest=digest.hexdigest()[:12],
        told_at=told_at(message),
        model=record.text(_plain(message.get("model")), most=record.MAX_NAME_CHARS),
        usage=usage(record.value(message.get("usage"))),
        attrs=_attrs(message, name if role == "unknown" else None),
    )


def told_at(members: Members) -> datetime | None:
    """The time that an object tells, as ISO 8601 or since the epoch."""
    for name in _TIMES:
        value = _plain(members.get(name))
        if (moment := clock.from_iso(value) or clock.from_epoch(value)) is not None:
            return moment
    return None


def usage(told: Any) -> dict[str, int]:
    """Four disjoint counts, by their fields: OpenAI counts cached tokens into the input, Anthropic does not.

    >>> usage({"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 60}})
    {'prompt_tokens': 40, 'completion_tokens': 9, 'cache_read_tokens': 60}
    """
    if not isinstance(told, dict):
        return {}
    details = told.get("prompt_tokens_details") or told.get("input_tokens_details")
    cached = record.count(details.get("cached_tokens")) if isinstance(details, dict) else None
    sent = record.count(told.get("prompt_tokens")) or record.count(told.get("input_tokens"))
    counts = {
        "prompt_tokens": max(sent - (cached or 0), 0) if sent else None,
        "completion_tokens": record.count(told.get("completion_tokens"))
        or record.count(told.get("output_tokens")),
        "cache_read_tokens": cached or record.count(told.get("cache_read_input_tokens")),
        "cache_write_tokens": record.count(told.get("cache_creation_input_tokens")),
    }
    return {name: count for name, count in counts.items() if count}


def _blocks(message: Members, role: Role, *, calls: bool) -> Iterator[Part | None]:
    """The parts of a message in order: what the model thought, what it said, what it called."""
    for member in _REASONING:
        if (thought := record.text(_plain(message.get(member)))) is not None:
            yield record.part({"type": "reasoning", "text": thought})
            break
    content = next((message[member] for member in _CONTENTS if member in message), None)
    if calls and (call := _call_in_text(content)) is not None:
        yield call
    elif role == "tool" and not _has_results(content):
        yield record.part(_result(message, content))
    else:
        yield from _content(content)
    if (refusal := record.text(_plain(message.get("refusal")))) is not None:
        yield record.part(refusal)
    for called in _elements(message.get("tool_calls")):
        yield record.part(_typed(called, "function"))
    if (older := _object(message.get("function_call"))) is not None:
        yield record.part({"type": "function_call", **older})


def _content(content: Raw | None) -> Iterator[Part | None]:
    """A string, a list of blocks, or one block."""
    value = record.value(content)
    if content is None or value is None or (isinstance(value, str) and not value.strip()):
        return
    if isinstance(value, str):
        yield record.part(value)
        return
    for block in _elements(content) if isinstance(value, list) else [content]:
        yield _block(block)


def _block(block: Raw) -> Part | None:
    members = _object(block)
    kind = _plain(members.get("type")) if members else None
    if members and kind in _TEXT_BLOCKS and record.text(said := _plain(members.get("text"))):
        return record.part(said)
    if members and kind == "refusal" and record.text(said := _plain(members.get("refusal"))):
        return record.part(said)
    value = record.value(block)
    return None if isinstance(value, str) and not value.strip() else record.part(block)


def _result(message: Members, content: Raw | None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "tool-result", "result": content if content is not None else Raw(b'""')}
    for member, name in (("toolCallId", "tool_call_id"), ("toolName", "name")):
        if (value := record.identifier(_plain(message.get(name)))) is not None:
            found[member] = value
    return found


def _call_in_text(content: Raw | None) -> Part | None:
    """ShareGPT keeps a call as text: `{"name", "arguments"}` in a string."""
    said = _plain(content)
    if not isinstance(said, str):
        return None
    try:
        call = record.members(said.encode())
    except record.Unreadable:
        return None
    return record.part({"type": "function_call", **call}) if "name" in call else None


def _has_results(content: Raw | None) -> bool:
    """Whether the content says itself of which call it is the result."""
    kinds = [_plain(block.get("type")) for block in map(_object, _elements(content)) if block]
    return any(kind in ("tool_result", "tool-result", "function_call_output") for kind in kinds)


def _attrs(message: Members, role: str | None) -> dict[str, Any]:
    """Small plain members that have no field, the usage as it was told, and a role that we do not know."""
    attrs: dict[str, Any] = {} if role is None else {"role": role[:80]}
    for name, raw in message.items():
        if name in _READ or len(name) > 60 or len(bytes(raw)) > MAX_ATTR_BYTES or len(attrs) >= MAX_ATTRS:
            continue
        value = record.value(raw)
        if value not in (None, "", [], {}) and not (name in _TIMES and told_at({name: raw})):
            attrs[name] = value
    if isinstance(told := record.value(message.get("usage")), dict) and len(bytes(message["usage"])) <= 2_000:
        attrs["usage"] = told
    return attrs


def _typed(call: Raw, kind: str) -> Raw | dict[str, Any]:
    """A call with a type, which some writers leave out."""
    members = _object(call)
    return call if members is None or "type" in members else {"type": kind, **members}


def _object(raw: Raw | None) -> dict[str, Raw] | None:
    if raw is None or not bytes(raw).lstrip().startswith(b"{"):
        return None
    return msgspec.json.decode(raw, type=dict[str, Raw])


def _elements(raw: Raw | None) -> list[Raw]:
    if raw is None or not bytes(raw).lstrip().startswith(b"["):
        return []
    return msgspec.json.decode(raw, type=list[Raw])


def _plain(raw: Raw | None) -> Any:
    """A plain value; None for what is not there and for lists and objects."""
    if raw is None or bytes(raw).lstrip()[:1] in (b"{", b"["):
        return None
    return msgspec.json.decode(raw)
