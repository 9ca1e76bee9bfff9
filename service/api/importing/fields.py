"""The fields of a line, in the bounds of /sync. Errors of each: RequestError, which names the field and no value."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw

from service.errors import RequestError
from service.importers.formats import FORMATS
from service.importers.wire import PartLine
from service.model import bounds, json_items, sources
from service.model import parts as part_forms
from service.model.message import Part

MAX_PATH_BYTES = 2500
"""An index holds it."""
MAX_OFFSET = 2**62
_STREAM = re.compile(r"[0-9A-Za-z_-]{1,128}")
_CALL = ("toolCallId", "toolName", "args")
_RESULT = ("toolCallId", "toolName", "result", "isError")


def id(field: str, value: str) -> str:
    if not value or value.isspace():
        raise RequestError(f"{field} must not be empty.")
    if len(value) > bounds.MAX_ID_CHARS:
        raise RequestError(f"{field} is longer than {bounds.MAX_ID_CHARS} characters.")
    return value


def name(field: str, value: str, *, most: int) -> str:
    if not value.strip():
        raise RequestError(f"{field} must not be empty.")
    if len(value) > most:
        raise RequestError(f"{field} is longer than {most:,} characters.")
    return value


def text(field: str, value: str | None, *, most: int) -> str | None:
    """Blank says nothing."""
    if value is None or not value or value.isspace():
        return None
    if len(value) > most:
        raise RequestError(f"{field} is longer than {most:,} characters.")
    return value


@lru_cache(maxsize=256)
def source(value: str) -> str:
    """The wire's name of a source."""
    return sources.canonical(name("source", value, most=bounds.MAX_SOURCE_CHARS))


def format(value: str) -> str:
    """The name of a transcript format that is known here: what no parser reads, nobody could read again."""
    if value not in FORMATS:
        raise RequestError(f"format must be one of {', '.join(sorted(FORMATS))}.")
    return value


def count(field: str, value: int | None) -> int | None:
    """Tokens or milliseconds; 0 says nothing."""
    if not value:
        return None
    if value < 0:
        raise RequestError(f"{field} must not be negative.")
    if value > bounds.MAX_COUNT:
        raise RequestError(f"{field} is larger than {bounds.MAX_COUNT:,}.")
    return value


def cost(value: float | None) -> Decimal | None:
    if not value:
        return None
    if not 0 < value <= bounds.MAX_COST_USD:
        raise RequestError(f"cost must lie between 0 and {bounds.MAX_COST_USD:,}.")
    return bounds.cost_usd(value)


def time(field: str, value: int | None) -> datetime | None:
    """Epoch milliseconds; 0 says nothing."""
    if not value:
        return None
    if not 0 < value <= bounds.LAST_MS:
        raise RequestError(f"{field} must lie between 1970 and 9999, in epoch milliseconds.")
    return bounds.EPOCH + timedelta(milliseconds=value)


def offset(field: str, value: int, *, most: int = MAX_OFFSET) -> int:
    if not 0 <= value <= most:
        raise RequestError(f"{field} must lie between 0 and {most}.")
    return value


def stream(value: str) -> str:
    if not _STREAM.fullmatch(value):
        raise RequestError("stream must be hexadecimal digits, at most 128.")
    return value


def parts(sent: list[PartLine] | None) -> tuple[Part, ...] | None:
    """Parts in their normal form: those that have it as they are, others brought to it."""
    if sent is None:
        return None
    if len(sent) > bounds.MAX_PARTS:
        raise RequestError(f"parts holds more than {bounds.MAX_PARTS:,} parts.")
    return tuple([part for place, line in enumerate(sent) if (part := _part(place, line)) is not None])


def _part(place: int, line: PartLine) -> Part | None:
    try:
        # Parsed, all of it, so that nothing bad hides in what is kept as text.
        content = msgspec.json.decode(line.content)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"parts[{place}] {json_items.reason(error)}") from error
    if _is_normal(line.type, content):
        return Part(line.type, bytes(line.content))
    try:
        return part_forms.normalise(
            msgspec.json.encode({"type": line.type, "content": Raw(bytes(line.content))})
        )
    except RequestError as error:
        raise RequestError(f"parts[{place}]: {error}") from error


def _is_normal(type: str, content: Any) -> bool:
    """Whether `parts.normalise` would leave it as it is."""
    if type == "text":
        return isinstance(content, str)
    if type in ("image", "file"):
        return content is not None
    if not isinstance(content, dict) or None in content.values():
        return False
    if type == "reasoning":
        return isinstance(content.get("text"), str) and next(iter(content)) == "text"
    members = _CALL if type == "tool-call" else _RESULT
    named = isinstance(content.get("toolName", ""), str) and isinstance(content.get("isError", False), bool)
    return named and tuple(content) == tuple(member for member in members if member in content)
