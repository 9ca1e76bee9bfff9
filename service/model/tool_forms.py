"""The forms in which clients send tool calls and results, brought to one.

Rule: each member of the normal form has the names that clients use for it, the best first. The first that is
there and fits becomes the member; every other stays behind it under its own name, so that nothing is lost and
a second pass changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from service.model import raw_members
from service.model.raw_members import Members

_CALL_ID = ("toolCallId", "tool_call_id", "tool_use_id", "callID", "callId", "call_id", "id")
_TOOL_NAME = ("toolName", "tool_name", "name")
_CALL = {"toolCallId": _CALL_ID, "toolName": _TOOL_NAME, "args": ("args", "arguments", "input", "content")}
_RESULT = {
    "toolCallId": _CALL_ID,
    "toolName": _TOOL_NAME,
    "result": ("result", "output", "content"),
    "isError": ("isError", "is_error"),
}


def call(members: Members) -> Members:
    """`{toolCallId, toolName, args}` of a call's members (without `type`).

    >>> openai = b'{"id": "c1", "function": {"name": "grep", "arguments": "{}"}}'
    >>> msgspec.json.encode(call(raw_members.of(openai)))
    b'{"toolCallId":"c1","toolName":"grep","args":"{}"}'
    """
    members = _opened(_spread(_opened(members), known={"function", *_names(_CALL)}))
    found, rest = _picked(members, _CALL)
    if "toolName" not in found and (name := _name_within(found.get("args"))):
        named = {**found, "toolName": name}
        found = {member: named[member] for member in _CALL if member in named}
    return _joined(found, rest, main="args")


def result(members: Members) -> Members:
    """`{toolCallId, toolName, result, isError}` of a result's members (without `type`).

    >>> claude = b'{"tool_use_id": "t1", "content": [{"type": "text", "text": "ok"}], "is_error": false}'
    >>> msgspec.json.encode(result(raw_members.of(claude)))
    b'{"toolCallId":"t1","result":[{"type": "text", "text": "ok"}],"isError":false}'
    """
    found, rest = _picked(_spread(members, known=_names(_RESULT)), _RESULT)
    return _joined(found, rest, main="result")


def _names(forms: Mapping[str, tuple[str, ...]]) -> set[str]:
    return {name for names in forms.values() for name in names}


def _spread(members: Members, *, known: set[str]) -> Members:
    """`content` is either the whole call or result again, one level down, or its arguments or output alone."""
    inner = raw_members.of(members.get("content"))
    if inner and known & inner.keys():
        members = {**raw_members.without(members, "content"), **inner}
    return raw_members.without_nulls(members)


def _opened(members: Members) -> Members:
    """OpenAI's `{function: {name, arguments}}` laid open."""
    while (function := raw_members.of(members.get("function"))) is not None:
        members = {**raw_members.without(members, "function"), **function}
    return raw_members.without_nulls(members)


def _picked(members: Members, forms: Mapping[str, tuple[str, ...]]) -> tuple[Members, Members]:
    """The members that the normal form has, under its names and in its order; and the rest."""
    found, rest = {}, dict(members)
    for member, names in forms.items():
        name = next((name for name in names if _fits(member, rest.get(name))), None)
        if name is not None:
            found[member] = rest.pop(name)
    return found, rest


def _joined(found: Members, rest: Members, *, main: str) -> Members:
    """What was found, then the rest; where nothing was found the rest is the arguments or the output."""
    return {**found, **raw_members.without(rest, *found)} if found else {main: Raw(raw_members.encoded(rest))}


def _fits(member: str, value: Raw | None) -> bool:
    if value is None:
        return False
    if member == "toolName":
        return raw_members.string(value) is not None
    return member != "isError" or bytes(value) in (b"true", b"false")


def _name_within(args: Raw | None) -> Raw | None:
    """The tool's name in a call that came as one string of JSON, as Cursor sends it."""
    text = raw_members.string(args)
    if text is None or not text.startswith("{") or "\\u0000" in text:
        return None
    try:
        inner = msgspec.json.decode(text, type=Members)
    except (ValueError, RecursionError):
        return None
    return next((inner[name] for name in _TOOL_NAME if _fits("toolName", inner.get(name))), None)
