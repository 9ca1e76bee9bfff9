"""An object's members with their values left as JSON text, so that what is passed on stays as it was spelled."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

Members = dict[str, Raw]


def of(value: bytes | Raw | None) -> Members | None:
    """The members of an object; None for anything else.

    >>> {name: bytes(value) for name, value in of(b'{"b": 1.0, "a": [1e2]}').items()}
    {'b': b'1.0', 'a': b'[1e2]'}
    """
    if value is None or not _begins(value, b"{"):
        return None
    return msgspec.json.decode(value, type=Members)


def string(value: Raw | None) -> str | None:
    """A string's value; None for anything else."""
    return msgspec.json.decode(value, type=str) if value is not None and _begins(value, b'"') else None


def without(members: Members, *names: str) -> Members:
    return {name: value for name, value in members.items() if name not in names}


def without_nulls(members: Members) -> Members:
    """`null` is how clients say that a member is absent."""
    return {name: value for name, value in members.items() if bytes(memoryview(value)[:5]) != b"null"}


def encoded(value: Any) -> bytes:
    """JSON text; a `Raw` within is written as it is."""
    return msgspec.json.encode(value)


def _begins(value: bytes | Raw, byte: bytes) -> bool:
    """Looked at where it lies: results are long, and `bytes` of a Raw copies all of it."""
    return bytes(memoryview(value)[:1]) == byte
