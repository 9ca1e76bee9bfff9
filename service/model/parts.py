"""Parts of a message: from any client's form into the normal one, out again, and as what can be searched.

Rule: the normal form is a fixed point. `normalise` takes what clients send (nested `{type, content}`, flat
`{type, toolName, args}`, Claude's and OpenAI's blocks); what it does not know it keeps as it came, as a `file`.
Values inside are copied as text, so that key order and the spelling of numbers in arguments survive.

The text given is valid JSON without lone surrogates and NUL (`service/model/json_items.py` sees to it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Raw

from indexing.model import Field
from service.errors import RequestError
from service.model import raw_members, tool_forms
from service.model.message import Part, PartType
from service.model.raw_members import Members
from service.model.readable import media_name, readable

MAX_TOOL_NAME_CHARS = 200

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
_TOOLS = ("tool-call", "tool-result")
_UNSEARCHED = frozenset(
    {"type", "id", "toolCallId", "toolName", "isError", "status", "signature", "cache_control"}
)


def normalise(part: bytes | Raw) -> Part | None:
    """One part, given as JSON text, in its normal form; None for `null`. A plain string is text.

    What stands beside the text of a text part (cache marks, ids) is dropped; all else is kept.
    Errors: RequestError when it is a number, a list or a truth value.

    >>> normalise(b'{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls", "n": 1.0}}')
    Part(type='tool-call', content=b'{"toolCallId":"t1","toolName":"Bash","args":{"command":"ls","n":1.0}}')
    """
    text = Raw(msgspec.json.format(bytes(part), indent=-1))
    if bytes(text) == b"null":
        return None
    if (said := raw_members.string(text)) is not None:
        return _text(said)
    members = raw_members.of(text)
    if members is None:
        raise RequestError("A part must be an object or a string.")
    name = raw_members.string(members.get("type"))
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
    found = [Field(-1, "text", text)] if text and text.strip() else []
    tools: dict[str, str] = {}
    for ordinal, part in enumerate(parts):
        content = msgspec.json.decode(part.content)
        field = _field(ordinal, part.type, content, tools)
        repeated = part.type == "text" and text is not None and field.text.strip() in text
        if field.text.strip() and not repeated:
            found.append(field)
    return found


def tool_names(parts: Iterable[Part]) -> tuple[str, ...]:
    """The tools that a message calls or has results of, each once, in their order; long names are cut."""
    # Most results name none: their bytes are looked at once, and not decoded.
    named = (part.content for part in parts if part.type in _TOOLS and b"toolName" in part.content)
    heads = map(_HEADS.decode, named)
    return tuple(dict.fromkeys(name for head in heads if (name := _one_line(head.tool_name))))


def has_error(parts: Iterable[Part]) -> bool:
    """Whether a tool's result in this message says that it failed."""
    results = (part.content for part in parts if part.type == "tool-result" and b"isError" in part.content)
    return any(_HEADS.decode(content).is_error is True for content in results)


class _Head(msgspec.Struct, rename="camel"):
    """Of a call or result what is small: the rest is passed over without being made into values."""

    tool_name: Any = None
    is_error: Any = None


_HEADS = msgspec.json.Decoder(_Head)


def _typed(kind: PartType | None, members: Members) -> Part | None:
    """A part of a known type; None where it lacks what makes it one."""
    if kind == "text":
        said = _said(members)
        return None if said is None else _text(said)
    if kind == "reasoning":
        return _reasoning(members)
    if kind == "tool-call":
        return Part("tool-call", raw_members.encoded(tool_forms.call(members)))
    if kind == "tool-result":
        return Part("tool-result", raw_members.encoded(tool_forms.result(members)))
    return Part(kind, _content(members)) if kind else None


def _text(said: str) -> Part:
    return Part("text", raw_members.encoded(said))


def _untyped(members: Members) -> Part:
    said = None if "type" in members else _said(members)
    return Part("file", raw_members.encoded(members)) if said is None else _text(said)


def _kept(name: str, members: Members) -> Part:
    return Part("file", raw_members.encoded({"type": name, "content": Raw(_content(members))}))


def _content(members: Members) -> bytes:
    """The content of a part that is kept as it came: `content` if that is all, else every member.

    Its names are spelled in one way, so that what is read and sent again is the same.

    >>> _content({"content": Raw(b'{"caf\\\\u00e9":1.0}')}) == _content({"caf\u00e9": Raw(b"1.0")})
    True
    """
    inner = raw_members.of(members["content"]) if members.keys() == {"content"} else members
    return bytes(members["content"]) if inner is None else raw_members.encoded(inner)


def _said(members: Members) -> str | None:
    """The words of a text part: `content` or `text`, a string or an object that has one of them."""
    for name in ("content", "text"):
        inner = raw_members.of(members.get(name)) or {}
        for value in (members.get(name), inner.get("text"), inner.get("content")):
            if (said := raw_members.string(value)) is not None:
                return said
    return None


def _reasoning(members: Members) -> Part | None:
    inner = raw_members.of(members.get("content")) or {}
    if inner:
        members = {**raw_members.without(members, "content"), **inner}
    members = raw_members.without_nulls(members)
    for name in ("text", "thinking", "reasoning", "content"):
        if (said := raw_members.string(members.get(name))) is not None:
            return Part(
                "reasoning", raw_members.encoded({"text": said, **raw_members.without(members, name, "text")})
            )
    return None


def _field(ordinal: int, kind: PartType, content: Any, tools: dict[str, str]) -> Field:
    """`tools` remembers the tool of each call by the call's id, and of the last call by ""."""
    if kind == "text":
        return Field(ordinal, "text", content)
    if kind == "reasoning":
        return Field(ordinal, "reasoning", content["text"])
    if kind == "tool-call":
        tool = tools[""] = tools[_call_id(content)] = _tool_name(content)
        return Field(ordinal, "tool-call", f"{tool} {_rendered(content, 'args')}".strip(), tool)
    if kind == "tool-result":
        tool = _tool_name(content) or tools.get(_call_id(content), "")
        return Field(ordinal, "tool-result", _rendered(content, "result"), tool)
    # A part of a type that we do not know may say anything; of a file or image only the name is searched.
    unknown = kind == "file" and isinstance(content, dict) and content.keys() == {"type", "content"}
    return Field(ordinal, "text", readable(content["content"]) if unknown else media_name(content))


def _call_id(content: Mapping[str, Any]) -> str:
    return str(content.get("toolCallId", ""))


def _tool_name(content: Mapping[str, Any]) -> str:
    return _one_line(content.get("toolName"))


def _one_line(name: Any) -> str:
    """On one line and without control characters, as filters and facets show it."""
    return " ".join(name.split())[:MAX_TOOL_NAME_CHARS] if isinstance(name, str) else ""


def _rendered(content: Mapping[str, Any], main: str) -> str:
    """The arguments or the result, then what else was said. Arguments that are JSON in a string read the same."""
    value = content.get(main)
    if (
        main == "args"
        and isinstance(value, str)
        and value.lstrip()[:1] in ("{", "[")
        and "\\u0000" not in value
    ):
        with suppress(ValueError, RecursionError):  # no JSON after all: searched as it is
            value = msgspec.json.decode(value)
    rest = {key: element for key, element in content.items() if key != main and key not in _UNSEARCHED}
    return "\n".join(filter(None, (readable(value), readable(rest))))
