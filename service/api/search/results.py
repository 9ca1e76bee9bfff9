"""The answer of a search: a page of results, how many match in all, and how fresh the indexes are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from indexing.fusion import COVERAGE_WEIGHT, FURTHER_SHARE, NEIGHBOUR_SHARE, RECENCY_WEIGHT, SESSION_SHARE
from indexing.model import Counts
from indexing.query import respelled
from indexing.search import ModeUsed
from service.api.gate.freshness import Lag
from service.api.gate.rankings import Kept
from service.api.search import hits
from service.api.search.asking import SearchAsked
from service.storage.hit_rows import Rows

NOTHING: Mapping[int, Sequence[int]] = {}


class FacetValue(msgspec.Struct):
    value: str
    count: int


class Weights(msgspec.Struct):
    """What `explain` multiplies: z-scores of words and vectors, shares of the fused scores of neighbours, of those one place further, of the session's best, the z-score of the session's coverage, and what something new gains."""

    text: float
    vector: float
    neighbour: float
    further: float
    session: float
    coverage: float
    recency: float


class Results(msgspec.Struct, kw_only=True, rename="camel"):
    """`total` and `facets` count all that matches, in sessions or messages as groupBy says."""

    total: int
    next_cursor: str | UnsetType = UNSET
    facets: dict[str, list[FacetValue]] | UnsetType = UNSET
    took_ms: float
    mode_used: ModeUsed
    corrected: str | UnsetType = UNSET
    """The query as it was searched in a fuzzy second try, since its words stand nowhere."""
    fallback_reason: str | UnsetType = UNSET
    weights: Weights | UnsetType = UNSET
    """With `explain`."""
    index: Lag


class SessionResults(Results, kw_only=True):
    results: list[hits.SessionHit]


class MessageResults(Results, kw_only=True):
    results: list[hits.MessageHit]


def of(
    shown: Kept,
    rows: Rows,
    lag: Lag,
    asked: SearchAsked,
    *,
    alike: Mapping[int, Sequence[int]] = NOTHING,
) -> SessionResults | MessageResults:
    """`shown` is the ranking cut to the page; `alike` what was folded into each message of it."""
    common: dict[str, Any] = {
        "total": shown.counts.total,
        "facets": facets(shown.counts) if asked.facets else UNSET,
        "took_ms": 0.0,
        "mode_used": shown.mode_used,
        "corrected": respelled(asked.q, shown.corrections) if shown.corrections else UNSET,
        "fallback_reason": shown.fallback_reason or UNSET,
        "weights": weights(shown) if asked.explain else UNSET,
        "index": lag,
    }
    if asked.group_by == "session":
        sessions = hits.session_hits(
            shown.sessions, rows, shown.terms, explain=asked.explain, fold=asked.fold
        )
        return SessionResults(results=sessions, **common)
    return MessageResults(
        results=hits.message_hits(shown.messages, rows, shown.terms, explain=asked.explain, alike=alike),
        **common,
    )


def weights(shown: Kept) -> Weights:
    vector = hits.rounded(shown.vector_weight)
    return Weights(
        text=hits.rounded(1 - vector),
        vector=vector,
        neighbour=NEIGHBOUR_SHARE,
        further=FURTHER_SHARE,
        session=SESSION_SHARE,
        coverage=COVERAGE_WEIGHT,
        recency=RECENCY_WEIGHT,
    )


def facets(counts: Counts) -> dict[str, list[FacetValue]]:
    """The most frequent values of each facet first; days in their order."""
    found: dict[str, list[FacetValue]] = {}
    for facet, values in counts.facets.items():
        ordered = (
            sorted(values.items())
            if facet == "day"
            else sorted(values.items(), key=lambda each: (-each[1], each[0]))
        )
        found[facet] = [FacetValue(value, count) for value, count in ordered]
    return found
