"""Ids as the outside sees them: opaque strings, `s12` for a session, `m34` for a message, `q5` for a saved search."""

from __future__ import annotations

import re

FORM = re.compile(r"([smq])([1-9]\d{0,18})")
GREATEST = 2**63 - 1


def session(id: int) -> str:
    """
    >>> session(12)
    's12'
    """
    return f"s{id}"


def message(id: int) -> str:
    return f"m{id}"


def saved_search(id: int) -> str:
    return f"q{id}"


def number(text: str, kind: str) -> int | None:
    """The row's number in an id of this kind (`s`, `m` or `q`); None for anything else.

    >>> number("m34", "m"), number("s34", "m"), number("msg_4a1f_0", "m")
    (34, None, None)
    """
    match = FORM.fullmatch(text)
    return int(match[2]) if match and match[1] == kind and int(match[2]) <= GREATEST else None
