"""Many labels at once: which sessions and messages, and what is set on all of them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from service.api.evals.asking import EvalsFilter, filter_of, pieces, search_in
from service.api.evals.selecting import found
from service.api.gate import params
from service.api.gate.routes import Call
from service.api.search.asking import SearchAsked, SearchBody
from service.api.sessions import labels
from service.errors import RequestError
from service.model import ids, json_items
from service.storage import evals, messages, sessions
from service.storage.messages import MessagePatch
from service.storage.sessions import SessionPatch

MOST = 100_000
WHICH = ("ids", "messages", "filter", "search")
Ids = Annotated[list[params.Name], Meta(max_length=MOST)]


class LabelsBody(msgspec.Struct, kw_only=True):
    """Exactly one of `ids`, `messages`, `filter`, `search` says which; `set` says what."""

    ids: Annotated[list[str], Meta(description="Sessions, by id or external id.")] = []
    messages: Annotated[list[str], Meta(description="Messages, by id.")] = []
    filter: Annotated[
        EvalsFilter | None, Meta(description="All sessions that these let through, marked or not.")
    ] = None
    search: Annotated[
        SearchBody | None,
        Meta(
            description="What a search finds, up to its limit; with groupBy message the messages that it finds."
        ),
    ] = None
    set: Annotated[labels.ManyLabels, Meta(extra_json_schema={"minProperties": 1})]


class Which(msgspec.Struct, kw_only=True):
    """One of them is given; Ids are bounded here."""

    ids: Ids | None = None
    messages: Ids | None = None
    filter: dict[str, Any] | None = None
    search: dict[str, Any] | None = None


class Order(msgspec.Struct, frozen=True):
    """Sessions and messages to label, and how."""

    which: Which
    filter: EvalsFilter | None
    search: SearchAsked | None
    sessions: SessionPatch
    messages: MessagePatch


def read(body: bytes) -> Order:
    """Errors: `RequestError`."""
    given = json_items.read_object(body)
    which = params.from_json({name: given.get(name) for name in WHICH}, Which)
    if sum(getattr(which, name) is not None for name in WHICH) != 1:
        raise RequestError("Say which with exactly one of ids, messages, filter and search.")
    wanted = given.get("set")
    if not isinstance(wanted, dict) or not wanted:
        raise RequestError("set must be an object with at least one label.")
    search = search_in(which.search) if which.search is not None else None
    if which.search is not None and search is None:
        raise RequestError("search needs q.")
    filter = None if which.filter is None else params.from_json(which.filter, EvalsFilter)
    return Order(which, filter, search, labels.many_sessions(wanted), labels.many_messages(wanted))


async def label(call: Call, order: Order) -> tuple[int, int]:
    """How many sessions and messages."""
    of_search: tuple[tuple[int, ...], dict[int, set[int]]] = ((), {})
    if order.search is not None:
        of_search = await found(call, order.search)
    by_message = order.search is not None and order.search.group_by == "message"
    async with call.rows() as conn:
        chosen: list[int] = list(of_search[0])
        if order.which.ids is not None:
            chosen = list(await sessions.resolve(conn, call.workspace_id, list(pieces(order.which.ids))))
        if order.filter is not None:
            filter = msgspec.structs.replace(filter_of(order.filter), ready=False)
            chosen = await evals.ids(conn, call.workspace_id, filter)
        if by_message or order.which.messages is not None:
            named = [ids.number(name, "m") for name in order.which.messages or ()]
            named += [id for several in of_search[1].values() for id in several]
            there = sorted(id for id in named if id is not None)
            count = await messages.patch_all(
                conn, call.workspace_id, there, order.messages, user_id=call.caller.user_id
            )
            return 0, count
        count = await sessions.patch_all(
            conn, call.workspace_id, sorted(chosen), order.sessions, user_id=call.caller.user_id
        )
    return count, 0
