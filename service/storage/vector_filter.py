"""A search's filter as SQL: conditions on the message `m` and its session `s`. Pure."""

from __future__ import annotations

from typing import Any, LiteralString

import msgspec

from indexing.model import Filter

OF_SESSIONS: dict[str, LiteralString] = {
    "sources": "s.source = any(%(sources)s)",
    "projects": "(s.project_name = any(%(projects)s) or s.project_path = any(%(projects)s))",
    "kinds": "s.kind = any(%(kinds)s)",
    "session_ids": "s.id = any(%(session_ids)s)",
    "tags": (
        "exists (select from session_tags t"
        " where t.workspace_id = s.workspace_id and t.session_id = s.id and t.tag = any(%(tags)s))"
    ),
}
OF_MESSAGES: dict[str, LiteralString] = {
    "models": "coalesce(m.model, s.model) = any(%(models)s)",
    "roles": "m.role = any(%(roles)s)",
    "tools": "m.tools && %(tools)s::text[]",
    "after_ms": "m.created_at >= to_timestamp(%(after_ms)s / 1000.0)",
    "before_ms": "m.created_at < to_timestamp(%(before_ms)s / 1000.0)",
    "has_error": "m.has_error = %(has_error)s",
}


class Condition(msgspec.Struct, frozen=True):
    where: LiteralString
    """Joined with `and`; empty: everything passes."""
    params: dict[str, Any]
    of_messages: bool
    """Whether a message must be read to know; else its session says it."""


def conditions(filter: Filter) -> Condition:
    """
    >>> condition = conditions(Filter(sources=("pi",), has_error=True))
    >>> condition.where, condition.params, condition.of_messages
    ('s.source = any(%(sources)s) and m.has_error = %(has_error)s', {'sources': ['pi'], 'has_error': True}, True)
    """
    given = {
        name: value for name in filter.__struct_fields__ if (value := getattr(filter, name)) not in (None, ())
    }
    asked = [sql for table in (OF_SESSIONS, OF_MESSAGES) for name, sql in table.items() if name in given]
    params = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    return Condition(" and ".join(asked), params, of_messages=not given.keys().isdisjoint(OF_MESSAGES))
