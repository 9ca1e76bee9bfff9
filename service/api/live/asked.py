"""What a stream asks for: queries of the catalogue with their arguments, read and checked.

Rule: a query that cannot be answered is told by an `error` event of its own and hurts no other; a stream for which
nothing at all can be told is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from service.api.gate import params
from service.api.live.catalogue import ABSENT
from service.errors import RequestError
from service.live.dispatcher import Wanted
from service.live.query import Query
from service.model import json_items

LONGEST_ID = 200
FORM = 'q must be {"id": "a", "query": "sessions.list", "args": {}}, with a query of /api/live/catalogue.'


class Asked(msgspec.Struct):
    """The queries of one stream; the others with their errors, by id."""

    wanted: list[Wanted]
    errors: list[tuple[str, str]]


def read(given: Sequence[str], queries: Mapping[str, Query], *, most: int) -> Asked:
    """Errors: `RequestError` when there is no query at all, none that is known, or more than `most`."""
    if not given:
        raise RequestError(f"Missing query parameter 'q': {FORM}")
    if len(given) > most:
        raise RequestError(f"A stream carries at most {most} queries: open another for the rest.")
    asked, known = Asked([], []), 0
    taken: set[str] = set()
    for place, text in enumerate(given):
        id = f"#{place}"
        try:
            query = members(text)
            id = id_of(query, place)
            if id in taken:
                raise RequestError(f"The id `{id}` names two queries of this stream: give each its own.")
            taken.add(id)
            known += query["query"] in ABSENT
            asked.wanted.append(Wanted(id, *arguments(query, queries)))
        except RequestError as error:
            asked.errors.append((id, str(error)))
    if not asked.wanted and not known:
        raise RequestError(asked.errors[0][1])
    return asked


def members(text: str) -> dict[str, Any]:
    """The JSON object; a name alone is a query without arguments."""
    if not text.lstrip().startswith("{"):
        return {"query": text.strip()}
    try:
        return json_items.read_object(text.encode("utf-8", "surrogatepass"))
    except RequestError as error:
        raise RequestError(FORM) from error


def id_of(query: Mapping[str, Any], place: int) -> str:
    """What events name the query by; its name, or its place, where it brought no id. Errors: `RequestError`."""
    id = query.get("id")
    if not isinstance(query.get("query"), str):
        raise RequestError(FORM)
    if id is None:
        return str(query["query"]) or f"#{place}"
    if not isinstance(id, str) or not 0 < len(id) <= LONGEST_ID:
        raise RequestError(f"id must be text of at most {LONGEST_ID} characters.")
    return id


def arguments(given: Mapping[str, Any], queries: Mapping[str, Query]) -> tuple[Query, Any]:
    """The query and its arguments as a struct. Errors: `RequestError`."""
    name, args = str(given["query"]), given.get("args")
    if name in ABSENT and name not in queries:
        raise RequestError(f"{name} has no answers yet: {ABSENT[name]}.")
    if name not in queries:
        raise RequestError(f"There is no query `{name[:100]}`: /api/live/catalogue lists them.")
    if args is None:
        args = {}
    if not isinstance(args, dict):
        raise RequestError("args must be an object.")
    return queries[name], checked(queries[name], params.from_json(args, queries[name].asks))


def checked(query: Query, asked: Any) -> Any:
    """Errors: `RequestError`."""
    query.check(asked)
    return asked
