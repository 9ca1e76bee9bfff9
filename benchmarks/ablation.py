"""What each part of the ranking brings: the lists of every question asked once, then ranked in many ways.

The lists come from the service's own index and tables by its own adapters, and the ways are `indexing/fusion.py` with a
part left out or exchanged. Only the end of a search runs again, so that a way costs seconds a set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import NamedTuple

from benchmarks.measure import Progress
from benchmarks.report import Figure, Report
from benchmarks.running import Service, workspace_id
from indexing import fusion
from indexing.fusion import After, Before, Fused
from indexing.model import Filter, Hit
from indexing.query import parse
from indexing.search import LEAST_NEAR, LEAST_WORDS, NEIGHBOURS_OF, mutual
from service.bootstrap import open_resources
from service.settings import Settings

RANKS_K = 60
"""Of reciprocal rank fusion, as its paper has it (Cormack, Clarke and Buettcher, 2009)."""


class Asked(NamedTuple):
    """A question; `project` limits it to a conversation."""

    text: str
    project: str = ""


class Lists(NamedTuple):
    """What a question brought before anything was fused."""

    words: list[Hit]
    vectors: list[Hit]
    beside: Mapping[int, tuple[Before, After]]
    coverage: Mapping[int, float]


Way = Callable[[Lists], list[Fused]]


def gather(service: Service, asked: Sequence[Asked]) -> list[Lists]:
    """The lists of each question, as a search asks them of the service's own index and tables."""
    return asyncio.run(_gather(service, asked))


def compare(
    report: Report, title: str, lists: Sequence[Lists], gain: Callable[[int, list[int]], float]
) -> None:
    """A figure for each way: the mean of `gain(question's place, message ids best first)`, beside the one that is served."""
    scores = {
        name: fmean(gain(place, _messages(way(each))) for place, each in enumerate(lists))
        for name, way in WAYS.items()
    }
    served = scores[AS_SERVED]
    for name, score in scores.items():
        report.add(
            Figure(
                what=f"{title}, ranked by {name}: nDCG@10", values=[round(score, 4)], unit="",
                baselines=[round(served, 4)], baseline=AS_SERVED, better="higher",
            )
        )  # fmt: skip


def _fused(lists: Lists, *, weight: float | None = None) -> list[Fused]:
    return fusion.fuse(lists.words, lists.vectors[:LEAST_NEAR], depth=LEAST_WORDS, weight=weight)


def _in_company(lists: Lists, *, weight: float | None = None, **changed: float) -> list[Fused]:
    return fusion.in_company(
        _fused(lists, weight=weight), lists.beside, lists.coverage, fusion.NOTHING, **changed
    )


def _of_twice(lists: Lists) -> list[Fused]:
    fused = fusion.fuse(lists.words, lists.vectors, depth=LEAST_WORDS)
    return fusion.in_company(fused, lists.beside, lists.coverage)


def _alone(list_of: Callable[[Lists], list[Hit]], lists: Lists) -> list[Fused]:
    return fusion.fuse(list_of(lists), [], depth=LEAST_WORDS)


def _by_ranks(lists: Lists) -> list[Fused]:
    """Reciprocal rank fusion."""
    scores: dict[Hit, float] = {}
    for hits in (lists.words, lists.vectors):
        for rank, hit in enumerate(hits, start=1):
            same = Hit(hit.id, hit.session_id, 0.0, hit.unit)
            scores[same] = scores.get(same, 0.0) + 1 / (RANKS_K + rank)
    return _alone(
        lambda _: [Hit(hit.id, hit.session_id, score, hit.unit) for hit, score in scores.items()], lists
    )


AS_SERVED = "all of it, as it is served"
WAYS: Mapping[str, Way] = {
    AS_SERVED: _in_company,
    "words alone": partial(_alone, lambda lists: lists.words),
    "vectors alone": partial(_alone, lambda lists: lists.vectors),
    f"reciprocal ranks, k = {RANKS_K}": _by_ranks,
    "z-scores, half and half": partial(_fused, weight=0.5),
    "z-scores, weighed by query": _fused,
    "the same with neighbours alone": partial(_in_company, session_share=0.0, coverage_weight=0.0),
    "the same with the session's best alone": partial(
        _in_company, neighbour_share=0.0, further_share=0.0, coverage_weight=0.0
    ),
    "the same with the session's coverage alone": partial(
        _in_company, neighbour_share=0.0, session_share=0.0
    ),
    "all but neighbours": partial(_in_company, neighbour_share=0.0, further_share=0.0),
    "all but those two places away": partial(_in_company, further_share=0.0),
    "all but the session's best": partial(_in_company, session_share=0.0),
    "all but the session's coverage": partial(_in_company, coverage_weight=0.0),
    "all of it with half and half": partial(_in_company, weight=0.5),
    "all of it, with twice as many vectors": _of_twice,
}


def _messages(ranked: Sequence[Fused]) -> list[int]:
    return [each.id for each in ranked if each.unit == "message"]


async def _gather(service: Service, asked: Sequence[Asked]) -> list[Lists]:
    assert service.home is not None, "a service of our own"
    resources = await open_resources(Settings(home=service.home))
    workspace = workspace_id(service)
    embedder = await resources.query_embedder()
    assert embedder is not None, "the benchmark waited for meaning"
    progress, found = Progress("ablation, lists", len(asked), "questions"), list[Lists]()
    try:
        for place, each in enumerate(asked, start=1):
            limits = Filter(projects=(each.project,)) if each.project else Filter()
            query = parse(each.text, now_ms=0, filter=limits)
            words = resources.text.search(workspace, query, limit=LEAST_WORDS)
            vector = embedder.embed([query.text])[0]
            vectors = await resources.vectors.search(workspace, vector, limits, limit=2 * LEAST_NEAR)
            coverage = resources.text.coverage(workspace, query, limit=LEAST_WORDS)
            lists = Lists(words, vectors, {}, coverage)
            beside = await resources.neighbours.of(workspace, _messages(_fused(lists))[:NEIGHBOURS_OF])
            found.append(lists._replace(beside=mutual(beside)))
            progress.at(place)
    finally:
        await resources.close()
    return found
