"""Formats of eval sets: each a pure function of a case, in a table.

One function a format, in the words of the program that reads it. A new one is its function and its row here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from service.exports.formats import (
    deepeval,
    filesystem,
    inspect_ai,
    langsmith,
    openai,
    parquet,
    promptfoo,
    ragas,
    sharegpt,
)
from service.exports.model import Case, TurnMode

FormatName = Literal[
    "deepeval", "deepeval-conversational", "openai", "openai-evals", "openai-finetune", "ragas", "ragas-multi",
    "promptfoo", "inspect", "langsmith", "sharegpt", "parquet", "filesystem",
]  # fmt: skip
Layout = Literal["lines", "list", "parquet", "texts"]
"""JSON Lines, one JSON list, a Parquet file, or a text a case in an archive."""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    record: Callable[[Case, bool], Any]
    """A case, and whether metadata are wanted, as a JSON value (or, of `texts`, a text)."""
    mode: TurnMode = "per_turn"
    """Where none is asked for."""
    layout: Layout = "lines"
    keeps_split: bool = True
    """Whether a record has a place for the name of its split."""


FORMATS: dict[FormatName, Format] = {
    "deepeval": Format(record=deepeval.golden, layout="list"),
    "deepeval-conversational": Format(record=deepeval.conversation, mode="full", layout="list"),
    "openai": Format(record=openai.sample),
    "openai-evals": Format(record=openai.item),
    "openai-finetune": Format(record=openai.example, mode="full", keeps_split=False),
    "ragas": Format(record=ragas.single, keeps_split=False),
    "ragas-multi": Format(record=ragas.multi, mode="full", keeps_split=False),
    "promptfoo": Format(record=promptfoo.entry),
    "inspect": Format(record=inspect_ai.sample),
    "langsmith": Format(record=langsmith.example),
    "sharegpt": Format(record=sharegpt.conversation, mode="full", keeps_split=False),
    "parquet": Format(record=parquet.row, mode="full", layout="parquet"),
    "filesystem": Format(record=filesystem.text, mode="full", layout="texts"),
}
ENDINGS: dict[Layout, str] = {"lines": "jsonl", "list": "json", "parquet": "parquet", "texts": "zip"}
MEDIA_TYPES = {
    "jsonl": "application/x-ndjson",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
}
