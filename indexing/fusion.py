"""Two rankings made one, and each candidate judged with the company it stands in. Pure.

    1. each ranking's scores become z-scores over all candidates; their weighted sum, moved so that the worst
       candidate has 0, is the fused score (moved, because a share of a negative score would punish for company)
    2. words weigh a little more than vectors, and less the nearer the nearest vector is and the less the best by words
       stand out: a far nearest neighbour is a guess, and words that everybody has tell nobody apart
    3. a message gains shares of the fused scores of the messages around it and of its session's best, and for what its
       session's messages together say of the query (one answers half of it, the next the other half)

What each of these brings, and what was tried and left: docs/decisions/0009-ranking.md. Reciprocal ranks depend on how
long the lists are; z-scores do not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import fsum, sqrt
from typing import NamedTuple

import msgspec

from indexing.model import Hit, Unit

LEAST_WEIGHT, MOST_WEIGHT = 0.45, 0.85
"""Of the vectors; the words have the rest of 1."""
NEAR = 0.64
"""A cosine that a good match has in MiniLM."""
PER_COSINE = 2.0
"""What one more of cosine would add to the weight."""
STANDOUT = 0.45
"""A usual lead of the best by words: over the `FOLLOWER`th, as a share of its score."""
FOLLOWER = 10
PER_STANDOUT = 1.0
"""What one more of lead would take from the weight."""
NEIGHBOUR_SHARE = 0.3
FURTHER_SHARE = 0.1
"""Of a message two places away."""
SESSION_SHARE = 0.3
COVERAGE_WEIGHT = 0.4
"""Of the z-score of how well a session's messages together say what is asked."""
RECENCY_WEIGHT = 0.1
"""What was said just now gains so much: it settles what is nearly equal."""
RECENCY_HALVES_MS = 30 * 86_400_000
"""After so long half of that, after twice as long a quarter."""
NOTHING: Mapping[int, float] = {}
NOBODY: tuple[None, None] = (None, None)

Key = tuple[Unit, int]
Before = int | None
After = int | None


class Placed(msgspec.Struct, frozen=True, gc=False):
    """Where a candidate stands in one ranking."""

    rank: int
    """From 1."""
    score: float
    """As the ranking gave it: BM25, or cosine."""
    z: float


