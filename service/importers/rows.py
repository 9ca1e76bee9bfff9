"""Rows of a database as lines: `{"table": ..., "row": {column: value}}`, written by who reads it, read by parsers.

Rule: a column's value stands as the database has it. A column of JSON text is a JSON string, so that JSON which is
broken within it breaks no line, and what is within stays byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from service.importers import record
from service.importers.record import Unreadable
from service.model import raw_members
from service.model.raw_members import Members

NO_ROW = "not a row of a database"
NO_VALUE = "a row without a value"


class Row(NamedTuple):
    table: str
    columns: Members


def encode(table: str, columns: Mapping[str, Any]) -> bytes:
    """A row as a line without a newline. Values are as sqlite3 gives them; bytes are read as UTF-8.

    >>> encode("part", {"id": "prt_1", "data": '{"type":"text"}', "n": None})
    b'{"table":"part","row":{"id":"prt_1","data":"{\\\\"type\\\\":\\\\"text\\\\"}","n":null}}'
    """
    return msgspec.json.encode(
        {"table": table, "row": {name: _plain(value) for name, value in columns.items()}}
    )


def read(line: bytes) -> Row:
    """The row that a line is. Errors: Unreadable.

    >>> read(b'{"table": "part", "row": {"id": "prt_1"}}').table
    'part'
    """
    members = record.members(line)
    table, columns = raw_members.string(members.get("table")), raw_members.of(members.get("row"))
    if table is None or columns is None:
        raise Unreadable(NO_ROW)
    return Row(table, columns)


def inner(column: Raw | None) -> Members:
    """The members of the JSON object that a column holds. Errors: Unreadable.

    >>> sorted(inner(Raw(b'"{\\\\"a\\\\": 1, \\\\"b\\\\": 2}"')))
    ['a', 'b']
    """
    if column is None or bytes(column) == b"null":
        raise Unreadable(NO_VALUE)
    text = raw_members.string(column)
    return record.members(bytes(column) if text is None else text.encode())


def said(columns: Members, name: str) -> str | None:
    """The string in a column, if it says something."""
    return record.text(raw_members.string(columns.get(name)))


def texts(columns: Members) -> dict[str, str]:
    """All columns that hold a string that says something."""
    return {name: text for name in columns if (text := said(columns, name)) is not None}


def elements(raw: Raw | None) -> list[Raw]:
    """The elements of a list, as JSON text; none where it is no list.

    >>> [bytes(one) for one in elements(Raw(b'[1.0, {"a": 2}]'))]
    [b'1.0', b'{"a": 2}']
    """
    if raw is None or not bytes(raw).startswith(b"["):
        return []
    return msgspec.json.decode(raw, type=list[Raw])


def objects(raw: Raw | None) -> list[Members]:
    """The objects in a list."""
    return [members for one in elements(raw) if (members := raw_members.of(one)) is not None]


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
