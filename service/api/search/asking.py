"""What a search takes, from a query string or a JSON body, as a `Query` of indexing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from functools import partial
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from indexing import query as language
from indexing.model import Facet, Filter, Query
from indexing.names import meant
from indexing.ports import TextReader
from indexing.search import Mode
from service.api import shapes
from service.api.gate import params
from service.api.gate.params import Cursor, Moment, Names, Zone
from service.errors import RequestError
from service.model import json_items, sources
from service.model.message import Role
from service.storage import sessions
from service.storage.database import Database

FACETS: dict[str, Facet] = {"tools": "tool", "models": "model"}
"""Of messages; the text index has them by value."""
NAME_CHARACTERS = 40
"""Of a name that is none, in the sentence that says so."""


class SearchFilter(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Which messages may be found: any of the values of each; all of those given."""

    source: Names = []
    project: Annotated[Names, Meta(description="Name or path, exactly.")] = []
    model: Names = []
    role: list[Role] = []
    tool: Names = []
    session: Annotated[Names, Meta(description="Ids or external ids.")] = []
    tag: Names = []
    kind: Names = []
    after: Annotated[Moment, Meta(description="Created at or after this date.")] = None
    before: Annotated[Moment, Meta(description="Created before this date.")] = None
    has_error: Annotated[bool | None, Meta(description="Only with (or without) a tool's error.")] = None


class Question(SearchFilter, kw_only=True, rename="camel"):
    """What is looked for, in whatever form it is answered."""

    q: Annotated[
        Annotated[str, Meta(max_length=100_000)],
        Meta(
            extra_json_schema=params.NEEDED,
            description='Words, "a phrase", -not, prefix*, and filters in place: source: project: model: role: tool: path: session: tag: is:error after: before:. The first 10,000 characters count.',
        ),
    ] = ""
    type: Mode = "hybrid"
    tz: Zone = "UTC"
    recency: Annotated[
        bool, Meta(description="Let what was said lately gain a little over what is nearly as good.")
    ] = True
    commit: Annotated[
        str | None, Meta(description="Wait, at most 5 s, until the index contains this write (`X-Commit`).")
    ] = None


class SearchAsked(Question, kw_only=True, rename="camel"):
    group_by: Literal["session", "message"] = "session"
    limit: Annotated[int, Meta(ge=0, le=1000)] = 20
    cursor: Cursor = None
    facets: Annotated[
        list[Facet], Meta(description="Counts over all that matches, in the unit of groupBy.")
    ] = []
    explain: Annotated[bool, Meta(description="Say of each match what its score is made of.")] = False
    fold: Annotated[
        bool,
        Meta(
            description="Show hits of a page that say nearly the same once, with `alike` telling how many and which; of sessions, their matches."
        ),
    ] = False


class SearchBody(msgspec.Struct, kw_only=True, rename="camel"):
    """A search. Each member of `filter` takes a value or a list of them."""

    q: Annotated[str, Meta(max_length=100_000, pattern=params.SAYS_SOMETHING)]
    type: Mode = "hybrid"
    group_by: Literal["session", "message"] = "session"
    limit: Annotated[int, Meta(ge=0, le=1000)] = 20
    cursor: Cursor = None
    filter: SearchFilter | None = None
    facets: list[Facet] = []
    explain: bool = False
    fold: bool = False
    tz: Zone = "UTC"
    recency: bool = True
    commit: str | None = None


Q = TypeVar("Q", bound=Question)


def from_body(body: bytes, type: type[Q]) -> Q:
    """Errors: `RequestError`, also for a name in `filter` that is none.

    >>> from_body(b'{"q": "loop", "filter": {"source": "codex", "role": ["user"]}}', SearchAsked).source
    ['codex']
    >>> from_body(b'{"q": "loop", "filter": {"colour": "red"}}', SearchAsked)
    Traceback (most recent call last):
    service.errors.RequestError: filter has no colour: it takes source, project, model, role, tool, session, tag, kind, after, before, hasError.
    """
    given = json_items.read_object(body)
    filter = given.pop("filter", None)
    if not isinstance(filter, dict | None):
        raise RequestError("filter must be an object.")
    known = params.properties(SearchFilter)
    if unknown := [name for name in filter or {} if name not in known]:
        named = ", ".join(name[:NAME_CHARACTERS] for name in unknown[:3])
        raise RequestError(f"filter has no {named}: it takes {', '.join(known)}.")
    return checked(params.from_json(given | (filter or {}), type))


