"""Search: by word, by meaning, or both."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from indexing import search as engine
from indexing.fulltext import IndexDamaged
from indexing.fusion import Fused
from indexing.model import Counts
from indexing.search import Group, Mode
from service.api import asking, cursors, examples, freshness, hits, shapes
from service.api.asking import SearchAsked, SearchBody
from service.api.freshness import Lag
from service.api.params import Nothing
from service.api.rankings import Cursor, Kept
from service.api.routes import Answer, Call, answer, commit_of, route
from service.errors import NotYet

DESCRIPTION = (
    "Finds messages by their words and their meaning, over text, reasoning, tool calls and results, and titles. "
    "Results are sessions with their best matches, or messages (`groupBy`). Further pages come from the ranking of the "
    "first, which the process keeps for 10 minutes. A hit is opened with "
    "`/api/sessions/{sessionId}/messages?around={messageId}`."
)


class FacetValue(msgspec.Struct):
    value: str
    count: int


class Results(msgspec.Struct, kw_only=True, rename="camel"):
    """`total` and `facets` count all that matches, in sessions or messages as groupBy says."""

    total: int
    next_cursor: str | UnsetType = UNSET
    facets: dict[str, list[FacetValue]] | UnsetType = UNSET
    took_ms: float
    mode_used: Mode
    fallback_reason: str | UnsetType = UNSET
    index: Lag


class SessionResults(Results, kw_only=True):
    results: list[hits.SessionHit]


class MessageResults(Results, kw_only=True):
    results: list[hits.MessageHit]


@route(
    "GET", "/api/search", scope="read", summary="Search", description=DESCRIPTION, asks=SearchAsked,
    gives=(SessionResults, MessageResults), example=examples.SEARCH_RESULTS, errors=(400,),
)  # fmt: skip
async def search_by_query(call: Call, asked: SearchAsked) -> Answer:
    return await search(call, asking.from_query(call.query))


@route(
    "POST", "/api/search", scope="read", summary="Search with a body", description=DESCRIPTION, takes=SearchBody,
    gives=(SessionResults, MessageResults), example_body=examples.SEARCH_BODY, example=examples.SEARCH_RESULTS, errors=(400, 413),
)  # fmt: skip
async def search_by_body(call: Call, asked: Nothing) -> Answer:
    return await search(call, asking.from_body(call.body))


@route(
    "POST", "/search", scope="read", summary="Search with a body, short path", description=DESCRIPTION, takes=SearchBody,
    gives=(SessionResults, MessageResults), example_body=examples.SEARCH_BODY, example=examples.SEARCH_RESULTS, errors=(400, 413),
)  # fmt: skip
async def search_by_body_short(call: Call, asked: Nothing) -> Answer:
    return await search(call, asking.from_body(call.body))


async def search(call: Call, asked: SearchAsked) -> Answer:
    """Rank, or take up the ranking of the first page; cut the page; re-read it."""
    started_s = time.perf_counter()
    of = f"search {asking.fingerprint(asked)}"
    place = cursors.decode(asked.cursor, Cursor, of=of) if asked.cursor else Cursor("", 0)
    if place.ranking:
        kept = call.desk.rankings.get(place.ranking, workspace_id=call.workspace_id)
    else:
        kept = await rank(call, asked)
    end = place.first + asked.limit
    sessions, messages = kept.sessions[place.first : end], kept.messages[place.first : end]
    async with call.rows() as conn:
        rows = await hits.reread(conn, call.workspace_id, sessions, messages)
        lag = await call.desk.lags.of(conn, call.workspace_id, call.resources)
    common = {
        "total": kept.counts.total,
        "next_cursor": next_cursor(call, kept, place, asked.limit, of),
        "facets": facets(kept.counts) if asked.facets else UNSET,
        "mode_used": kept.mode_used,
        "fallback_reason": kept.fallback_reason or UNSET,
        "index": lag,
    }
    found: SessionResults | MessageResults
    if asked.group_by == "session":
        shown = hits.session_hits(sessions, rows, kept.terms, explain=asked.explain)
    else:
        found = 


async def rank(call: Call, asked: SearchAsked) -> Kept:
    """Ask the indexes. Errors: `NotYet` when they cannot be read, or have not seen the write that was named."""
    resources, workspace_id = call.resources, call.workspace_id
    query = await asking.query(asked, now_ms=shapes.epoch_ms(call.now), db=resources.db, workspace_id=workspace_id)
    try:
        token = commit_of(asked.commit, call.desk) or call.commit
        await freshness.wait_for(token, workspace_id, resources, by_meaning=asked.type == "semantic")
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
        )
    except IndexDamaged as error:
        raise NotYet("The text index is being built anew: try again in a minute.", retry_after_s=10) from error
    return Kept(
        workspace_id=workspace_id,
        terms=query.terms,
        sessions=ranking.sessions,
        messages=ranking.messages if asked.group_by == "message" else [],
        counts=ranking.counts,
        mode_used=ranking.mode_used,
        fallback_reason=ranking.fallback_reason,
    )


def results(kept: Kept, shown: Any, rows: hits.Rows, asked: SearchAsked) -> Any:
    show: Any = hits.session_hits if asked.group_by == "session" else hits.message_hits
    return show(shown, rows, kept.terms, explain=asked.explain)


def facets(counts: Counts) -> dict[str, list[FacetValue]]:
    """The most frequent values of each facet first; days in their order."""
    found: dict[str, list[FacetValue]] = {}
    for facet, values in counts.facets.items():
        ordered = sorted(values.items()) if facet == "day" else sorted(values.items(), key=lambda each: (-each[1], each[0]))
        found[facet] = [FacetValue(value, count) for value, count in ordered]
    return found
