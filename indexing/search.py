"""A search from query to ranking: words and vectors asked together, fused, judged in company, grouped, counted.

It asks through the ports only and reads no text: what it gives are ids with scores and their reasons, to be read
again from the tables before they are shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from indexing import fusion
from indexing.fusion import Fused, Placed
from indexing.model import Counts, Facet, Hit, Query, Standing, Term, Unit
from indexing.ports import Embedder, Neighbours, TextReader, VectorIndex
from indexing.query import EVERYTHING, corrected
from indexing.spent import step

Mode = Literal["hybrid", "fulltext", "semantic"]
ModeUsed = Literal["hybrid", "fulltext", "semantic", "fuzzy"]

LEAST_WORDS = 200
"""How many hits are asked of the text index at least, and how many of each term tell which sessions say it. Titles are among
them."""
LEAST_NEAR = 100
"""The same of the vectors: 200 find no set's answers better, and cost a tenth of a search."""
LEAST_NEAR_ALONE = 200
"""The same where meaning alone is asked: its pages end with them."""
NEIGHBOURS_OF = 100
"""Of so many candidates at least, the best, the neighbours are looked up. That two which are both worse stand side by side moved
the first 20 in none of 40 searches."""
MATCHES_SHOWN = 3
MOST_PAGED = 10_000
"""How far pages go: the best so many messages by their words."""

NO_EMBEDDER = "The embedding model is not loaded, so only words were searched."
NO_VECTORS = "No message that may be found has a vector yet, so only words were searched."
NO_TEXT = "The query has no words to compare by meaning."


class Group(msgspec.Struct, frozen=True):
    """A session in a ranking: as good as its best message, or as its title."""

    session_id: int
    score: float
    matches: list[Fused]
    """Its best messages, at most `MATCHES_SHOWN`; none where only the title matched."""
    by_title: bool
    """Did its title, or a former one, match?"""


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """All candidates, best first: up to twice the depth, so that pages can be cut from it."""

    messages: list[Fused]
    sessions: list[Group]
    """The same grouped; empty when messages were asked for."""
    counts: Counts
    mode_used: ModeUsed
    fallback_reason: str = ""
    vector_weight: float = 0.0
    """What the vectors weighed; the words the rest of 1."""
    terms: tuple[Term, ...] = ()
    """What was looked up: those of the query, or as they were corrected."""
    corrections: dict[str, str] = {}
    """Of a fuzzy second try: the words that stand nowhere, and what was looked for instead."""


class _Meaning(NamedTuple):
    vectors: VectorIndex
    embedder: Embedder


class _Asked(NamedTuple):
    """What stays the same when a query is asked a second time."""

    workspace_id: int
    mode: Mode
    depth: int
    """Of the words."""
    near: int
    """Of the vectors."""
    text: TextReader
    meaning: _Meaning | None
    reason: str
    counts_sessions: bool


class _Candidates(msgspec.Struct, frozen=True):
    words: list[Hit]
    vectors: list[Hit]
    mode_used: ModeUsed
    fallback_reason: str
    coverage: Mapping[int, float]
    """Of sessions, by the words."""
    sessions: frozenset[int] | None
    """All that match by their words, where they are what is counted."""


class _Said(NamedTuple):
    """What the text index answers."""

    hits: list[Hit]
    coverage: Mapping[int, float]
    sessions: frozenset[int] | None = None


