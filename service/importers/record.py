"""One line of a transcript as a record: repaired and bounded as everything from outside, or unreadable with a reason.

Rule: nothing here raises but `Unreadable`, whose text is the reason under which a line is left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import msgspec
from msgspec import Raw

from service.errors import RequestError
from service.model import json_items, parts
from service.model.bounds import MAX_ID_CHARS as MAX_ID_CHARS
from service.model.bounds import MAX_LINE_CHARS as MAX_LINE_CHARS
from service.model.bounds import MAX_NAME_CHARS as MAX_NAME_CHARS
from service.model.message import Part

NOT_JSON = "not valid JSON"
NOT_AN_OBJECT = "not a JSON object"


class Unreadable(Exception):
    """Its text is a reason: a few words, no text of people."""


_ANYTHING: type[Any] = cast("type[Any]", Any)
_ANY = msgspec.json.Decoder(Any)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


class Object(NamedTuple):
    """An object that is sound all through: nothing in it is broken, too deep or out of range."""

    values: dict[str, Any]
    text: bytes
    """Its JSON text, repaired: what must stay as it was spelled is decoded from here, as Raw."""


def read(data: bytes) -> Object:
    """The object that a line is, decoded once. Errors: Unreadable.

    >>> read(b' {"type": "user", "n": 1.0} ')
    Object(values={'type': 'user', 'n': 1.0}, text=b'{"type": "user", "n": 1.0}')
    """
    text = json_items.repaired(data).strip()
    if not text.startswith(b"{"):
        raise Unreadable(NOT_AN_OBJECT if text[:1] in b'["-0123456789tfn' and _is_json(text) else NOT_JSON)
    try:
        values: dict[str, Any] = json_items.decoded(text, type=_ANYTHING)
        return Object(values, text)
    except RequestError as error:
        raise Unreadable(_reason(error)) from error


def members(data: bytes) -> dict[str, Raw]:
    """The members of an object, values as JSON text. Errors: Unreadable.

    >>> sorted(members(b'{"type": "user", "message": {"n": 1.0}}'))
    ['message', 'type']
    """
    return _MEMBERS.decode(read(data).text)


def value(raw: Raw | None) -> Any:
    """What a member that came from `members` holds; None when it is absent."""
    return None if raw is None else _ANY.decode(raw)


def text(raw: Any, *, most: int | None = None) -> str | None:
    """A string that says something, cut to `most` characters; None for anything else.

    >>> text("  "), text(5), text("abc", most=2)
    (None, None, 'ab')
    """
    return raw[:most] if isinstance(raw, str) and raw.strip() else None


def identifier(raw: Any) -> str | None:
    """An id as it came; None where it is blank, no string, or too long to be one."""
    return raw if isinstance(raw, str) and raw.strip() and len(raw) <= MAX_ID_CHARS else None


def count(raw: Any) -> int | None:
    """Tokens or milliseconds; None where it says nothing: 0, negative, no number, absurd."""
    number = isinstance(raw, int | float) and not isinstance(raw, bool)
    return round(raw) if number and 0.5 < raw <= 10**15 else None


def part(block: Any) -> Part | None:
    """A content block in its normal form (`service/model/parts.py`); one that is none is kept as a file part."""
    encoded = bytes(block) if isinstance(block, Raw) else msgspec.json.encode(block)
    try:
        return parts.normalise(encoded)
    except RequestError:
        return Part("file", msgspec.json.encode({"type": "unknown", "content": Raw(encoded)}))


def _is_json(text: bytes) -> bool:
    try:
        json_items.decoded(text, type=Any)
    except RequestError:
        return False
    return True


def _reason(error: RequestError) -> str:
    said = str(error)
    if "nested deeper" in said:
        return f"nested deeper than {json_items.MAX_DEPTH} levels"
    return "a number out of range" if "out of range" in said else NOT_JSON
