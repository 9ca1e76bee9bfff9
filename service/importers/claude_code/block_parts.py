"""Blocks as parts, without the search for what they are: a transcript's blocks have few forms, and are many.

Rule: the same part that `service/model/parts.py` makes of the block, or none; whatever has another form goes
there.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from service.importers import record
from service.model.message import Part


class _Use(msgspec.Struct, tag="tool_use", tag_field="type", forbid_unknown_fields=True):
    id: str
    name: str
    input: Raw


class _Result(msgspec.Struct, tag="tool_result", tag_field="type", forbid_unknown_fields=True):
    tool_use_id: str
    content: Raw
    is_error: bool | None = None


class _Call(msgspec.Struct, rename="camel"):
    tool_call_id: str
    tool_name: str
    args: Raw


class _Answer(msgspec.Struct, rename="camel"):
    tool_call_id: str
    result: Raw


class _Told(msgspec.Struct, rename="camel"):
    tool_call_id: str
    result: Raw
    is_error: bool


_BLOCK = msgspec.json.Decoder(_Use | _Result)
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
    value = bytes(block.input if isinstance(block, _Use) else block.content)
    if not _as_it_is(value, call=isinstance(block, _Use)):
        return record.part(raw)
    value = Raw(msgspec.json.format(value, indent=-1))
    if isinstance(block, _Use):
        return Part("tool-call", _ENCODER.encode(_Call(block.id, block.name, value)))
    answer = (
        _Answer(block.tool_use_id, value)
        if block.is_error is None
        else _Told(block.tool_use_id, value, block.is_error)
    )
    return Part("tool-result", _ENCODER.encode(answer))


def _as_it_is(value: bytes, *, call: bool) -> bool:
    """Arguments are an object, results a text or a list; the search may make something else of others."""
    return value[:1] == b"{" if call else value[:1] in (b'"', b"[")
