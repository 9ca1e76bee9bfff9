"""Two rankings made one, and each candidate judged with the company it stands in. Pure.

    1. each ranking's scores become z-scores over all candidates; their weighted sum, moved so that the worst
       candidate has 0, is the fused score (moved, because a share of a negative score would punish for company)
    2. the vectors weigh more the nearer the nearest of them is: a far nearest neighbour is a guess
    3. a message gains a share of the fused scores of the messages before and after it, and of its session's best

Measured, nDCG@10 with all-MiniLM-L6-v2:

                      words   vectors   half and half   by nearness   and in company
    SciFact            69.5      64.9            74.3          74.9             74.9
    CoSQA              38.3      60.3            55.4          58.5             58.5
    LoCoMo, one index  46.4      18.2            45.1          45.7             50.2
    LoCoMo, inside     50.3      22.1            49.5          49.5             53.9

Shares of company from 0.3 to 0.5 are level, and 0.3 is the most careful of them. Reciprocal ranks depend on how long
the lists are; z-scores do not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import sqrt
from statistics import fmean

import msgspec

from indexing.model import Hit, Unit

NEAR = 0.62
"""A cosine that a good match has in MiniLM. The vectors' weight there is `WEIGHT_NEAR`."""
WEIGHT_NEAR = 0.55
WEIGHT_SLOPE = 2.0
"""What one more of cosine would add to the weight."""
LEAST_WEIGHT, MOST_WEIGHT = 0.3, 0.7
NEIGHBOUR_SHARE = 0.3
SESSION_SHARE = 0.3

Key = tuple[Unit, int]
Before = int | None
After = int | None


class Placed(msgspec.Struct, frozen=True):
    """Where a candidate stands in one ranking."""

    rank: int
    """From 1."""
    score: float
    """As the ranking gave it: BM25, or cosine."""
    z: float


class Fused(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate with its score and what it is made of: score = fused + neighbours + session."""

    id: int
    session_id: int
    unit: Unit
    score: float
    fused: float
    neighbours: float = 0.0
    session: float = 0.0
    text: Placed | None = None
    vector: Placed | None = None
    passage: tuple[int, int, int] | None = None


def fuse(
    words: Sequence[Hit], vectors: Sequence[Hit], *, depth: int, weight: float | None = None
) -> list[Fused]:
    """The candidates of both rankings, best first; equal scores in the order of ids. Scores are at least 0.

    `depth` is how many hits were asked for; `weight` that of the vectors, by default `vector_weight`'s. A ranking
    that is empty has no say.

    >>> found = fuse([Hit(1, 9, 7.0)], [Hit(2, 9, 0.6), Hit(1, 9, 0.5), Hit(3, 9, 0.2)], depth=200)
    >>> [(each.id, round(each.score, 2)) for each in found]
    [(1, 1.94), (2, 1.2), (3, 0.0)]
    """
    weight = vector_weight(vectors) if weight is None else weight
    hits = {_key(hit): hit for hit in (*words, *vectors)}
    # A list of words shorter than was asked for is complete: who is not in it has none of the words, and BM25 of 0.
    # Everybody has a meaning: who is not among the vectors is somewhere below the last of them.
    by_words = _placed(words, among=hits, absent=0.0 if len(words) < depth else None)
    by_vectors = _placed(vectors, among=hits, absent=None)
    sums = {key: (1 - weight) * by_words[key].z + weight * by_vectors[key].z for key in hits}
    lowest = min(sums.values(), default=0.0)
    passages = {_key(hit): hit.passage for hit in vectors}
    return _ordered(
        Fused(
            id=hit.id,
            session_id=hit.session_id,
            unit=hit.unit,
            score=sums[key] - lowest,
            fused=sums[key] - lowest,
            text=_found(by_words[key]),
            vector=_found(by_vectors[key]),
            passage=passages.get(key),
        )
        for key, hit in hits.items()
    )


def vector_weight(vectors: Sequence[Hit]) -> float:
    """How much the vectors say, from 0.3 to 0.7 of all, by the cosine of the nearest.

    >>> [round(vector_weight([Hit(1, 9, cosine)]), 2) for cosine in (0.9, 0.62, 0.55, 0.2)]
    [0.7, 0.55, 0.41, 0.3]
    """
    nearest = max((hit.score for hit in vectors), default=0.0)
    return min(max(WEIGHT_NEAR + WEIGHT_SLOPE * (nearest - NEAR), LEAST_WEIGHT), MOST_WEIGHT)


def in_company(
    candidates: Iterable[Fused],
    neighbours: Mapping[int, tuple[Before, After]],
    *,
    neighbour_share: float = NEIGHBOUR_SHARE,
    session_share: float = SESSION_SHARE,
) -> list[Fused]:
    """The candidates with what their neighbours (of those that are candidates) and their session's best add; best first.

    Call it once, on what `fuse` gave: shares are taken of fused scores, so that they do not feed on each other.

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
    lifted = []
    for each in candidates:
        beside = neighbours.get(each.id, ()) if each.unit == "message" else ()
        near = neighbour_share * sum(scores.get(id, 0.0) for id in beside if id is not None)
        around = session_share * best[each.session_id]
        lifted.append(
            msgspec.structs.replace(each, score=each.fused + near + around, neighbours=near, session=around)
        )
    return _ordered(lifted)


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
    if not scores:
        return dict.fromkeys(among, 0.0)
    lowest = min(scores.values()) if absent is None else absent
    filled = {key: scores.get(key, lowest) for key in among}
    mean = fmean(filled.values())
    spread = sqrt(fmean((score - mean) ** 2 for score in filled.values()))
    # Scores that differ by rounding alone are no spread.
    if spread <= 1e-9 * max(1.0, abs(mean)):
        return dict.fromkeys(among, 0.0)
    return {key: (score - mean) / spread for key, score in filled.items()}


def _placed(hits: Sequence[Hit], *, among: Collection[Key], absent: float | None) -> dict[Key, Placed]:
    """Each candidate's place in one ranking; rank 0 for those that it did not return."""
    ordered = sorted(hits, key=lambda hit: (-hit.score, hit.unit, hit.id))
    ranks = {_key(hit): rank for rank, hit in enumerate(ordered, start=1)}
    scores = {_key(hit): hit.score for hit in hits}
    z = z_scores(scores, among=among, absent=absent)
    return {key: Placed(rank=ranks.get(key, 0), score=scores.get(key, 0.0), z=z[key]) for key in among}


def _found(placed: Placed) -> Placed | None:
    return placed if placed.rank else None


def _key(hit: Hit) -> Key:
    return hit.unit, hit.id


def _ordered(candidates: Iterable[Fused]) -> list[Fused]:
    return sorted(candidates, key=lambda each: (-each.score, each.unit, each.id))