async def search(
    workspace_id: int,
    query: Query,
    *,
    text: TextReader,
    vectors: VectorIndex | None,
    embedder: Embedder | None,
    neighbours: Neighbours,
    mode: Mode = "hybrid",
    limit: int = 20,
    unit: Unit = "session",
    facets: Sequence[Facet] = (),
    reason: str = NO_EMBEDDER,
    now_ms: int | None = None,
) -> Ranking:
    """The ranking of a query. Without an embedder (`reason` says why) or vectors, it is one of words.

    `limit` deepens the candidate lists; it cuts nothing. What is new gains a little by `now_ms`; without it, age makes no
    difference. Errors: those of the adapters.
    """
    depth = max(LEAST_WORDS, limit)
    near = max(LEAST_NEAR_ALONE if mode == "semantic" else LEAST_NEAR, limit)
    meaning = _Meaning(vectors, embedder) if vectors is not None and embedder is not None else None
    asked = _Asked(workspace_id, mode, depth, near, text, meaning, reason, unit == "session" and not facets)
    query, found, corrections = await _ask_twice(asked, query)
    weight = fusion.vector_weight(found.words, found.vectors)
    fused = fusion.fuse(found.words, found.vectors, depth=depth, weight=weight)
    nearest = [each.id for each in fused if each.unit == "message"][: max(NEIGHBOURS_OF, limit)]
    standing, counts = await asyncio.gather(
        _standing(workspace_id, nearest, neighbours),
        _count(workspace_id, query, found, text, unit, facets),
    )
    looked_for = found.vectors or _looks_for_words(query)
    # Where nothing was looked for, the newest come first, and no company changes that.
    ranked = _in_company(fused, standing, found.coverage, now_ms) if looked_for else fused
    return Ranking(
        messages=[each for each in ranked if each.unit == "message"],
        sessions=grouped(ranked) if unit == "session" else [],
        counts=counts,
        mode_used=found.mode_used,
        fallback_reason=found.fallback_reason,
        vector_weight=weight,
        terms=query.terms,
        corrections=corrections,
    )


def mutual(standing: Mapping[int, Standing]) -> dict[int, tuple[int | None, int | None]]:
    """Neighbours, said of both: who stands before another has it behind.

    >>> mutual({5: Standing(4, 6, said_at_ms=0)})
    {5: (4, 6), 4: (None, 5), 6: (5, None)}
    """
    found = {id: (each.before, each.after) for id, each in standing.items()}
    for id, (before, after, _) in standing.items():
        if before is not None and before not in standing:
            found[before] = found.get(before, (None, None))[0], id
        if after is not None and after not in standing:
            found[after] = id, found.get(after, (None, None))[1]
    return found


def _in_company(
    fused: Sequence[Fused],
    standing: Mapping[int, Standing],
    coverage: Mapping[int, float],
    now_ms: int | None,
) -> list[Fused]:
    recency: Mapping[int, float] = {}
    if now_ms is not None:
        recency = fusion.recency_of({id: each.said_at_ms for id, each in standing.items()}, now_ms=now_ms)
    return fusion.in_company(fused, mutual(standing), coverage, recency)


async def rest(
    workspace_id: int, query: Query, candidates: Collection[Fused], *, text: TextReader
) -> list[Fused]:
    """What matches by its words and was no candidate, in BM25's order: the pages behind a ranking. Their score is 0."""
    known = {(each.unit, each.id) for each in candidates}
    hits = await asyncio.to_thread(_found, workspace_id, query, text, MOST_PAGED)
    return [
        Fused(
            id=hit.id,
            session_id=hit.session_id,
            unit=hit.unit,
            score=0.0,
            fused=0.0,
            text=Placed(rank=rank, score=hit.score, z=0.0),
        )
        for rank, hit in enumerate(hits, start=1)
        if (hit.unit, hit.id) not in known
    ]


def grouped(ranked: Sequence[Fused]) -> list[Group]:
    """The sessions of a ranking, in the order of their best candidates.

    >>> best, worse = (Fused(id=id, session_id=7, unit="message", score=5.0 - id, fused=0.0) for id in (1, 2))
    >>> [(group.session_id, group.score, [match.id for match in group.matches]) for group in grouped([best, worse])]
    [(7, 4.0, [1, 2])]
    """
    members: dict[int, list[Fused]] = {}
    for each in ranked:
        members.setdefault(each.session_id, []).append(each)
    return [
        Group(
            session_id=session_id,
            score=candidates[0].score,
            matches=[each for each in candidates if each.unit == "message"][:MATCHES_SHOWN],
            by_title=any(each.unit == "session" for each in candidates),
        )
        for session_id, candidates in members.items()
    ]


async def _ask_twice(asked: _Asked, query: Query) -> tuple[Query, _Candidates, dict[str, str]]:
    """The candidates; where no word finds anything, those of the query with its words corrected, and the corrections."""
    found = await _ask(asked, query)
    if asked.mode == "semantic" or found.words:
        return query, found, {}
    corrections = await asyncio.to_thread(asked.text.corrections, asked.workspace_id, query)
    if corrections:
        second = corrected(query, corrections)
        again = await _ask(asked, second)
        if again.words:
            return second, msgspec.structs.replace(again, mode_used="fuzzy"), corrections
    return query, found, {}


