"""JSON as a person would read it: what of a tool's arguments and results can be searched.

Rule: strings come out as they are, each under its key; what no one searches for (encoded bytes) stays out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MEDIA = frozenset({"image", "image_url", "input_image", "file", "document", "audio", "video"})
_NAMES = ("filename", "fileName", "file_name", "name", "title", "path")
_ENCODED = re.compile(r"data:[\w.+/-]+;base64,.*|[A-Za-z0-9+/_\r\n-]{1024,}={0,2}\s*", re.DOTALL)


def readable(value: Any) -> str:
    """All text in a JSON value, a line each, with the path of keys in front; "" where there is none.

    Content blocks are their text; images and files only their name.

    >>> print(readable({"file_path": "src/app.py", "edits": [{"old": "a", "new": "b"}], "all": True}))
    file_path: src/app.py
    edits.old: a
    edits.new: b
    all: true
    >>> readable([{"type": "text", "text": "3 passed"}, {"type": "image", "source": {"data": "iVBOR"}}])
    '3 passed'
    """
    lines: list[str] = []
    _collect(value, "", lines)
    return "\n".join(lines)


def media_name(content: Any) -> str:
    """The name of an image or file; "" where it has none. Its bytes and addresses are not for searching."""
    if not isinstance(content, Mapping):
        return ""
    for name in _NAMES:
        if isinstance(content.get(name), str):
            return str(content[name])
    inner = content.get("file", content.get("source"))
    return media_name(inner)


def _collect(value: Any, path: str, lines: list[str]) -> None:
    if isinstance(value, Mapping):
        _collect_object(value, path, lines)
    elif isinstance(value, list):
        for element in value:
            _collect(element, path, lines)
    elif (text := _scalar(value)).strip():
        lines.append(f"{path}: {text}" if path else text)


def _collect_object(value: Mapping[str, Any], path: str, lines: list[str]) -> None:
    kind = value.get("type")
    if kind == "text" and isinstance(value.get("text"), str):
        _collect(value["text"], path, lines)
    elif isinstance(kind, str) and kind in _MEDIA:
        _collect(media_name(value), path, lines)
    else:
        for key, element in value.items():
            _collect(element, f"{path}.{key}" if path else key, lines)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "" if _ENCODED.fullmatch(value) else value
    return "" if value is None else str(value)
