"""Named SQL: every statement lives in `sql/*.sql` under `-- name: verb`, with a sentence of why below it.

A module of storage says `SQL = load("sessions")` and runs `SQL["get"]`. Parameters are psycopg's
`%(name)s`. A house test runs every statement through the server's parser and fails on one that is unused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import LiteralString

NAME_LINE = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)

TRANSACTION = ("begin", "commit", "rollback")
NAMES: dict[str, str] = {}
"""The statements that were loaded, to their names."""


@cache
def load(noun: str) -> Mapping[str, LiteralString]:
    """The statements of `sql/<noun>.sql` by name. Errors: KeyError at first use of a name that is not there."""
    text = files("service.storage").joinpath("sql", f"{noun}.sql").read_text(encoding="utf-8")
    statements = split(text)
    NAMES.update({statement: f"{noun}.{name}" for name, statement in statements.items()})
    return MappingProxyType(statements)


def name_of(statement: object) -> str:
    """`noun.verb` of a statement that stands in a file as it is; `transaction` or `other` of any other.

    >>> name_of("begin; set local backscroll.workspace = '1'"), name_of("select 1")
    ('transaction', 'other')
    """
    if not isinstance(statement, str):
        return "other"
    return NAMES.get(statement) or ("transaction" if statement.startswith(TRANSACTION) else "other")


def split(text: str) -> dict[str, str]:
    """Name to statement, comments kept (Postgres skips them).

    >>> split("-- name: one\\nselect 1;\\n-- name: two\\nselect 2;\\n")
    {'one': 'select 1', 'two': 'select 2'}
    """
    pieces = NAME_LINE.split(text)[1:]
    return {
        name: body.strip().removesuffix(";") for name, body in zip(pieces[::2], pieces[1::2], strict=True)
    }
