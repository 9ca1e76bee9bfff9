"""Parts of a message: from any client's form into the normal one, out again, and as what can be searched.

Rule: the normal form is a fixed point. `normalise` takes what clients send (nested `{type, content}`, flat
`{type, toolName, args}`, Claude's and OpenAI's blocks); what it does not know it keeps as it came, as a `file`.
Values inside are copied as text, so that key order and the spelling of numbers in arguments survive.

The text given is valid JSON without lone surrogates and NUL (`service/api/json_items.py` sees to it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from indexing.model import Field
from service.errors import RequestError
from service.model.message import Part, PartType
from service.model.readable import media_name, readable

MAX_TOOL_NAME_CHARS = 200

_CALL_ID = ("toolCallId", "tool_call_id", "tool_use_id", "callID", "callId", "call_id", "id")
_TOOL_NAME = ("toolName", "tool_name", "name")
# The names that clients use for each member of the normal form, the best first.
_CALL = {"toolCallId": _CALL_ID, "toolName": _TOOL_NAME, "args": ("args", "arguments", "input", "content")}
_RESULT = {
    "toolCallId": _CALL_ID,
    "toolName": _TOOL_NAME,
    "result": ("result", "output", "content"),
    "isError": ("isError", "is_error"),
}
_SAID = ("text", "thinking", "reasoning", "content")

_TYPES: dict[str, PartType] = {
    "text": "text",
    "input-text": "text",
    "output-text": "text",
    "reasoning": "reasoning",
    "thinking": "reasoning",
    "tool-call": "tool-call",
    "toolcall": "tool-call",
    "tool-use": "tool-call",
    "server-tool-use": "tool-call",
    "function": "tool-call",
    "function-call": "tool-call",
    "tool-result": "tool-result",
    "toolresult": "tool-result",
    "function-call-output": "tool-result",
    "image": "image",
    "image-url": "image",
    "input-image": "image",
    "file": "file",
}
_UNSEARCHED = frozenset({"type", "id", "toolCallId", "toolName", "isError", "status", "signature", "cache_control"})

Members = dict[str, Raw]


def normalise(part: bytes | Raw) -> Part | None:
    """One part, given as JSON text, in its normal form; None for `null`. A plain string is text.

    What stands beside the text of a text part (cache marks, ids) is dropped; all else is kept.
    Errors: RequestError when it is a number, a list or a truth value.

    >>> normalise(b'{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls", "n": 1.0}}')
    Part(type='tool-call', content=b'{"toolCallId":"t1","toolName":"Bash","args":{"command":"ls","n":1.0}}')
    """
    text = msgspec.json.format(bytes(part), indent=-1)
    if text == b"null":
        return None
    if text.startswith(b'"'):
        return Part("text", _encoded(msgspec.json.decode(text)))
    members = _members(text)
    if members is None:
        raise RequestError("A part must be an object or a string.")
    name = _string(members.get("type"))
    if name is None:
        return _untyped(members)
    del members["type"]
    return _typed(_TYPES.get(name.lower().replace("_", "-")), members) or _kept(name, members)


def to_wire(part: Part) -> dict[str, Any]:
    """The part as OpenSync's readers know it; `content` is JSON text that msgspec writes as it is.

    >>> msgspec.json.encode(to_wire(Part("text", b'"hello"')))
    b'{"type":"text","content":"hello"}'
    """
    return {"type": part.type, "content": Raw(part.content)}


def fields(text: str | None, parts: Sequence[Part]) -> list[Field]:
    """What can be searched of a message: its own text (ordinal -1), then each part that has words.

    A text part that the message's text already contains (clients send both) is not repeated. A call reads
    `ToolName key: value`, a line an argument; a result goes under the tool of the call that it answers.
    """
    found = [Field(-1, "text", text)] if text else []
    names: dict[str, str] = {}
    for ordinal, part in enumerate(parts):
        content = msgspec.json.decode(part.content)
        tool = _tool_of(part, content, names)
        field = _field(ordinal, part, content, tool)
        if field.text.strip() and not (part.type == "text" and text and field.text.strip() in text):
            found.append(field)
    return found


def tool_names(parts: Iterable[Part]) -> tuple[str, ...]:
    """The tools that a message calls or has results of, each once, in their order; long names are cut."""
    contents = (msgspec.json.decode(part.content) for part in parts if part.type in ("tool-call", "tool-result"))
    return tuple(dict.fromkeys(name for name in map(_tool_name, contents) if name))


def has_error(parts: Iterable[Part]) -> bool:
    """Whether a tool's result in this message says that it failed."""
    return any(
        msgspec.json.decode(part.content).get("isError") is True for part in parts if part.type == "tool-result"
    )


def _typed(kind: PartType | None, members: Members) -> Part | None:
    """A part of a known type; None where it lacks what makes it one."""
    if kind == "text":
        said = _said(members)
        return None if said is None else Part("text", _encoded(said))
    if kind == "reasoning":
        return _reasoning(members)
    if kind == "tool-call":
        return Part("tool-call", _encoded(_tool(_opened(members), _CALL, rest="args")))
    if kind == "tool-result":
        return Part("tool-result", _encoded(_tool(members, _RESULT, rest="result")))
    return Part(kind, _content(members)) if kind else None


