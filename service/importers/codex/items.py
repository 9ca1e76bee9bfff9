"""Response items: the conversation as the model had it. Each that says something is one message.

Rule: arguments and outputs are copied as the text that stands in the line. What is only ciphertext, or the program's
own bookkeeping, is left out with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from service.importers import record
from service.importers.codex import context, draft, reasons
from service.importers.codex.draft import Draft
from service.importers.codex.lines import Record, elements
from service.importers.codex.state import Memory
from service.importers.names import unknown_type
from service.model import raw_members
from service.model.message import Part, Role

_TEXT_TYPES = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "developer": "system",
    "system": "system",
}
# In the line's JSON text, so that an output of megabytes is not decoded for it.
_EXIT_FIRST = re.compile(
    rb'"(?:Chunk ID: [^\\"]*\\n)?(?:Wall time: [^\\"]*\\n)?(?:Process exited with code|Exit code:) (-?\d{1,9})\\n'
)
_EXIT_LAST = re.compile(rb'\\"metadata\\":\s*\{\\"exit_code\\":\s*(-?\d{1,9})')


def said(item: Record, memory: Memory) -> Draft | str:
    """What a response item says, or the reason for which it is left out."""
    reader = _READERS.get(item.type)
    return reader(item, memory) if reader else unknown_type(item.type)


def exit_code(output: Raw | None) -> int | None:
    """Of a command, where the output is in one of the forms in which Codex tells it.

    >>> exit_code(Raw(b'"Exit code: 1\\\\nWall time: 0 seconds\\\\nOutput:\\\\n"')), exit_code(Raw(b'"Exit code: 1"'))
    (1, None)
    """
    if output is None:
        return None
    text = bytes(output)
    found = _EXIT_FIRST.match(text[:400])
    if not found and text.startswith(b'"{\\"output\\"'):
        found = _EXIT_LAST.search(text[-400:])
    return int(found[1]) if found else None


def _message(item: Record, memory: Memory) -> Draft | str:
    texts, parts = _content(item, "content")
    role = _ROLES.get(item.text("role") or "", "unknown")
    if role == "user" and not parts and context.is_context(texts):
        role = "system"
    if not texts and not parts:
        return reasons.EMPTY
    own = draft.lasting(item.id("id"))
    return Draft(
        kind="message",
        role=role,
        texts=texts,
        parts=parts,
        own_id=own,
        records=_some(own),
        attrs=_facts(item),
    )


def _agent_message(item: Record, memory: Memory) -> Draft | str:
    texts, parts = _content(item, "content")
    own = draft.lasting(item.id("id"))
    if not texts and not parts:
        return reasons.ENCRYPTED_MESSAGE
    facts = {key: item.text(key) for key in ("author", "recipient")}
    return Draft(
        kind="message",
        role="system",
        texts=texts,
        parts=parts,
        own_id=own,
        records=_some(own),
        attrs={key: value[:500] for key, value in facts.items() if value},
    )


def _reasoning(item: Record, memory: Memory) -> Draft | str:
    texts = (*_content(item, "summary")[0], *_content(item, "content")[0])
    own = draft.lasting(item.id("id"))
    if not texts:
        return reasons.ENCRYPTED_REASONING
    return Draft(kind="reasoning", role="assistant", texts=texts, own_id=own, records=_some(own))


def _call(tool: str | None, args: str) -> Callable[[Record, Memory], Draft]:
    """A reader of calls whose arguments are in the member `args`; `tool` where the item does not name it."""

    def read(item: Record, memory: Memory) -> Draft:
        call_id = item.id("call_id") or item.id("id")
        name = tool or item.text("name")
        if call_id and name:
            memory.called(call_id, name)
        own = draft.lasting(call_id)
        return Draft(
            kind="call",
            role="assistant",
            call_id=call_id,
            tool=name,
            parts=draft.call(call_id, name, item.payload.get(args), namespace=item.text("namespace")),
            own_id=own and f"call:{own}",
            records=_some(own, draft.lasting(item.id("id"))),
        )

    return read


def _image(item: Record, memory: Memory) -> Draft:
    call_id = item.id("id")
    args = {"prompt": item.text("revised_prompt")} if item.text("revised_prompt") else {}
    image = item.payload.get("result")
    block = (
        {"type": "image", "source": {"type": "base64", "data": image}}
        if image and item.text("result")
        else None
    )
    part = record.part(block) if block else None
    own = draft.lasting(call_id)
    return Draft(
        kind="call",
        role="assistant",
        call_id=call_id,
        tool="image_generation",
        parts=(
            *draft.call(call_id, "image_generation", Raw(msgspec.json.encode(args))),
            *([part] if part else []),
        ),
        own_id=own and f"call:{own}",
        records=_some(own),
    )


def _output(member: str) -> Callable[[Record, Memory], Draft]:
    def read(item: Record, memory: Memory) -> Draft:
        call_id = item.id("call_id") or item.id("id")
        output = item.payload.get(member)
        code = exit_code(output)
        own = draft.lasting(call_id)
        return Draft(
            kind="output",
            role="tool",
            call_id=call_id,
            tool=memory.calls.get(call_id or ""),
            result=output,
            error=_failed(output) if code is None else code != 0,
            own_id=own and f"{own}:output",
            records=_some(own and f"{own}:output", draft.lasting(item.id("id"))),
            attrs={} if code is None else {"exitCode": code},
        )

    return read


def _left_out(reason: str) -> Callable[[Record, Memory], str]:
    return lambda item, memory: reason


def _content(item: Record, member: str) -> tuple[tuple[str, ...], tuple[Part, ...]]:
    """The texts of a list of blocks; and all blocks as parts where there is anything but text among them."""
    content = item.get(member)
    if isinstance(content, str):
        return ((content,) if content.strip() else ()), ()
    blocks = content if isinstance(content, list) else []
    told = [record.text(block.get("text")) for block in blocks if _is_text(block)]
    texts = tuple(text for text in told if text)
    if len(told) == len(blocks):
        return texts, ()
    shown = [
        raw for raw, block in zip(elements(item.payload.get(member)), blocks, strict=True) if _is_shown(block)
    ]
    if len(shown) == len(told):
        return texts, ()
    return texts, tuple(part for part in map(record.part, shown) if part is not None)


def _is_text(block: Any) -> bool:
    kind = block.get("type") if isinstance(block, dict) else None
    return isinstance(kind, str) and kind in _TEXT_TYPES


def _is_shown(block: Any) -> bool:
    return isinstance(block, dict) and bool(block) and "encrypted_content" not in block


def _facts(item: Record) -> dict[str, Any]:
    phase = item.text("phase")
    return {"phase": phase[:100]} if phase else {}


def _failed(output: Raw | None) -> bool | None:
    """Of an output that is an object with `success`."""
    members = raw_members.of(output) if output is not None else None
    success = record.value((members or {}).get("success"))
    return not success if isinstance(success, bool) else None


def _some(*names: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


_READERS: dict[str, Callable[[Record, Memory], Draft | str]] = {
    "message": _message,
    "agent_message": _agent_message,
    "reasoning": _reasoning,
    "function_call": _call(None, "arguments"),
    "custom_tool_call": _call(None, "input"),
    "local_shell_call": _call("local_shell", "action"),
    "web_search_call": _call("web_search", "action"),
    "tool_search_call": _call("tool_search", "arguments"),
    "image_generation_call": _image,
    "function_call_output": _output("output"),
    "custom_tool_call_output": _output("output"),
    "local_shell_call_output": _output("output"),
    "tool_search_output": _output("tools"),
    "mcp_tool_call_output": _output("output"),
    "ghost_snapshot": _left_out(reasons.SNAPSHOT),
    "additional_tools": _left_out(reasons.TOOL_DEFINITIONS),
    "compaction": _left_out(reasons.ENCRYPTED_COMPACTION),
    "compaction_summary": _left_out(reasons.ENCRYPTED_COMPACTION),
    "context_compaction": _left_out(reasons.ENCRYPTED_COMPACTION),
    "compaction_trigger": _left_out(reasons.COMPACTION_MARK),
    "configuration_update": _left_out(reasons.CLIENT_STATE),
}
