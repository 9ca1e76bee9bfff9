"""Content blocks of a record as parts: texts, thoughts, tool calls and their results.

Rule: arguments and results are handed on as the JSON text that they came as.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from service.importers import record
from service.model import raw_members
from service.model.message import Part


def elements(raw: Raw | None) -> list[Raw]:
    """The elements of a list, unparsed; none for anything else.

    >>> [bytes(element) for element in elements(Raw(b'[1.0, "a"]'))]
    [b'1.0', b'"a"']
    """
    if raw is None or not bytes(raw).lstrip().startswith(b"["):
        return []
    return msgspec.json.decode(raw, type=list[Raw])


def parts_of(content: Raw | None) -> list[Part]:
    """The parts of a message's content: a string, a block, or a list of these."""
    if content is None or bytes(content) in (b"null", b'""'):
        return []
    listed = elements(content) if bytes(content).startswith(b"[") else [content]
    return [part for block in listed if (part := record.part(block)) is not None]


def text_of(parts: Sequence[Part]) -> str | None:
    """The text blocks, an empty line between them; None where there are none."""
    texts = [msgspec.json.decode(part.content, type=str) for part in parts if part.type == "text"]
    return "\n\n".join(text for text in texts if text.strip()) or None


def worth_keeping(parts: Sequence[Part], text: str | None) -> tuple[Part, ...] | None:
    """The parts of a message, None where they say no more than its text does."""
    more = any(part.type != "text" for part in parts) or (text and parts and text_of(parts) != text)
    return tuple(parts) if more else None


def reasoning(text: str, **more: Any) -> Part:
    """
    >>> reasoning("why", subject="Planning")
    Part(type='reasoning', content=b'{"text":"why","subject":"Planning"}')
    """
    said = {name: value for name, value in more.items() if value is not None}
    return Part("reasoning", msgspec.json.encode({"text": text, **said}))


def call(call_id: str | None, tool: str | None, args: Raw | None, **more: Any) -> Part:
    """
    >>> call("c1", "bash", Raw(b'{"n":1.0}'), status="success").content
    b'{"toolCallId":"c1","toolName":"bash","args":{"n":1.0},"status":"success"}'
    """
    members = {"toolCallId": call_id, "toolName": tool, "args": args, **more}
    return Part("tool-call", _written(members))


def result(
    call_id: str | None, tool: str | None, output: Raw | None, *, failed: bool | None = None, **more: Any
) -> Part:
    """
    >>> result("c1", None, Raw(b'"ok"'), failed=False).content
    b'{"toolCallId":"c1","result":"ok","isError":false}'
    """
    members = {"toolCallId": call_id, "toolName": tool, "result": output, "isError": failed, **more}
    return Part("tool-result", _written(members))


def call_ids(parts: Iterable[Part]) -> list[str]:
    """The ids of the tool calls among the parts, in their order."""
    contents = (raw_members.of(part.content) or {} for part in parts if part.type == "tool-call")
    ids = (raw_members.string(content.get("toolCallId")) for content in contents)
    return [call_id for call_id in map(record.identifier, ids) if call_id]


def _written(members: dict[str, Any]) -> bytes:
    """JSON text in the normal form: no white space between its tokens, no nulls."""
    said = {name: value for name, value in members.items() if not _is_nothing(value)}
    return msgspec.json.format(msgspec.json.encode(said), indent=-1)


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, Raw) and bytes(value) == b"null")