def _untyped(members: Members) -> Part:
    if "type" not in members and (said := _said(members)) is not None:
        return Part("text", _encoded(said))
    return Part("file", _encoded(members))


def _kept(name: str, members: Members) -> Part:
    return Part("file", _encoded({"type": name, "content": Raw(_content(members))}))


def _content(members: Members) -> bytes:
    """The content of a part that is kept as it came: `content` if that is all, else every member."""
    return bytes(members["content"]) if members.keys() == {"content"} else _encoded(members)


def _said(members: Members) -> str | None:
    for name in ("content", "text"):
        value = members.get(name)
        if (text := _string(value)) is not None:
            return text
        inner = _members(value)
        if inner and (text := _string(inner.get("text", inner.get("content")))) is not None:
            return text
    return None


def _reasoning(members: Members) -> Part | None:
    inner = _members(members.get("content"))
    said = members if inner is None else {**_without(members, "content"), **inner}
    for name in _SAID:
        if (text := _string(said.get(name))) is not None:
            rest = {key: value for key, value in said.items() if key not in (name, "text") and not _is_null(value)}
            return Part("reasoning", _encoded({"text": text, **rest}))
    return None


def _tool(members: Members, names: Mapping[str, tuple[str, ...]], *, rest: str) -> Members:
    """A call or result under the names of the normal form, what else it says behind them.

    `content` is either all of it again (it then has one of the members) or the arguments or result alone.
    Where no member is found, everything becomes `rest`.
    """
    known = {alias for aliases in names.values() for alias in aliases} | {"function"}
    inner = _members(members.get("content"))
    if inner and known & inner.keys():
        members = {**_without(members, "content"), **inner}
        members = _opened(members) if rest == "args" else members
    members = {name: value for name, value in members.items() if not _is_null(value)}
    found: Members = {}
    for name, aliases in names.items():
        alias = next((alias for alias in aliases if _fits(name, members.get(alias))), None)
        if alias is not None:
            found[name] = members.pop(alias)
    if "toolName" not in found and (named := _named_within(found.get("args"))):
        found = {"toolName": named, **found}
    return {**found, **_without(members, *found)} if found else {rest: Raw(_encoded(members))}


def _opened(members: Members) -> Members:
    """OpenAI's `{function: {name, arguments}}` laid open."""
    while (function := _members(members.get("function"))) is not None:
        members = {**_without(members, "function"), **function}
    return members


def _fits(name: str, value: Raw | None) -> bool:
    if value is None:
        return False
    if name == "toolName":
        return _string(value) is not None
    return name != "isError" or bytes(value) in (b"true", b"false")


def _named_within(args: Raw | None) -> Raw | None:
    """The tool's name in a call that came as one string of JSON, as Cursor sends it."""
    text = _string(args)
    if text is None or not text.startswith("{"):
        return None
    try:
        call = msgspec.json.decode(text, type=Members)
    except (ValueError, RecursionError):
        return None
    return next((call[name] for name in _TOOL_NAME if _fits("toolName", call.get(name))), None)


def _tool_of(part: Part, content: Any, names: dict[str, str]) -> str:
    """The tool of a call or result; `names` remembers calls by id, and under "" the last one."""
    if part.type not in ("tool-call", "tool-result"):
        return ""
    call_id = str(content.get("toolCallId", ""))
    name = _tool_name(content)
    if part.type == "tool-call":
        names[call_id] = names[""] = name
        return name
    return name or names.get(call_id, "")


def _tool_name(content: Any) -> str:
    name = content.get("toolName")
    return name[:MAX_TOOL_NAME_CHARS] if isinstance(name, str) else ""


def _field(ordinal: int, part: Part, content: Any, tool: str) -> Field:
    if part.type == "text":
        return Field(ordinal, "text", content)
    if part.type == "reasoning":
        return Field(ordinal, "reasoning", content["text"])
    if part.type == "tool-call":
        return Field(ordinal, "tool-call", f"{tool} {_rendered(content, 'args')}".strip(), tool)
    if part.type == "tool-result":
        return Field(ordinal, "tool-result", _rendered(content, "result"), tool)
    kept = isinstance(content, dict) and content.keys() == {"type", "content"}
    return Field(ordinal, "text", readable(content["content"]) if part.type == "file" and kept else media_name(content))


def _rendered(content: Mapping[str, Any], main: str) -> str:
    """The arguments or the result, then what else was said. Arguments that are JSON in a string read the same."""
    value = content.get(main)
    if main == "args" and isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            value = msgspec.json.decode(value)
        except (ValueError, RecursionError):
            pass
    rest = {key: element for key, element in content.items() if key != main and key not in _UNSEARCHED}
    return "\n".join(filter(None, (readable(value), readable(rest))))


def _members(value: bytes | Raw | None) -> Members | None:
    """The members of an object, their values as text; None for anything else."""
    if value is None or not bytes(value).startswith(b"{"):
        return None
    return msgspec.json.decode(value, type=Members)


def _string(value: Raw | None) -> str | None:
    return msgspec.json.decode(value, type=str) if value is not None and bytes(value).startswith(b'"') else None


def _is_null(value: Raw) -> bool:
    return bytes(value) == b"null"


def _without(members: Members, *names: str) -> Members:
    return {name: value for name, value in members.items() if name not in names}


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value)
