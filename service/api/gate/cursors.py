"""Cursors of lists: opaque text that says where a page ended, so that the next is right while rows arrive.

A cursor carries a digest of itself and of the list that it belongs to. It keeps nothing secret: the digest tells a
damaged or misplaced cursor from a good one, and who forges one sees no more than their own rows.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypeVar

import msgspec

from service.errors import RequestError

MOST_CHARS = 4000
DIGEST_BYTES = 6
T = TypeVar("T")


def encode(place: msgspec.Struct, *, of: str) -> str:
    """`of` names the list, with what its order depends on (`sessions updatedAt desc`)."""
    text = msgspec.json.encode(place)
    return urlsafe_b64encode(digest(text, of) + text).rstrip(b"=").decode()


def decode(cursor: str, type: type[T], *, of: str) -> T:
    """The place that `encode` was given.

    Errors: `RequestError` for anything that it did not make for this list.

    >>> class Place(msgspec.Struct):
    ...     id: int
    >>> decode(encode(Place(5), of="sessions"), Place, of="sessions").id
    5
    """
    try:
        raw = urlsafe_b64decode(cursor[:MOST_CHARS].encode("ascii") + b"=" * (-len(cursor) % 4))
        if raw[:DIGEST_BYTES] != digest(raw[DIGEST_BYTES:], of):
            raise ValueError
        return msgspec.json.decode(raw[DIGEST_BYTES:], type=type)
    except (ValueError, binascii.Error) as error:
        raise RequestError(
            "cursor is not one of this list: pass on what nextCursor said, with the same parameters."
        ) from error


def digest(text: bytes, of: str) -> bytes:
    return hashlib.blake2b(text, digest_size=DIGEST_BYTES, key=hashlib.sha256(of.encode()).digest()).digest()
