"""JSON as clients really send it: repaired where it can be, cut into items that fail alone, bounded in depth.

Rule: `repaired` first, once for a body; then every reader here may assume UTF-8 without lone surrogates and
without NUL. Borders of items are found in the bytes, before anything is parsed, so that one item that is no
JSON, nests too deep or holds 1e400 cannot take its neighbours with it. All is linear in the body's length.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from service.errors import RequestError, TooLarge

MAX_DEPTH = 200
"""Levels of one item. msgspec and Postgres recurse; no client nests its tool arguments a tenth as deep."""
MAX_ITEMS = 20_000
"""Items of one list, and members of one object that is cut."""

T = TypeVar("T")

_HIGH = rb"[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"[dD][c-fC-F][0-9a-fA-F]{2}"
# A run of backslashes is matched from its beginning, so that `\\ud800` (a backslash, then letters) is left alone.
_ESCAPE = re.compile(
    rb"(?<!\\)((?:\\\\)*)\\u(?:(%(hi)s\\u%(lo)s)|(0000)|%(hi)s|%(lo)s)" % {b"hi": _HIGH, b"lo": _LOW}
)
_SUSPECT = re.compile(rb"\\u(?:0000|[dD])")
_MEMBER = re.compile(rb'\s*("[^"\\]*(?:\\.[^"\\]*)*")\s*:', re.DOTALL)
_PLACE = re.compile(r"(.*) \(byte (\d+)\)")

_CHUNK = 1 << 16
_STRUCTURAL = np.zeros(256, dtype=np.bool_)
_STRUCTURAL[list(b"[]{},")] = True
_PLAIN = bytes(set(range(256)) - set(b'[]{}"'))
"""All that says nothing of depth: a tenth of a transcript's line is left without it."""
_STEP = np.zeros(256, dtype=np.int8)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1


def repaired(body: bytes) -> bytes:
    """The body as valid UTF-8 that a Postgres `text` can hold.

    Bytes that are no UTF-8 and lone surrogates (JavaScript cuts emoji in half) become U+FFFD; the escaped NUL
    is taken out, of keys too. What is well formed stays byte for byte.

    >>> repaired(rb'["\\ud83d\\ude00 \\ud83d", "a\\u0000b", "\\\\ud800"]')
    b'["\\\\ud83d\\\\ude00 \\\\ufffd", "ab", "\\\\\\\\ud800"]'
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            body = body.decode(errors="replace").encode()
    # One byte is found four times as fast as two, and packed raw lines have no backslash at all; two bytes the pattern
    # finds twice as fast as `in`, and most lines have no other escape than of line ends.
    if b"\\" in body and _SUSPECT.search(body):
        body = _ESCAPE.sub(_mended, body)
    return body


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is, with the same repairs and bounds as a sync.

    Errors: RequestError when it is empty, no JSON, no object, or nested too deep.

    >>> read_object(b'{"q": "retry"}')
    {'q': 'retry'}
    """
    return decoded(object_text(repaired(body)), type=dict[str, Any])


def object_text(text: bytes) -> bytes:
    """The text of one object without the white space around it. Errors: RequestError for anything else."""
    text = text.strip()
    if not text:
        raise RequestError("The body is empty: send a JSON object.")
    if not text.startswith(b"{"):
        raise RequestError("The body must be a JSON object.")
    return text


def decoded(text: bytes | msgspec.Raw, *, type: type[T], name: str = "") -> T:
    """What one JSON text holds. Errors: RequestError; its subject is `name`, or else the field that is at fault."""
    text = bytes(text)
    if _too_deep(text):
        raise RequestError(f"{name or 'The JSON'} is nested deeper than {MAX_DEPTH} levels.")
    try:
        return msgspec.json.decode(text, type=type)
    except (ValueError, RecursionError) as error:  # ValueError: msgspec's errors, and UnicodeDecodeError
        raise RequestError(f"{name or _culprit(text)} {reason(error)}") from error


class Member(NamedTuple):
    """`"name": text` of an object; `name` is None where the text is no member at all."""

    name: str | None
    text: bytes


def members(text: bytes) -> list[Member]:
    """The members of an object in their order, values unparsed. Errors: as `elements`.

    >>> members(b'{"a": [1, {"b": 2}], "c": NaN}')
    [Member(name='a', text=b'[1, {"b": 2}]'), Member(name='c', text=b'NaN')]
    """
    return [_member(piece) for piece in elements(text)]