def checked(search: Q) -> Q:
    """Errors: `RequestError` when there is nothing to look for."""
    if not search.q.strip():
        raise RequestError("Missing query parameter 'q'")
    return search


async def query(search: Question, *, now_ms: int, db: Database, workspace_id: int, text: TextReader) -> Query:
    """The query with all its limits; what the filter or the query itself names is looked up.

    Errors: `RequestError`.
    """
    read = partial(
        language.parse,
        search.q,
        now_ms=now_ms,
        filter=filter(search),
        tz=params.zone(search.tz),
        source_name=sources.canonical,
    )
    found = read()
    if found.named:
        found = read(spellings=await spellings(found, db, workspace_id, text))
    limited = found.filter
    for refs in (search.session, found.sessions):
        if refs:
            limited = language.both(limited, Filter(session_ids=await resolved(refs, db, workspace_id)))
    if found.excluded_sessions:
        limited = language.both(limited, await without(found.excluded_sessions, db, workspace_id))
    return msgspec.structs.replace(found, filter=limited)


async def limits(search: Question, db: Database, workspace_id: int) -> Filter:
    """The filter of a request, its sessions looked up. Errors: `RequestError`."""
    limited = filter(search)
    if search.session:
        limited = language.both(limited, Filter(session_ids=await resolved(search.session, db, workspace_id)))
    return limited


async def spellings(
    found: Query, db: Database, workspace_id: int, text: TextReader
) -> dict[tuple[str, str], list[str]]:
    """What stands for the names that the query has: in any case, or a piece of one (`names.meant`)."""
    members = {member for member, _ in found.named}
    known: dict[str, Collection[str]] = {}
    async with db.workspace(workspace_id) as conn:
        if "projects" in members:
            known["projects"] = await sessions.project_names(conn, workspace_id)
        if "tags" in members:
            known["tags"] = await sessions.tag_names(conn, workspace_id)
    for member, facet in FACETS.items():
        if member in members:
            known[member] = await asyncio.to_thread(text.values, workspace_id, facet)
    return {(member, written): meant(written, known[member]) for member, written in found.named}


async def without(refs: Sequence[str], db: Database, workspace_id: int) -> Filter:
    """The filter that lets these sessions not be found."""
    return Filter(excluded=Filter(session_ids=await resolved(refs, db, workspace_id)))


async def resolved(refs: Sequence[str], db: Database, workspace_id: int) -> tuple[int, ...]:
    async with db.workspace(workspace_id) as conn:
        return await sessions.resolve(conn, workspace_id, refs)


def check(search: Question) -> None:
    """What can be said of a search before it is run. Errors: `RequestError` for a date or a zone that is none."""
    params.zone(search.tz)
    filter(search)


def filter(search: Question) -> Filter:
    after = params.moment("after", search.after, tz=search.tz)
    before = params.moment("before", search.before, tz=search.tz)
    return Filter(
        sources=tuple(map(sources.canonical, search.source)),
        projects=tuple(search.project),
        models=tuple(search.model),
        roles=tuple(search.role),
        tools=tuple(search.tool),
        tags=tuple(search.tag),
        kinds=tuple(search.kind),
        after_ms=None if after is None else shapes.epoch_ms(after),
        before_ms=None if before is None else shapes.epoch_ms(before),
        has_error=search.has_error,
    )


def fingerprint(search: SearchAsked) -> str:
    """The same for all pages of one search."""
    same = msgspec.structs.replace(search, limit=0, cursor=None, commit=None, explain=False)
    return hashlib.sha256(msgspec.json.encode(same)).hexdigest()
