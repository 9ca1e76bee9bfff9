"""The content of a row: a plain text, or blocks whose JSON stays as it was spelled.

Rule: a block's text is cut from the line's own bytes, so that a tool's arguments and results are the model's and the
tool's own, number for number and key for key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from service.importers import record
from service.importers.claude_code import block_parts
from service.model.message import Part


class Block(NamedTuple):
    value: Any
    type: str | None
    text: str | None
    """Of a text block."""
    raw: Raw | None
    """None of a text, which needs no spelling."""

    @property
    def part(self) -> Part | None:
        if self.text is not None:
            return Part("text", msgspec.json.encode(self.text))
        return record.part(self.value) if self.raw is None else block_parts.part(self.raw)


def block(value: Any, raw: Raw | None = None) -> Block:
    """A block of any form; a plain string is a text.

    >>> block({"type": "text", "text": "hi"}).text, block("hi").text, block(5).type
    ('hi', 'hi', None)
    """
    if isinstance(value, str):
        return Block(value, "text", value, raw)
    kind = value.get("type") if isinstance(value, dict) else None
    said = value.get("text") if kind == "text" else None
    return Block(value, kind if isinstance(kind, str) else None, said if isinstance(said, str) else None, raw)


Content = str | list[Block]


class _Message(msgspec.Struct):
    content: list[Raw]


class _Row(msgspec.Struct):
    message: _Message


class _Data(msgspec.Struct):
    message: _Row


class _Progress(msgspec.Struct):
    data: _Data


class _Prompt(msgspec.Struct):
    prompt: list[Raw]


class _Attachment(msgspec.Struct):
    attachment: _Prompt


def of_row(text: bytes) -> list[Raw]:
    """Where a row's blocks stand in its line. Errors: msgspec.ValidationError, as of the next two."""
    return _ROW.decode(text).message.content


def of_progress(text: bytes) -> list[Raw]:
    return _PROGRESS.decode(text).data.message.message.content


def of_queued(text: bytes) -> list[Raw]:
    return _ATTACHMENT.decode(text).attachment.prompt


_ROW = msgspec.json.Decoder(_Row)
_PROGRESS = msgspec.json.Decoder(_Progress)
_ATTACHMENT = msgspec.json.Decoder(_Attachment)


def content(value: Any, line: bytes, spelled: Callable[[bytes], list[Raw]]) -> Content | None:
    """The content that a row's `value` is; None where it is none. `spelled` finds its blocks in the line."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return [block(value, Raw(msgspec.json.encode(value)))]
    if not isinstance(value, list):
        return None
    found = [block(element) for element in value]
    if only_text(found):
        return found
    return [it._replace(raw=raw) for it, raw in zip(found, _raws(value, line, spelled), strict=True)]


def texts(content: Content) -> list[str]:
    """The texts of its text blocks."""
    if isinstance(content, str):
        return [content]
    return [said for block in content if (said := block.text) is not None]


def joined(texts: Sequence[str]) -> str | None:
    """A message's text."""
    said = [text for text in texts if text.strip()]
    return "\n\n".join(said) if said else None


def only_text(content: Content) -> bool:
    return isinstance(content, str) or all(block.text is not None for block in content)


def _raws(value: list[Any], line: bytes, spelled: Callable[[bytes], list[Raw]]) -> list[Raw]:
    try:
        raws = spelled(line)
    except msgspec.ValidationError:
        raws = []
    # A key that stands twice can hide the list that was decoded.
    return raws if len(raws) == len(value) else [Raw(msgspec.json.encode(element)) for element in value]
