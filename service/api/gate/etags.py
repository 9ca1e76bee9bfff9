"""ETags: weak, made of the last transaction that wrote the row and of the database's epoch."""

from __future__ import annotations

import re

TAG = re.compile(r'(?:W/)?"([^"]*)"')


def of(epoch: str, version: str) -> str:
    """
    >>> of("a1-0", "779")
    'W/"a1-0.779"'
    """
    return f'W/"{epoch}.{version}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the client holds this version. Compared weakly: RFC 9110, section 13.1.2.

    >>> matches('"other", "a1-0.779"', 'W/"a1-0.779"'), matches("*", 'W/"x"'), matches("", 'W/"x"')
    (True, True, False)
    """
    held = TAG.findall(if_none_match)
    return if_none_match.strip() == "*" or any(tag in held for tag in TAG.findall(etag))


def headers(etag: str) -> dict[str, str]:
    """To be asked again each time, and never kept by a cache that several people share."""
    return {"ETag": etag, "Cache-Control": "private, no-cache"}
