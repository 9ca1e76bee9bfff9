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
from math import fsum, sqrt
from typing import NamedTuple

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


class Placed(msgspec.Struct, frozen=True, gc=False):
    """Where a candidate stands in one ranking."""

    rank: int
    """From 1."""
    score: float
    """As the ranking gave it: BM25, or cosine."""
    z: float


class Fused(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A candidate with its score and what it is made of: score = fused + neighbours + session.

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
            Fused(
                id=each.id,
                session_id=each.session_id,
                unit=each.unit,
                score=each.fused + near + around,
                fused=each.fused,
                neighbours=near,
                session=around,
                text=each.text,
                vector=each.vector,
                passage=each.passage,
            )
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
