"""Blocks as parts, without the search for what they are: a transcript's blocks have few forms, and are many.

Rule: the same part that `service/model/parts.py` makes of the block, or none; whatever has another form goes
there.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

from service.importers import record
from service.model.message import Part


class _Use(msgspec.Struct, tag="tool_use", tag_field="type", forbid_unknown_fields=True):
    id: str
    name: str
    input: Raw
    caller: Raw | UnsetType = UNSET


class _Result(msgspec.Struct, tag="tool_result", tag_field="type", forbid_unknown_fields=True):
    tool_use_id: str
    content: Raw
    is_error: bool | None = None


class _Thinking(msgspec.Struct, tag="thinking", tag_field="type", forbid_unknown_fields=True):
    thinking: str
    signature: Raw


class _Call(msgspec.Struct, rename="camel"):
    tool_call_id: str
    tool_name: str
    args: Raw
    caller: Raw | UnsetType


class _Answer(msgspec.Struct, rename="camel"):
    tool_call_id: str
    result: Raw


class _Told(msgspec.Struct, rename="camel"):
    tool_call_id: str
    result: Raw
    is_error: bool


class _Reasoning(msgspec.Struct):
    text: str
    signature: Raw


_BLOCK = msgspec.json.Decoder(_Use | _Result | _Thinking)
_ENCODER = msgspec.json.Encoder()


def part(raw: Raw) -> Part | None:
    """
    >>> part(Raw(b'{"type":"tool_use","id":"t1","name":"Bash","input":{"n":1.0}}'))
    Part(type='tool-call', content=b'{"toolCallId":"t1","toolName":"Bash","args":{"n":1.0}}')
    """
    try:
        block = _BLOCK.decode(raw)
    except msgspec.ValidationError:
        return record.part(raw)
    if isinstance(block, _Thinking):
        if _begins(block.signature, b'"'):
            return Part("reasoning", _ENCODER.encode(_Reasoning(block.thinking, block.signature)))
    elif isinstance(block, _Use):
        # Arguments are an object, results a text or a list; the search may make something else of others.
        if _begins(block.input, b"{") and (block.caller is UNSET or _begins(block.caller, b"{")):
            caller = UNSET if block.caller is UNSET else _tight(block.caller)
            return Part(
                "tool-call", _ENCODER.encode(_Call(block.id, block.name, _tight(block.input), caller))
            )
    elif _begins(block.content, b'"', b"["):
        value = _tight(block.content)
        answer = (
            _Answer(block.tool_use_id, value)
            if block.is_error is None
            else _Told(block.tool_use_id, value, block.is_error)
        )
        return Part("tool-result", _ENCODER.encode(answer))
    return record.part(raw)


def _begins(value: Raw, *with_: bytes) -> bool:
    return bytes(memoryview(value)[:1]) in with_


def _tight(value: Raw) -> Raw:
    """Without white space between its tokens."""
    return Raw(msgspec.json.format(value, indent=-1))
