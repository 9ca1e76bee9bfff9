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


LIMITS = OF_SESSIONS | OF_MESSAGES
OF_PASSAGE: LiteralString = (
    "join messages m on m.workspace_id = %(workspace_id)s and m.id = p.message_id"
    " join sessions s on s.workspace_id = %(workspace_id)s and s.id = m.session_id"
)
"""Of a passage `p`, what conditions look at; nothing else needs it."""


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
    asked, refused = limits(filter), limits(filter.excluded or Filter())
    where = [LIMITS[name] for name in asked]
    where += [f"({LIMITS[name]}) is not true".replace("%(", "%(not_") for name in refused]
    params = asked | {f"not_{name}": value for name, value in refused.items()}
    of_messages = not OF_MESSAGES.keys().isdisjoint(asked | refused)
    return Condition(" and ".join(where), params, of_messages=of_messages)


def limits(filter: Filter) -> dict[str, Any]:
    """What a filter limits, in the order of the conditions, as parameters."""
    given = {name: getattr(filter, name) for name in LIMITS}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value not in (None, ())
    }
