"""The worker's embedder: any sentence-transformers model in torch, on the processor.

torch and sentence-transformers are imported when an embedder is made, never with this module. Nothing is sent
anywhere: the bundled model and a directory are loaded without a network, and telemetry is off.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from indexing.embedder.compute import Compute, candidates, fastest, measure
from indexing.embedder.names import ModelUnavailable, locate, model_name
from indexing.embedder.texts import batches, repair
from indexing.ports import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MEASURE_S = 0.8
MEASURE_TEXTS = [
    f"{n}: the deploy failed because the health check timed out, so we raised the limit. " * 3
    for n in range(8)
]
PADDED_TO = 16
"""Tokens: a batch is as long as a multiple. oneDNN keeps what it compiled for each shape (1,024 of them), and a worker grew by
600 MB over its first 500 batches of any length; by 130 MB of these, which take a tenth less time."""
LEAST_COSINE = 0.999
"""Of bf16 to fp32: a model that loses more stays in fp32."""

Purpose = Literal["document", "query"]
PROMPTS: dict[Purpose, tuple[str, ...]] = {"document": ("document", "passage", "corpus"), "query": ("query",)}


class SentenceTransformerEmbedder:
    """Fulfils `indexing.ports.Embedder`. Calls from several threads take turns (`turn` is held by the one that computes).

    Text beyond the model's `max_seq_length` tokens is not read. Empty text has a vector like any other (that of the
    bare start and end marks). Lone surrogates count as U+FFFD. A model trained with prompts for documents and
    queries gets the one of its `purpose`. Errors: `ModelUnavailable`.
    """

    compute: Compute
    """Chosen by measurement (about a second) unless it is given."""

    def __init__(
        self, model: str = "", *, purpose: Purpose = "document", compute: Compute | None = None
    ) -> None:
        self.setting = model
        self.name = model_name(model)
        self.model = _load(model)
        self.purpose = purpose
        self.turn = threading.Lock()
        self._padding = _padding(self.model)
        self.dimension = len(self._forward(["warm up"], prompt="")[0])
        self.compute = compute or self._measured()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One float32 row of length 1 a text, in the order given; no texts give no rows."""
        return self.encode(texts, purpose=self.purpose, compute=self.compute)

    def encode(self, texts: Sequence[str], *, purpose: Purpose, compute: Compute) -> Vectors:
        """As `embed`, with another purpose or way to compute."""
        texts = [repair(text) for text in texts]
        vectors = np.empty((len(texts), self.dimension), np.float32)
        with self.turn, _running(compute):
            for batch in batches(texts):
                vectors[batch] = self._forward([texts[i] for i in batch], prompt=self.prompt(purpose))
        return vectors

    def prompt(self, purpose: Purpose) -> str:
        """What the model wants before such a text; most want nothing."""
        given = (self.model.prompts.get(key) for key in PROMPTS[purpose])
        return next((prompt for prompt in given if prompt), "")

    def tokens(self, texts: list[str], *, prompt: str = "") -> dict[str, Any]:
        """What the model is given for one batch: `input_ids` and what goes with them, by name."""
        return self.model.preprocess(texts, prompt=prompt or None, **self._padding)

    def _forward(self, texts: list[str], *, prompt: str) -> Vectors:
        import torch

        with torch.inference_mode():
            embeddings = self.model(self.tokens(texts, prompt=prompt))["sentence_embedding"].float()
            vectors: Vectors = torch.nn.functional.normalize(embeddings, dim=1).numpy()
        return vectors

    def _measured(self) -> Compute:
        import torch

        def run(compute: Compute) -> Vectors:
            return self.encode(MEASURE_TEXTS, purpose=self.purpose, compute=compute)

        # Names with an underscore, of the one torch version that pyproject.toml pins; it has no public ones.
        bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        if bf16:
            cosine = np.sum(run(Compute("fp32", 1)) * run(Compute("bf16", 1)), axis=1)
            bf16 = bool(cosine.min() >= LEAST_COSINE)
        return fastest(measure(run, candidates(os.cpu_count() or 1, bf16=bf16), budget_s=MEASURE_S))


def _padding(model: SentenceTransformer) -> dict[str, Any]:
    """How batches are padded, for `preprocess`. A model that could become longer than it can be is left alone, as is one
    without attention, for which it is nothing to win."""
    from sentence_transformers.sentence_transformer.modules import Transformer

    longest = model.max_seq_length
    if not isinstance(model[0], Transformer) or not longest or longest % PADDED_TO:
        return {}
    return {"processing_kwargs": {"text": {"pad_to_multiple_of": PADDED_TO}}}


@contextmanager
def _running(compute: Compute) -> Iterator[None]:
    """torch set to `compute` inside: so many threads, matrix products in bf16 if so chosen."""
    import torch

    torch.set_num_threads(compute.threads)  # of the calling thread: each that embeds must set it
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=compute.precision == "bf16"):
        yield


def _load(setting: str) -> SentenceTransformer:
    """From the bundled copy or a directory without a network; by name from the local cache, else downloaded."""
    source = locate(setting)
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if isinstance(source, Path):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # a bar in the log of a worker helps nobody
    try:
        return SentenceTransformer(str(source), device="cpu", local_files_only=True)
    except (OSError, ValueError) as error:
        if isinstance(source, Path):
            raise ModelUnavailable(f"The embedding model at {source} cannot be loaded: {error}") from error
    try:
        return SentenceTransformer(source, device="cpu")
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"The embedding model {source} is not in the local Hugging Face cache and could not be downloaded; "
            "check the name and the network, give a directory instead, or leave the setting empty for the bundled model."
        ) from error
