"""What is like a message, a session or a text: its words and its meaning asked at once, its own session left out."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from indexing.fulltext.analysis import forms
from indexing.model import Filter, Query, Term
from indexing.query import TERMS, both
from indexing.words import STOP_WORDS
from service.api import examples
from service.api.gate.params import SAYS_SOMETHING, Cursor, Nothing
from service.api.gate.routes import Answer, Call, route
from service.api.search import asking
from service.api.search.asking import SearchAsked, SearchFilter
from service.api.search.paths import search
from service.api.search.results import MessageResults, SessionResults
from service.errors import NotFound, RequestError
from service.model import ids, json_items, parts
from service.storage import messages, sessions

TEXT_CHARACTERS = 2_000
"""What the beginning says, the whole is about; the model reads no more of it."""
OPENING = 5
"""Messages of a session that say what it is about, beside its title."""
LEAST_LETTERS = 3


Said = Annotated[str, Meta(extra_json_schema={"pattern": SAYS_SOMETHING})]


class SimilarBody(msgspec.Struct, kw_only=True, rename="camel"):
    """One of `message`, `session` (ids or external ids; of a message its id) and `text`; the rest as in a search."""

    message: Said | None = None
    session: Said | None = None
    text: Said | None = None
    group_by: str = "session"
    limit: Annotated[int, Meta(ge=0, le=1000)] = 20
    cursor: Cursor = None
    filter: SearchFilter | None = None
    explain: bool = False


@route(
    "POST", "/api/similar", scope="read", summary="Find what is similar", takes=SimilarBody, gives=(SessionResults, MessageResults),
    description="Sessions (or messages) like a message, a session or a text, answered as a search is. The session that was named, or "
    "that the message is of, is left out. Further pages, as those of a search, come from the ranking of the first.",
    example_body={"message": "m34", "limit": 5}, example=examples.SEARCH_RESULTS, errors=(400, 404, 413),
)  # fmt: skip
async def find_similar(call: Call, asked: Nothing) -> Answer:
    given = json_items.read_object(call.body)
    named = {name: given.pop(name) for name in ("message", "session", "text") if given.get(name) is not None}
    if len(named) != 1 or not all(isinstance(value, str) and value.strip() for value in named.values()):
        raise RequestError("Give one of message (an id), session (an id or external id) and text.")
    ((what, value),) = named.items()
    text, own = await told(call, what, value)
    asked_for = asking.from_body(msgspec.json.encode(given | {"q": "similar"}), SearchAsked)
    # A cursor is one of what was named: what that says may change while its pages are read.
    asked_for = msgspec.structs.replace(asked_for, q=f"similar to {what} {value}")
    limits = both(
        await asking.limits(asked_for, call.resources.db, call.workspace_id),
        Filter(excluded=Filter(session_ids=own)) if own else Filter(),
    )
    query = Query(text=text[:TEXT_CHARACTERS], terms=telling(text), filter=limits)
    return await search(call, asked_for, query)


async def told(call: Call, what: str, value: str) -> tuple[str, tuple[int, ...]]:
    """What is looked for, and the session that it is of. Errors: `NotFound`."""
    if what == "text":
        return value, ()
    async with call.rows() as conn:
        if what == "message":
            id = ids.number(value, "m")
            row = await messages.one(conn, call.workspace_id, id) if id is not None else None
            if row is None:
                raise NotFound("Message not found")
            return said(row), (row["session_id"],)
        session = await sessions.find(conn, call.workspace_id, value)
        if session is None:
            raise NotFound("Session not found")
        first = await messages.page(conn, call.workspace_id, session["id"], limit=OPENING)
    return "\n".join([session["title"] or "", *map(said, first)]), (session["id"],)


def said(row: dict[str, Any]) -> str:
    return "\n".join(field.text for field in parts.fields(row["text"], row["parts"]))


def telling(text: str) -> tuple[Term, ...]:
    """The first different words that say something.

    >>> [term.text for term in telling("The login redirects, and the login loops in a browser")]
    ['login', 'redirects', 'loops', 'browser']
    """
    words = (word for word in forms(text[:TEXT_CHARACTERS]) if word not in STOP_WORDS)
    return tuple(Term(word) for word in dict.fromkeys(words) if len(word) >= LEAST_LETTERS)[:TERMS]
