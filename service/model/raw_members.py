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
    if value is None or not bytes(value).startswith(b"{"):
        return None
    return msgspec.json.decode(value, type=Members)


def string(value: Raw | None) -> str | None:
    """A string's value; None for anything else."""
    return (
        msgspec.json.decode(value, type=str) if value is not None and bytes(value).startswith(b'"') else None
    )


def without(members: Members, *names: str) -> Members:
    return {name: value for name, value in members.items() if name not in names}


def without_nulls(members: Members) -> Members:
    """`null` is how clients say that a member is absent."""
    return {name: value for name, value in members.items() if bytes(value) != b"null"}


def encoded(value: Any) -> bytes:
    """JSON text; a `Raw` within is written as it is."""
    return msgspec.json.encode(value)