class Fused(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A candidate with its score and what it is made of: score = fused + neighbours + session + coverage + recency.

    Not followed by Python's collector, as it can be in no cycle: thousands of them a search set off full collections,
    which took longer than the fusion.
    """

    id: int
    session_id: int
    unit: Unit
    score: float
    fused: float
    neighbours: float = 0.0
    session: float = 0.0
    coverage: float = 0.0
    recency: float = 0.0
    text: Placed | None = None
    vector: Placed | None = None
    passage: tuple[int, int, int] | None = None


def fuse(
    words: Sequence[Hit], vectors: Sequence[Hit], *, depth: int, weight: float | None = None
) -> list[Fused]:
    """The candidates of both rankings, best first; equal scores in the order of ids. Scores are at least 0.

    `depth` is how many hits were asked for; `weight` that of the vectors, by default what `vector_weight` says. A ranking
    that is empty has no say.

    >>> found = fuse([Hit(1, 9, 7.0)], [Hit(2, 9, 0.6), Hit(1, 9, 0.5), Hit(3, 9, 0.2)], depth=200)
    >>> [(each.id, round(each.score, 2)) for each in found]
    [(1, 1.96), (2, 1.06), (3, 0.0)]
    """
    weight = vector_weight(words, vectors) if weight is None else weight
    hits = {(hit.unit, hit.id): hit for hit in (*words, *vectors)}
    # A list of words shorter than was asked for is complete: who is not in it has none of the words, and BM25 of 0.
    # Everybody has a meaning: who is not among the vectors is somewhere below the last of them.
    by_words, no_words = _placed(words, among=len(hits), absent=0.0 if len(words) < depth else None)
    by_vectors, no_vector = _placed(vectors, among=len(hits), absent=None)
    passages = {hit.id: hit.passage for hit in vectors}
    found = []
    for key, hit in hits.items():
        text, vector = by_words.get(key), by_vectors.get(key)
        found.append((
            (1 - weight) * (text.z if text else no_words) + weight * (vector.z if vector else no_vector),
            hit, text, vector,
        ))  # fmt: skip
    lowest = min((score for score, *_ in found), default=0.0)
    return _ordered(
        [
            Fused(
                id=hit.id,
                session_id=hit.session_id,
                unit=hit.unit,
                score=score - lowest,
                fused=score - lowest,
                text=text,
                vector=vector,
                passage=passages.get(hit.id) if vector else None,
            )
            for score, hit, text, vector in found
        ]
    )


def vector_weight(words: Sequence[Hit], vectors: Sequence[Hit]) -> float:
    """How much the vectors say, from 0.45 to 0.85 of all, by the cosine of the nearest and the lead of the best by words.

    >>> close = [Hit(id, 9, 10.0 - id / 10) for id in range(10)]
    >>> [round(vector_weight(close, [Hit(1, 9, cosine)]), 2) for cosine in (0.2, 0.62, 0.9)]
    [0.45, 0.77, 0.85]
    >>> vector_weight([Hit(1, 9, 10.0)], [Hit(1, 9, 0.62)])
    0.45
    """
    nearest = max((hit.score for hit in vectors), default=0.0)
    gained = PER_COSINE * (nearest - NEAR) - PER_STANDOUT * (_lead(words) - STANDOUT)
    return min(LEAST_WEIGHT + max(gained, 0.0), MOST_WEIGHT)


def _lead(words: Sequence[Hit]) -> float:
    """Of the best over the `FOLLOWER`th, from 0 to 1; where there are not so many, who follows has 0."""
    scores = sorted((hit.score for hit in words), reverse=True)
    follower = scores[FOLLOWER - 1] if len(scores) >= FOLLOWER else 0.0
    return (scores[0] - follower) / scores[0] if scores and scores[0] > 0 else 1.0


def in_company(
    candidates: Iterable[Fused],
    neighbours: Mapping[int, tuple[Before, After]],
    coverage: Mapping[int, float] = NOTHING,
    recency: Mapping[int, float] = NOTHING,
    *,
    neighbour_share: float = NEIGHBOUR_SHARE,
    further_share: float = FURTHER_SHARE,
    session_share: float = SESSION_SHARE,
    coverage_weight: float = COVERAGE_WEIGHT,
) -> list[Fused]:
    """The candidates with what their neighbours (of those that are candidates), their session and their age add; best first.

    `coverage` is of sessions: what their messages together say of the query's words (`TextReader.coverage`); `recency` of
    messages: what it adds to each (`recency_of`). Call it once, on what `fuse` gave: shares are taken of fused scores, so that they do not feed on each other.

    >>> alone = Fused(id=1, session_id=9, unit="message", score=1.0, fused=1.0)
    >>> beside = Fused(id=2, session_id=9, unit="message", score=0.5, fused=0.5)
    >>> [(each.id, each.score) for each in in_company([alone, beside], {1: (None, 2), 2: (1, None)}, neighbour_share=0.5, session_share=0.0)]
    [(1, 1.25), (2, 1.0)]
    """
    candidates = list(candidates)
    scores = {each.id: each.fused for each in candidates if each.unit == "message"}
    best: dict[int, float] = {}
    for each in candidates:
        best[each.session_id] = max(best.get(each.session_id, 0.0), each.fused)
    covered = _covered(best, candidates, coverage, weight=coverage_weight)
    lifted = []
    for each in candidates:
        near = new = 0.0
        if each.unit == "message":
            near = _beside(each.id, neighbours, scores, near=neighbour_share, further=further_share)
            new = recency.get(each.id, 0.0)
        around = session_share * best[each.session_id]
        lifted.append(
            Fused(
                id=each.id,
                session_id=each.session_id,
                unit=each.unit,
                score=each.fused + near + around + covered[each.session_id] + new,
                fused=each.fused,
                neighbours=near,
                session=around,
                coverage=covered[each.session_id],
                recency=new,
                text=each.text,
                vector=each.vector,
                passage=each.passage,
            )
        )
    return _ordered(lifted)


def recency_of(said_at_ms: Mapping[int, int], *, now_ms: int) -> dict[int, float]:
    """What messages gain for being new, by id: `RECENCY_WEIGHT` now, and half of it each `RECENCY_HALVES_MS`.

    >>> month = RECENCY_HALVES_MS
    >>> recency_of({1: 5 * month, 2: 4 * month, 3: 9 * month}, now_ms=5 * month)
    {1: 0.1, 2: 0.05, 3: 0.1}
    """
    return {
        id: RECENCY_WEIGHT * 0.5 ** (max(now_ms - at_ms, 0) / RECENCY_HALVES_MS)
        for id, at_ms in said_at_ms.items()
    }


def _beside(
    id: int,
    neighbours: Mapping[int, tuple[Before, After]],
    scores: Mapping[int, float],
    *,
    near: float,
    further: float,
) -> float:
    """Shares of the scores of those one and two places away, as far as both are known."""
    added = 0.0
    for side in (0, 1):
        first = neighbours.get(id, NOBODY)[side]
        if first is None:
            continue
        second = neighbours.get(first, NOBODY)[side]
        added += near * scores.get(first, 0.0)
        added += further * scores.get(second, 0.0) if second is not None else 0.0
    return added


def _covered(
    sessions: Collection[int], candidates: Sequence[Fused], coverage: Mapping[int, float], *, weight: float
) -> dict[int, float]:
    """What a session's messages together add to each of them: weighted z-scores over the candidates, the least being 0."""
    scale = _scale(
        [coverage.get(each.session_id, 0.0) for each in candidates], among=len(candidates), absent=0.0
    )
    found = {id: weight * scale.z(coverage.get(id, 0.0)) for id in sessions}
    least = min(found.values(), default=0.0)
    return {id: score - least for id, score in found.items()}


def z_scores(
    scores: Mapping[Key, float], *, among: Collection[Key], absent: float | None = None
) -> dict[Key, float]:
    """Scores of one ranking on a common scale: distance from the mean in standard deviations.

    Over the candidates `among`; one that this ranking did not return gets `absent`, or the ranking's lowest score.
    A ranking that cannot tell candidates apart (no spread) gives 0 to all, and so has no say.
    Unit: standard deviations. Errors: none; an empty ranking gives 0 to all.

    >>> z_scores({("message", 1): 9.0, ("message", 2): 3.0}, among=[("message", 1), ("message", 2)])
    {('message', 1): 1.0, ('message', 2): -1.0}
    """
    found = [scores[key] for key in among if key in scores]
    scale = _scale(found, among=len(among), absent=absent)
    return {key: scale.z(scores.get(key, scale.lowest)) for key in among}


class _Scale(NamedTuple):
    mean: float
    spread: float
    """0: the ranking has no say."""
    lowest: float
    """The score of who is not in the ranking."""

    def z(self, score: float) -> float:
        return (score - self.mean) / self.spread if self.spread else 0.0


def _scale(scores: Collection[float], *, among: int, absent: float | None) -> _Scale:
    """Mean and standard deviation over `among` candidates, of which these have a score."""
    if not scores:
        return _Scale(0.0, 0.0, 0.0)
    lowest = min(scores) if absent is None else absent
    others = among - len(scores)
    mean = (fsum(scores) + others * lowest) / among
    spread = sqrt((fsum((score - mean) ** 2 for score in scores) + others * (lowest - mean) ** 2) / among)
    # Scores that differ by rounding alone are no spread.
    return _Scale(mean, 0.0 if spread <= 1e-9 * max(1.0, abs(mean)) else spread, lowest)


def _placed(hits: Sequence[Hit], *, among: int, absent: float | None) -> tuple[dict[Key, Placed], float]:
    """Each hit's place in its ranking, and the z-score of the candidates that it did not return."""
    scale = _scale([hit.score for hit in hits], among=among, absent=absent)
    ordered = sorted(hits, key=lambda hit: (-hit.score, hit.unit, hit.id))
    placed = {
        (hit.unit, hit.id): Placed(rank, hit.score, scale.z(hit.score))
        for rank, hit in enumerate(ordered, start=1)
    }
    return placed, scale.z(scale.lowest)


def _ordered(candidates: list[Fused]) -> list[Fused]:
    return sorted(candidates, key=lambda each: (-each.score, each.unit, each.id))