def elements(text: bytes, *, limit: int = MAX_ITEMS) -> list[bytes]:
    """What stands between the outer brackets of a list or object, cut at its own commas, unparsed.

    Errors: RequestError when the brackets or quotes do not close; TooLarge above `limit` elements.

    >>> elements(b'[{"a": "],"}, [1, 2], NaN]')
    [b'{"a": "],"}', b'[1, 2]', b'NaN']
    """
    text = text.strip()
    found = _scan(text, limit=limit)
    if not found.closed:
        raise RequestError("The body is not valid JSON: its brackets or quotes do not close.")
    cuts = [0, *found.commas, len(text) - 1]
    pieces = [text[start + 1 : end].strip() for start, end in pairwise(cuts)]
    return [] if pieces == [b""] else pieces


def depth(text: bytes) -> int:
    """How deep lists and objects nest; 0 for a plain value. Brackets in strings do not count.

    >>> depth(b'{"a": ["[[["]}')
    2
    """
    unescaped = text.replace(rb"\\", b"").replace(rb"\"", b"")
    return _scan(unescaped.translate(None, _PLAIN)).deepest


def reason(error: Exception) -> str:
    """What a decoder found wrong, as a clause that names no content."""
    if isinstance(error, RecursionError):
        return f"is nested deeper than {MAX_DEPTH} levels."
    message = str(error).removeprefix("JSON is malformed: ")
    if "out of range" in message:
        return "holds a number out of range."
    if place := _PLACE.fullmatch(message):
        return f"is malformed: {place[1]} at byte {place[2]}."
    return "is malformed: it ends too early." if "truncated" in message else "is malformed."


class _Scan(NamedTuple):
    commas: list[int]
    deepest: int
    closed: bool


def _scan(text: bytes, *, limit: int | None = None) -> _Scan:
    """Where the commas of the first level stand, how deep it goes, and whether all that opens also closes.

    A byte is inside a string when an odd number of quotes stands before it; escaped quotes are masked first.
    With a `limit`, commas are collected; in chunks, so that memory stays small beside a large body.
    """
    masked = text.replace(rb"\\", b"__").replace(rb"\"", b"__")
    commas: list[int] = []
    level, inside, deepest, early = 0, False, 0, False
    for start in range(0, len(masked), _CHUNK):
        chunk = np.frombuffer(masked, dtype=np.uint8, count=min(_CHUNK, len(masked) - start), offset=start)
        quoted = np.logical_xor.accumulate(chunk == 0x22) ^ inside
        at = np.flatnonzero(_STRUCTURAL.take(chunk) & ~quoted)
        marks = chunk[at]
        levels = np.cumsum(_STEP.take(marks), dtype=np.int32) + level
        if limit is not None:
            commas += (at[(marks == 0x2C) & (levels == 1)] + start).tolist()
            if len(commas) >= limit:
                raise TooLarge(f"A list holds at most {limit:,} items: send the rest in another request.")
        early = early or bool(((levels < 1) & (at + start < len(masked) - 1)).any())
        inside = bool(quoted[-1])
        level, deepest = int(levels[-1]) if len(levels) else level, max(deepest, int(levels.max(initial=0)))
    return _Scan(commas, deepest, closed=deepest > 0 and level == 0 and not inside and not early)


def _too_deep(text: bytes) -> bool:
    """Counting openers is a tenth of the work of a scan, and settles nearly every item."""
    return text.count(b"[") + text.count(b"{") > MAX_DEPTH and depth(text) > MAX_DEPTH


def _member(piece: bytes) -> Member:
    found = _MEMBER.match(piece)
    if not found:
        return Member(None, piece)
    try:
        name = msgspec.json.decode(found[1], type=str)
    except ValueError:
        return Member(None, piece)
    return Member(name, piece[found.end() :].strip())


def _culprit(text: bytes) -> str:
    """The field of an object that is no JSON, as the subject of a sentence."""
    try:
        for name, value in members(text) if text.startswith(b"{") else ():
            if name is not None and name.isidentifier() and len(name) <= 40 and not _decodes(value):
                return name
    except RequestError:
        pass
    return "The JSON"


def _decodes(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _mended(match: re.Match[bytes]) -> bytes:
    if match[2]:
        return match[0]
    return match[1] + (b"" if match[3] else rb"\ufffd")
