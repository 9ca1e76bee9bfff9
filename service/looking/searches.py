"""A query asked in three ways, side by side: by words, by meaning, and as it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from analytics import relevance
from service.client import Client
from service.looking.tables import frame

WAYS = {"hybrid": "hybrid", "fulltext": "words", "semantic": "meaning"}
DEPTH = 20

HITS = {
    "message": pl.String(),
    "session": pl.String(),
    "seq": pl.Int64(),
    "role": pl.String(),
    "project": pl.String(),
    **dict.fromkeys(WAYS.values(), pl.Int64()),  # its rank in each list, from 1; null: not among the first
    "fused": pl.Float64(),  # of the hybrid list: what words and meaning give
    "neighbours": pl.Float64(),  # what the messages beside it give
    "of_session": pl.Float64(),  # what its session's best hit gives
    "coverage": pl.Float64(),  # what all that its session says of the query gives
    "recency": pl.Float64(),  # what being new gives
    "rose": pl.Int64(),  # places won by neighbours, session and age against `fused` alone; negative: lost
}


class Lists:
    """`ranked`: message ids by way. `hits`: `HITS`, the hybrid list first. `snippets`: texts, to be shown only when asked for."""

    def __init__(self, answers: Mapping[str, Mapping[str, Any]]) -> None:
        self.modes = {way: answers[type]["modeUsed"] for type, way in WAYS.items()}
        self.ranked = {
            way: [hit["messageId"] for hit in answers[type]["results"]] for type, way in WAYS.items()
        }
        found = {hit["messageId"]: hit for type in WAYS for hit in reversed(answers[type]["results"])}
        found |= {hit["messageId"]: hit for hit in answers["hybrid"]["results"]}
        self.snippets = {id: hit["snippet"] for id, hit in found.items()}
        self.hits = frame(self._rows(found), HITS).sort("hybrid", "words", "meaning", nulls_last=True)

    def _rows(self, found: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
        places = {way: {id: place for place, id in enumerate(ids, 1)} for way, ids in self.ranked.items()}
        first = self.ranked["hybrid"]
        alone = sorted(first, key=lambda id: -found[id]["explain"]["fused"])
        rose = relevance.moved(alone, first)
        rows = []
        for id, hit in found.items():
            ours = id in places["hybrid"]
            why = hit["explain"] if ours else {}
            rows.append({
                "message": id, "session": hit["sessionId"], "seq": hit["seq"], "role": hit["role"],
                "project": hit["session"].get("projectName"), **{way: places[way].get(id) for way in places},
                "fused": why.get("fused"), "neighbours": why.get("neighbours"), "of_session": why.get("session"),
                "coverage": why.get("coverage"), "recency": why.get("recency"),
                "rose": rose.get(id),
            })  # fmt: skip
        return rows


def ask(client: Client, query: str, *, depth: int = DEPTH) -> Lists:
    """The first `depth` messages in each way. Errors: those of a search."""
    return Lists(
        {
            type: client.search(query, type=type, group_by="message", limit=depth, explain=True)
            for type in WAYS
        }
    )
