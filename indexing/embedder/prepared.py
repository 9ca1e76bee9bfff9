"""The model as the API process needs it: exported once by the worker, opened by every API.

    <models_dir>/<name>-<fingerprint>/   model.onnx  tokenizer.json  embedder.json

The directory appears whole, by a rename, after the export was verified against torch, and is never written again:
another model (or another version of it) has another fingerprint and so another directory. A model that ONNX cannot
express leaves `embedder.json` alone, which sends the API to torch.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from indexing.embedder.compute import Compute
from indexing.embedder.names import fingerprint, model_name
from indexing.embedder.onnx_embedder import (
    CARD_FILE,
    GRAPH_FILE,
    TOKENIZER_FILE,
    Card,
    OnnxEmbedder,
    read_card,
    token_counter,
)
from indexing.embedder.torch_embedder import SentenceTransformerEmbedder
from indexing.ports import Embedder

LEAST_COSINE = 0.9999
PROBES = [
    "",
    "a",
    "How did we fix the OAuth redirect loop?",
    "wörter 文字 🙂 snake_case camelCase",
    "error: exit 1\n" * 400,
]


class NotExportable(Exception):
    """This model cannot be exported, or its export does not agree with torch."""


def open_query_embedder(models_dir: Path, model: str = "") -> Embedder | None:
    """What the API embeds queries with; None until a worker has prepared it (answer from words, ask again later).

    Cheap while it is None (no model is touched). Errors: `ModelUnavailable`.
    """
    directory = directory_of(models_dir, model)
    if not (directory / CARD_FILE).exists():
        return None
    if read_card(directory).format == "onnx":
        return OnnxEmbedder(directory)
    return SentenceTransformerEmbedder(model, purpose="query")


def open_token_counter(models_dir: Path, model: str = "") -> Callable[[str], int] | None:
    """Counts tokens as the model does; None until a worker has prepared it, or where its tokenizer is not kept."""
    directory = directory_of(models_dir, model)
    return token_counter(directory) if (directory / TOKENIZER_FILE).exists() else None


def prepare_query_embedder(embedder: SentenceTransformerEmbedder, models_dir: Path) -> bool:
    """Make `open_query_embedder` succeed for this model; at once when it does already.

    Answers whether queries will run without torch (False: the model cannot be exported).
    """
    directory = directory_of(models_dir, embedder.setting)
    if not (directory / CARD_FILE).exists():
        try:
            export_onnx(embedder, directory)
        except NotExportable:
            _put_in_place(directory, lambda place: _write_card(embedder, place, format="torch"))
    return read_card(directory).format == "onnx"


def directory_of(models_dir: Path, model: str) -> Path:
    return models_dir / f"{model_name(model).replace('/', '--')}-{fingerprint(model)[:8]}"


def export_onnx(embedder: SentenceTransformerEmbedder, target: Path) -> None:
    """Write the model to the directory `target`, or leave no trace.

    Errors: `NotExportable` when torch cannot trace it, or when on a probe the cosine to torch is below 0.9999.
    """

    def write(place: Path) -> None:
        _write_tokenizer(embedder, place / TOKENIZER_FILE)
        _write_card(embedder, place, format="onnx")
        _write_graph(embedder, place / GRAPH_FILE)
        _verify(embedder, place)

    _put_in_place(target, write)


def _put_in_place(target: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a directory, then give it its name. When another process was first, its directory stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as scratch:
        place = Path(scratch) / "model"
        place.mkdir()
        write(place)
        try:
            place.rename(target)
        except OSError:
            if not (target / CARD_FILE).exists():
                raise


def _write_tokenizer(embedder: SentenceTransformerEmbedder, file: Path) -> None:
    """The fast tokenizer, set to cut at the model's length and to pad to the longest of a batch."""
    from tokenizers import Tokenizer

    slow_or_fast = embedder.model.tokenizer
    backend = getattr(slow_or_fast, "backend_tokenizer", None)
    if backend is None:
        raise NotExportable(f"The tokenizer of {embedder.name} exists in Python only.")
    tokenizer = Tokenizer.from_str(backend.to_str())
    if length := _max_seq_length(embedder):
        tokenizer.enable_truncation(length)
    tokenizer.enable_padding(
        direction=slow_or_fast.padding_side,
        pad_id=slow_or_fast.pad_token_id,
        pad_token=slow_or_fast.pad_token,
    )
    tokenizer.save(str(file))


def _write_card(
    embedder: SentenceTransformerEmbedder, place: Path, *, format: Literal["onnx", "torch"]
) -> None:
    card = Card(
        name=embedder.name,
        dimension=embedder.dimension,
        max_seq_length=_max_seq_length(embedder),
        query_prompt=embedder.prompt("query"),
        fingerprint=fingerprint(embedder.setting),
        format=format,
    )
    (place / CARD_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")


def _max_seq_length(embedder: SentenceTransformerEmbedder) -> int | None:
    """In tokens; None for a model that reads everything (the library says infinity, or nothing)."""
    length = embedder.model.max_seq_length
    return None if length is None or math.isinf(length) else int(length)


def _write_graph(embedder: SentenceTransformerEmbedder, file: Path) -> None:
    """Trace the whole model, pooling and normalisation included, for any batch and length."""
    import torch

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = embedder.model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            features = self.model({"input_ids": input_ids, "attention_mask": attention_mask})
            return torch.nn.functional.normalize(features["sentence_embedding"], dim=1)

    features = embedder.model.preprocess(["two texts of", "different length, so that there is padding"])
    sizes = {0: "texts", 1: "tokens"}
    try:
        with (
            embedder.turn, _plain_attention(embedder.model), torch.inference_mode(), warnings.catch_warnings(),
        ):  # fmt: skip
            warnings.simplefilter("ignore")  # the tracer warns of what `_verify` checks
            torch.onnx.export(
                Graph().eval(),
                (features["input_ids"], features["attention_mask"]),
                str(file),
                input_names=["input_ids", "attention_mask"],
                output_names=["embedding"],
                dynamic_axes={"input_ids": sizes, "attention_mask": sizes, "embedding": {0: "texts"}},
                dynamo=False,  # the newer exporter would need onnxscript
            )
    except (RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise NotExportable(f"torch cannot trace {embedder.name}: {type(error).__name__}") from error


@contextmanager
def _plain_attention(model: Any) -> Iterator[None]:
    """Attention as its products within the block, where the model lets it be chosen: torch's fused one, which the
    backfill wants, is exported with so many checks around it that a short query takes a third longer."""
    inner = next((each for each in model.modules() if hasattr(each, "set_attn_implementation")), None)
    chosen = getattr(getattr(inner, "config", None), "_attn_implementation", None)
    if inner is None or chosen is None:
        yield
        return
    with suppress(ValueError):  # a model that knows no other way is exported as it is
        inner.set_attn_implementation("eager")
    try:
        yield
    finally:
        inner.set_attn_implementation(chosen)


def _verify(embedder: SentenceTransformerEmbedder, place: Path) -> None:
    in_torch = embedder.encode(PROBES, purpose="query", compute=Compute("fp32", 1))
    cosine = np.sum(OnnxEmbedder(place).embed(PROBES) * in_torch, axis=1)
    if not float(cosine.min()) >= LEAST_COSINE:
        raise NotExportable(f"The export of {embedder.name} differs from torch: cosine {cosine.min():.5f}")
