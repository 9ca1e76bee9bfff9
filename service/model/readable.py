"""JSON as a person would read it: what of a tool's arguments and results can be searched.

Rule: strings come out as they are, each under its key; what no one searches for (encoded bytes) stays out.
"""

from __future__ import annotations

import re
from typing import Any

MAX_PATH_CHARS = 80
"""Of the keys in front of a value: the nearest are kept, so that output stays in proportion to input."""

_MEDIA = frozenset({"image", "image_url", "input_image", "file", "document", "audio", "video"})
_NAMES = ("filename", "fileName", "file_name", "name", "title", "path")
_ENCODED = re.compile(r"data:[\w.+/-]+;base64,.*|[A-Za-z0-9+/_-]{1024,}={0,2}", re.DOTALL)


def readable(value: Any) -> str:
    """All text in a JSON value, a line each, with the path of keys in front; "" where there is none.

    A list of plain values is one line; content blocks are their text; images and files only their name.

    >>> print(readable({"command": ["bash", "-lc", "ls"], "edits": [{"old": "a", "new": "b"}], "all": True}))
    command: bash -lc ls
    edits.old: a
    edits.new: b
    all: true
    >>> readable([{"type": "text", "text": "3 passed"}, {"type": "image", "source": {"data": "iVBOR"}}])
    '3 passed'
    """
    lines: list[str] = []
    waiting = [("", value)]  # a stack of our own: arguments may nest deeper than Python recurses
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, dict):
            waiting += reversed(_of_object(path, found))
        elif isinstance(found, list) and any(isinstance(element, dict | list) for element in found):
            waiting += reversed([(path, element) for element in found])
        elif (text := _plain(found)).strip():
            lines.append(f"{path}: {text}" if path else text)
    return "\n".join(lines)


def media_name(content: Any) -> str:
    """The name of an image or file; "" where it has none. Its bytes and addresses are not for searching."""
    while isinstance(content, dict):
        for name in _NAMES:
            if isinstance(content.get(name), str):
                return str(content[name])
        content = content.get("file", content.get("source"))
    return ""


def _of_object(path: str, value: dict[str, Any]) -> list[tuple[str, Any]]:
    kind = value.get("type")
    if kind == "text" and isinstance(value.get("text"), str):
        return [(path, value["text"])]
    if isinstance(kind, str) and kind in _MEDIA:
        return [(path, media_name(value))]
    return [((f"{path}.{key}" if path else key)[-MAX_PATH_CHARS:], element) for key, element in value.items()]


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(filter(None, map(_plain, value)))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "" if _ENCODED.fullmatch(value) else value
    return "" if value is None else str(value)
