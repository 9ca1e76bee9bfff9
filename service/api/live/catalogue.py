"""The catalogue of live queries: a closed list. docs/live.md shows how one is added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from service.api.gate.routes import Desk
from service.api.live.queries import evals, index_status, search, sessions, stats, usage
from service.live.query import Query

ABSENT = {
    "documents.list": "documents are not there",
    "documents.get": "documents are not there",
    "approvals.pending": "approvals are not there",
    "notifications.unread": "notifications are not there",
    "runs.steps": "runs are not there",
}
"""Names that clients may ask for already, and why nobody answers."""


class Described(msgspec.Struct, kw_only=True, rename="camel"):
    """One query, or a name for which there are no answers yet (`absent` says why)."""

    query: str
    summary: str
    args: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """JSON Schema of its arguments."""
    result: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """JSON Schema of its result."""
    rows: str | msgspec.UnsetType = msgspec.UNSET
    """The member of the result that deltas upsert into and remove from."""
    key: list[str] | msgspec.UnsetType = msgspec.UNSET
    """The members of a row that make its key; several with `|` between."""
    window_ms: int | msgspec.UnsetType = msgspec.UNSET
    """It is computed at most this often."""
    cost: str | msgspec.UnsetType = msgspec.UNSET
    absent: str | msgspec.UnsetType = msgspec.UNSET


class Catalogue(msgspec.Struct):
    queries: list[Described]


def of_desk(desk: Desk) -> Mapping[str, Query]:
    """All queries that have answers, by name."""
    found = (
        *sessions.QUERIES, *stats.QUERIES, *usage.QUERIES, *evals.QUERIES, *search.queries(desk), *index_status.queries(desk),
    )  # fmt: skip
    return {query.name: query for query in found}


def described(queries: Mapping[str, Query]) -> Catalogue:
    known = [describe(query) for query in queries.values()]
    absent = [
        Described(query=name, summary="", absent=why) for name, why in ABSENT.items() if name not in queries
    ]
    return Catalogue(known + absent)


def describe(query: Query) -> Described:
    gives = query.gives if isinstance(query.gives, tuple) else (query.gives,)
    results = [schema(each) for each in gives]
    return Described(
        query=query.name,
        summary=query.summary,
        args=schema(query.asks),
        result=results[0] if len(results) == 1 else {"anyOf": results},
        rows=query.rows or msgspec.UNSET,
        key=list(query.key) if query.rows else msgspec.UNSET,
        window_ms=round(query.window_s * 1000),
        cost=query.cost,
    )


def schema(struct: type[Any]) -> dict[str, Any]:
    """JSON Schema 2020-12 of a struct, whole in itself."""
    return msgspec.json.schema(struct)
