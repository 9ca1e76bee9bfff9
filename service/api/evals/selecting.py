"""Which sessions a set is made of: marked ones by filters, ids, or what a search finds."""

from __future__ import annotations

import msgspec

from indexing.fulltext import IndexDamaged
from service.api.evals.asking import SetAsked, filter_of, pieces
from service.api.gate.routes import Call
from service.api.search import paths as searching
from service.api.search.asking import SearchAsked
from service.errors import NotFound, NotYet
from service.storage import evals, sessions

NONE_READY = "No eval-ready sessions found"
NONE_FIT = "No sessions match the specified filters"


class Selection(msgspec.Struct):
    """Sessions in the order of a set; `messages`: of a session only the turns with one of these."""

    ids: list[int]
    named: bool = False
    """They were asked for by id or search, and so need not be marked."""
    messages: dict[int, set[int]] = {}


async def select(call: Call, asked: SetAsked, search: SearchAsked | None) -> Selection:
    """Errors: `NotFound` when there is none, with the reason; those of a search."""
    messages: dict[int, set[int]] = {}
    ids: tuple[int, ...] | None = None
    if search is not None:
        ids, messages = await found(call, search)
    async with call.rows() as conn:
        if named := list(pieces(asked.ids)):
            resolved = await sessions.resolve(conn, call.workspace_id, named)
            ids = resolved if ids is None else tuple(id for id in ids if id in resolved)
        chosen = await evals.ids(conn, call.workspace_id, filter_of(asked, ids=ids))
        if not chosen:
            marked = ids is not None or await evals.any_ready(conn, call.workspace_id)
            raise NotFound(NONE_FIT if marked else NONE_READY)
    return Selection(chosen, named=ids is not None, messages=messages)


async def found(call: Call, search: SearchAsked) -> tuple[tuple[int, ...], dict[int, set[int]]]:
    """What a search finds, up to its limit: sessions, or the turns of messages (`groupBy`)."""
    try:
        ranking = await searching.rank(call, search)
    except IndexDamaged as error:
        raise NotYet(
            "The text index is being built anew: try again in a minute.", retry_after_s=10
        ) from error
    if search.group_by == "session":
        return tuple(group.session_id for group in ranking.sessions[: search.limit]), {}
    messages: dict[int, set[int]] = {}
    for hit in ranking.messages[: search.limit]:
        messages.setdefault(hit.session_id, set()).add(hit.id)
    return tuple(messages), messages