async def _ask(asked: _Asked, query: Query) -> _Candidates:
    """Both rankings, as far as the mode wants them and they can be had."""
    mode, meaning = asked.mode, asked.meaning
    why_not = "" if mode == "fulltext" else _why_not(query, mode, meaning, asked.reason)
    if mode == "fulltext" or meaning is None or why_not or not query.text.strip():
        words = await asyncio.to_thread(_by_words, asked, query)
        return _Candidates(words.hits, [], "fulltext", why_not, words.coverage, words.sessions)
    by_words = asyncio.to_thread(_by_words, asked, query) if mode == "hybrid" else _no_words()
    words, near = await asyncio.gather(by_words, _by_meaning(asked.workspace_id, query, meaning, asked.near))
    if not near and not await _passes_any(asked.workspace_id, query, asked.text):
        return _Candidates([], [], mode, "", {}, None)
    if not near:
        if not words.hits:
            words = await asyncio.to_thread(_by_words, asked, query)
        return _Candidates(words.hits, [], "fulltext", NO_VECTORS, words.coverage, words.sessions)
    near = await _admitted(asked.workspace_id, query, near, asked.text)
    return _Candidates(words.hits, near, mode, "", words.coverage, words.sessions)


def _why_not(query: Query, mode: Mode, meaning: _Meaning | None, reason: str) -> str:
    if not query.text.strip():
        return NO_TEXT if mode == "semantic" else ""
    return reason if meaning is None else ""


def _looks_for_words(query: Query) -> bool:
    return any(term.occur != "must_not" for term in query.terms)


def _by_words(asked: _Asked, query: Query) -> _Said:
    """All that is asked of the text index, one after another: the other core embeds the query meanwhile."""
    hits = _found(asked.workspace_id, query, asked.text, asked.depth)
    with step("words"):
        coverage = asked.text.coverage(asked.workspace_id, query, limit=asked.depth) if hits else {}
    if not asked.counts_sessions:
        return _Said(hits, coverage)
    with step("count"):
        return _Said(hits, coverage, asked.text.sessions(asked.workspace_id, query))


async def _no_words() -> _Said:
    return _Said([], {})


def _found(workspace_id: int, query: Query, text: TextReader, depth: int) -> list[Hit]:
    with step("words"):
        text.refresh()
        return text.search(workspace_id, query, limit=depth)


async def _by_meaning(workspace_id: int, query: Query, meaning: _Meaning, near: int) -> list[Hit]:
    with step("embed"):
        vector = (await asyncio.to_thread(meaning.embedder.embed, [query.text]))[0]
    with step("vectors"):
        return await meaning.vectors.search(workspace_id, vector, query.filter, limit=near)


async def _passes_any(workspace_id: int, query: Query, text: TextReader) -> bool:
    """Whether there is anything that the filter lets be found; without a filter there is."""
    return query.filter == EVERYTHING or await asyncio.to_thread(text.any_passes, workspace_id, query.filter)


async def _admitted(workspace_id: int, query: Query, near: list[Hit], text: TextReader) -> list[Hit]:
    """What was found by meaning and holds every required term and no excluded one."""
    if all(term.occur == "should" for term in query.terms):
        return near
    admitted = await asyncio.to_thread(text.admits, workspace_id, query, [hit.id for hit in near])
    return [hit for hit in near if hit.id in admitted]


async def _standing(
    workspace_id: int, messages: Sequence[int], neighbours: Neighbours
) -> Mapping[int, Standing]:
    with step("neighbours"):
        return await neighbours.of(workspace_id, messages)


async def _count(
    workspace_id: int,
    query: Query,
    found: _Candidates,
    text: TextReader,
    unit: Unit,
    facets: Sequence[Facet],
) -> Counts:
    """All messages with the words, and those found by meaning; by meaning alone, only these."""
    also = [hit.id for hit in found.vectors]
    if found.mode_used == "semantic":
        query = msgspec.structs.replace(query, terms=())
    if found.mode_used == "semantic" and not also:
        return Counts(total=0, facets={facet: {} for facet in facets})
    if found.sessions is not None and (_looks_for_words(query) or not also):
        sessions = found.sessions.union(hit.session_id for hit in (*found.words, *found.vectors))
        return Counts(total=len(sessions), facets={})
    with step("count"):
        return await asyncio.to_thread(text.count, workspace_id, query, also=also, unit=unit, facets=facets)
