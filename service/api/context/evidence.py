"""What may be handed over: the hits of a search in its best sessions and their neighbours, re-read from the tables.

Rule: what is gone meanwhile, or of another workspace, is not there when it is re-read, and so is not handed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from indexing.budget import Said, Source, content
from indexing.fusion import Fused
from indexing.model import Term
from indexing.search import Group, Ranking
from service.api import shapes
from service.model import parts
from service.storage import messages, neighbours, sessions
from service.storage.database import Connection

TOKENS_A_HIT = 20
"""At most one hit is read for so many tokens of the budget: more would not fit."""
LEAST_HITS, MOST_HITS = 20, 200
HITS_WITH_NEIGHBOURS = 40
LEAST_WORTH = 0.05
"""Of a hit: the worst candidate has a score of 0, and its neighbours come after it."""
NEIGHBOUR_WORTH = 0.5
"""Of its hit's, a place away."""


class Evidence(msgspec.Struct, frozen=True):
    sources: list[Source]
    offered: list[Said]


async def gather(
    conn: Connection,
    workspace_id: int,
    ranking: Ranking,
    terms: Sequence[Term],
    *,
    limit: int,
    budget: int,
    window: int,
) -> Evidence:
    """The sources best first, and what they offer."""
    groups = ranking.sessions[:limit]
    hits = chosen(ranking, groups, most=min(max(budget // TOKENS_A_HIT, LEAST_HITS), MOST_HITS))
    hits |= await openings(conn, workspace_id, [group for group in groups if not group.matches])
    near = await neighbours.within(conn, workspace_id, [*hits][:HITS_WITH_NEIGHBOURS], window=window)
    worth = {id: hit.score + LEAST_WORTH for id, hit in hits.items()}
    worth_of_hit = dict(worth)
    for hit, beside, away in near:
        worth[beside] = max(worth.get(beside, 0.0), worth_of_hit[hit] * NEIGHBOUR_WORTH / away)
    rows = await messages.hits(conn, workspace_id, sorted(worth))
    by_id = await sessions.by_ids(conn, workspace_id, [group.session_id for group in groups])
    sources = [source(by_id[group.session_id]) for group in groups if group.session_id in by_id]
    return Evidence(sources, [*said(rows, hits, worth, terms)])


def chosen(ranking: Ranking, groups: Sequence[Group], *, most: int) -> dict[int, Fused]:
    """The best hits of these sessions, best first."""
    among = {group.session_id for group in groups}
    found = [each for each in ranking.messages if each.session_id in among]
    return {each.id: each for each in found[:most]}


async def openings(conn: Connection, workspace_id: int, bare: Sequence[Group]) -> dict[int, Fused]:
    """The first message of each session that was found by its title alone."""
    if not bare:
        return {}
    first = await messages.first_of(conn, workspace_id, [group.session_id for group in bare])
    return {
        first[group.session_id]: Fused(
            id=first[group.session_id],
            session_id=group.session_id,
            unit="message",
            score=group.score,
            fused=0.0,
        )
        for group in bare
        if group.session_id in first
    }


def said(
    rows: Mapping[int, Mapping[str, Any]],
    hits: Mapping[int, Fused],
    worth: Mapping[int, float],
    terms: Sequence[Term],
) -> Iterator[Said]:
    for id, row in rows.items():
        hit = hits.get(id)
        yield Said(
            id=id,
            session_id=row["session_id"],
            seq=row["seq"],
            role=row["role"],
            created_at_ms=shapes.epoch_ms(row["created_at"]),
            score=hit.score if hit else 0.0,
            worth=worth[id],
            content=content(
                parts.fields(row["text"], row["parts"]), terms, passage=hit.passage if hit else None
            ),
        )


def source(row: Mapping[str, Any]) -> Source:
    return Source(
        session_id=row["id"],
        title=row["title"] or "",
        project=row["project_name"] or row["project_path"] or "",
        model=row["model"] or "",
        created_at_ms=shapes.epoch_ms(row["created_at"]),
    )
