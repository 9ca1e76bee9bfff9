"""Search: by word, by meaning, or both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from indexing import query as language
from indexing import search as engine
from indexing import spent
from indexing.fulltext import IndexDamaged
from indexing.model import Query
from service.api import examples, shapes
from service.api.gate import cursors, freshness
from service.api.gate.params import Nothing
from service.api.gate.rankings import Cursor, Kept
from service.api.gate.routes import Answer, Call, answer, commit_of, route
from service.api.search import asking, hits, results
from service.api.search.asking import SearchAsked, SearchBody
from service.api.search.results import MessageResults, SessionResults
from service.errors import NotYet
from service.storage.hit_rows import Rows

FURTHER = 5
"""Pages that folding looks through to fill one."""
DESCRIPTION = (
    "Finds messages by their words and their meaning, over text, reasoning, tool calls and results, and titles. "
    "Results are sessions with their best matches, or messages (`groupBy`). Further pages come from the ranking of the "
    "first, which the process keeps for 10 minutes. A hit is opened with "
    "`/api/sessions/{sessionId}/messages?around={messageId}`."
)


@route(
    "GET", "/api/search", scope="read", summary="Search", description=DESCRIPTION, asks=SearchAsked, live="search",
    gives=(SessionResults, MessageResults), example=examples.SEARCH_RESULTS, errors=(400,),
)  # fmt: skip
async def search_by_query(call: Call, asked: SearchAsked) -> Answer:
    return await search(call, asking.checked(asked))


@route(
    "POST", "/api/search", scope="read", summary="Search with a body", description=DESCRIPTION, takes=SearchBody,
    gives=(SessionResults, MessageResults), example_body=examples.SEARCH_BODY, example=examples.SEARCH_RESULTS, errors=(400, 413),
)  # fmt: skip
async def search_by_body(call: Call, asked: Nothing) -> Answer:
    return await search(call, asking.from_body(call.body, SearchAsked))


@route(
    "POST", "/search", scope="read", summary="Search with a body, short path", description=DESCRIPTION, takes=SearchBody,
    gives=(SessionResults, MessageResults), example_body=examples.SEARCH_BODY, example=examples.SEARCH_RESULTS, errors=(400, 413),
)  # fmt: skip
async def search_by_body_short(call: Call, asked: Nothing) -> Answer:
    return await search(call, asking.from_body(call.body, SearchAsked))


async def search(call: Call, asked: SearchAsked, query: Query | None = None) -> Answer:
    """The answer to what was asked; where the `query` was made and not typed, `asked.q` only tells it from others."""
    with spent.collected() as steps:
        told = await found(call, asked, query)
    if query is not None:
        told.corrected = UNSET
    call.desk.meters.searched(steps)
    return answer(told, headers={"Server-Timing": server_timing(steps, told.took_ms)})


def server_timing(steps: Mapping[spent.Step, float], total_ms: float) -> str:
    """The steps' milliseconds as https://www.w3.org/TR/server-timing/ writes them.

    >>> server_timing({"embed": 0.00312}, 9.5)
    'embed;dur=3.12, total;dur=9.5'
    """
    told = [f"{step};dur={round(seconds * 1000, 2)}" for step, seconds in steps.items()]
    return ", ".join([*told, f"total;dur={total_ms}"])


async def found(
    call: Call, asked: SearchAsked, query: Query | None = None
) -> SessionResults | MessageResults:
    """Rank, or take up the ranking of the first page; cut the page; re-read it."""
    started_s = time.perf_counter()
    of = f"search {asking.fingerprint(asked)}"
    place = cursors.decode(asked.cursor, Cursor, of=of) if asked.cursor else Cursor("", 0)
    end = place.first + asked.limit
    try:
        kept = (
            call.desk.rankings.get(place.ranking, workspace_id=call.workspace_id)
            if asked.cursor
            else await rank(call, asked, query)
        )
        if end > kept.length and kept.goes_on:
            kept = await lengthened(call, asked, kept, query)
            place = Cursor("", place.first)
    except IndexDamaged as error:
        raise NotYet(
            "The text index is being built anew: try again in a minute.", retry_after_s=10
        ) from error
    (shown, rows, alike), lag = await asyncio.gather(
        page(call, asked, kept, place.first), call.desk.lags.of(call.workspace_id, call.resources)
    )
    end = max(end, place.first + len(shown.messages) + sum(map(len, alike.values())))
    with spent.step("snippets"):
        told = results.of(shown, rows, lag, asked, alike=alike)
    if asked.limit and (end < kept.length or kept.goes_on):
        name = place.ranking or call.desk.rankings.keep(kept)
        told.next_cursor = cursors.encode(Cursor(name, end), of=of)
    told.took_ms = round((time.perf_counter() - started_s) * 1000, 2)
    return told


async def page(
    call: Call, asked: SearchAsked, kept: Kept, first: int
) -> tuple[Kept, Rows, dict[int, list[int]]]:
    """The ranking cut to the page, its rows, and what was folded into each message of it.

    Where messages are folded, the page goes on with those behind it until it is full, `FURTHER` pages on at most.
    """
    end = first + asked.limit
    shown = msgspec.structs.replace(
        kept, sessions=kept.sessions[first:end], messages=kept.messages[first:end]
    )
    rows = await reread(call, shown)
    if not asked.fold or asked.group_by == "session":
        return shown, rows, {}
    alike = hits.folded(shown.messages, rows)
    while len(alike) < asked.limit and end < min(kept.length, first + FURTHER * asked.limit):
        end = min(end + asked.limit - len(alike), kept.length)
        shown = msgspec.structs.replace(kept, messages=kept.messages[first:end])
        rows = await reread(call, shown)
        alike = hits.folded(shown.messages, rows)
    messages = [each for each in shown.messages if each.id in alike or each.id not in rows.messages]
    return msgspec.structs.replace(shown, messages=messages), rows, alike


async def reread(call: Call, shown: Kept) -> Rows:
    with spent.step("rows"):
        return await hits.reread(call.resources.db, call.workspace_id, shown.sessions, shown.messages)


async def lengthened(call: Call, asked: SearchAsked, kept: Kept, query: Query | None = None) -> Kept:
    """The ranking with what else matches behind its candidates."""
    query = language.corrected(query or await typed(call, asked), kept.corrections)
    shown = kept.messages or [match for group in kept.sessions for match in group.matches]
    more = await engine.rest(call.workspace_id, query, shown, text=call.resources.text)
    sessions = {group.session_id for group in kept.sessions}
    by_session = asked.group_by == "session"
    return msgspec.structs.replace(
        kept,
        messages=kept.messages
        if by_session
        else kept.messages + [each for each in more if each.unit == "message"],
        sessions=kept.sessions
        + [group for group in engine.grouped(more) if by_session and group.session_id not in sessions],
        whole=True,
    )


async def typed(call: Call, asked: SearchAsked) -> Query:
    return await asking.query(
        asked,
        now_ms=shapes.epoch_ms(call.now),
        db=call.resources.db,
        workspace_id=call.workspace_id,
        text=call.resources.text,
    )


async def rank(call: Call, asked: SearchAsked, query: Query | None = None) -> Kept:
    """Ask the indexes. Errors: `IndexDamaged`; `NotYet` when they have not seen the write that was named."""
    resources, workspace_id = call.resources, call.workspace_id
    # Before the query is read: the names in it are those that the index knows.
    token = commit_of(asked.commit, call.desk) or call.commit
    await freshness.wait_for(token, workspace_id, resources, by_meaning=asked.type == "semantic")
    query = query or await typed(call, asked)
    ranking = await engine.search(
        workspace_id,
        query,
        text=resources.text,
        vectors=resources.vectors,
        embedder=None if asked.type == "fulltext" else await resources.query_embedder(),
        neighbours=resources.neighbours,
        mode=asked.type,
        limit=asked.limit,
        unit=asked.group_by,
        facets=asked.facets,
        now_ms=shapes.epoch_ms(call.now) if asked.recency else None,
    )
    return Kept(
        workspace_id=workspace_id,
        terms=ranking.terms,
        corrections=ranking.corrections,
        sessions=ranking.sessions,
        messages=ranking.messages if asked.group_by == "message" else [],
        counts=ranking.counts,
        mode_used=ranking.mode_used,
        fallback_reason=ranking.fallback_reason,
        vector_weight=ranking.vector_weight,
    )
