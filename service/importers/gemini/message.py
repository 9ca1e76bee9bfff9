"""One record of a message: who speaks, in which parts, and what it cost.

Rule: newer versions keep calls and thoughts in `content`, older ones beside it (`toolCalls`, `thoughts`); what stands
in both is taken from `content`, a call's result always from beside it. What the person saw (`displayContent`) is the
text, what the model got the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Raw

from service.importers import blocks, record
from service.importers.clock import from_iso
from service.importers.running import UNKNOWN, Usage, facts, name
from service.model import raw_members
from service.model.message import Part, Role
from service.model.raw_members import Members

_ROLES: dict[str, Role] = {
    "user": "user",
    "gemini": "assistant",
    "model": "assistant",
    "assistant": "assistant",
}
_INJECTED = ("<session_context>", "<hook_context>")


class Read(NamedTuple):
    id: str | None
    role: Role
    text: str | None
    parts: list[Part]
    at: datetime | None
    model: str | None
    usage: Usage
    attrs: dict[str, Any]


def read(members: Members) -> Read:
    kind = raw_members.string(members.get("type")) or ""
    parts = _parts(members)
    shown = blocks.text_of(_of_content(members.get("displayContent"))) if kind == "user" else None
    role = _role(kind, parts)
    tokens = record.value(members.get("tokens"))
    return Read(
        id=record.identifier(raw_members.string(members.get("id"))),
        role=role,
        text=shown,
        parts=parts,
        at=from_iso(raw_members.string(members.get("timestamp"))),
        model=name(raw_members.string(members.get("model"))) if role == "assistant" else None,
        usage=_usage(tokens) if isinstance(tokens, dict) else UNKNOWN,
        attrs=facts({"usage": tokens, "type": kind if role == "system" else None}, ("usage", "type")),
    )


def _role(kind: str, parts: Sequence[Part]) -> Role:
    """Notices of the program are the system's, as is the context that it writes in the user's name."""
    role = _ROLES.get(kind, "system")
    if role == "user" and parts and all(part.type == "tool-result" for part in parts):
        return "tool"
    if role == "user" and (blocks.text_of(parts) or "").lstrip().startswith(_INJECTED):
        return "system"
    return role


def _parts(members: Members) -> list[Part]:
    content = _of_content(members.get("content"))
    has_thoughts = any(part.type == "reasoning" for part in content)
    thoughts = [] if has_thoughts else blocks.elements(members.get("thoughts"))
    parts = [part for thought in thoughts if (part := _thought(thought))] + content
    asked = set(blocks.call_ids(content))
    for raw in blocks.elements(members.get("toolCalls")):
        parts += _call(raw_members.of(raw) or {"args": raw}, asked)
    return parts


def _of_content(content: Raw | None) -> list[Part]:
    """A string, a part, or a list of these."""
    if content is None or bytes(content) in (b"null", b'""'):
        return []
    listed = blocks.elements(content) if bytes(content).startswith(b"[") else [content]
    return [part for raw in listed if (part := _part(raw))]


def _part(raw: Raw) -> Part | None:
    members = raw_members.of(raw)
    if members is None:
        return record.part(raw)
    text = raw_members.string(members.get("text"))
    if text is not None:
        is_thought = record.value(members.get("thought")) is True
        return blocks.reasoning(text) if is_thought else record.part({"type": "text", "text": text})
    if (asked := raw_members.of(members.get("functionCall"))) is not None:
        return blocks.call(_id(asked), _name(asked), asked.get("args"))
    if (answer := raw_members.of(members.get("functionResponse"))) is not None:
        return blocks.result(_id(answer), _name(answer), answer.get("response"))
    if (media := raw_members.of(members.get("inlineData") or members.get("fileData"))) is not None:
        is_image = str(raw_members.string(media.get("mimeType"))).startswith("image/")
        return record.part({"type": "image" if is_image else "file", **members})
    return record.part({"type": "unknown", "content": raw})


def _thought(raw: Raw) -> Part | None:
    members = raw_members.of(raw) or {}
    said = (raw_members.string(members.get(key)) for key in ("subject", "description"))
    text = "\n\n".join(part for part in said if part and part.strip())
    return blocks.reasoning(text) if text else None


def _call(members: Members, asked: set[str]) -> list[Part]:
    """A call, unless `content` has it, and its result; what was shown stands in for a result that is not there."""
    id, tool = _id(members), _name(members)
    status = raw_members.string(members.get("status"))
    given = members.get("result")
    output = given if given is not None and bytes(given) != b"null" else members.get("resultDisplay")
    parts = []
    if id not in asked:
        parts.append(
            blocks.call(id, tool, members.get("args"), status=status, agentId=members.get("agentId"))
        )
    if output is not None and bytes(output) != b"null":
        failed = {"error": True, "success": False}.get(status or "")
        parts.append(blocks.result(id, tool, output, failed=failed))
    return parts


def _id(members: Members) -> str | None:
    return record.identifier(raw_members.string(members.get("id")))


def _name(members: Members) -> str | None:
    return name(raw_members.string(members.get("name")))


def _usage(tokens: dict[str, Any]) -> Usage:
    """`input` includes what was cached; thoughts are billed as output; tool prompts as input where the total has them.

    >>> _usage({"input": 100, "output": 5, "cached": 80, "thoughts": 2, "tool": 3, "total": 110})[:3]
    (23, 7, 80)
    """
    names = ("input", "output", "cached", "thoughts", "tool", "total")
    given, output, cached, thoughts, tool, total = (record.count(tokens.get(key)) or 0 for key in names)
    added = tool if total == given + output + thoughts + tool else 0
    return Usage(max(given - cached, 0) + added or None, output + thoughts or None, cached or None)
