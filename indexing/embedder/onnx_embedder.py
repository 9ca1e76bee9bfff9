"""The API's embedder: an exported model in ONNX Runtime, fp32, without torch.

Mean pooling (or what the model does instead) and normalisation are inside the exported graph. Measured with the
bundled model: one short query in 3 ms where torch takes 5 to 14, ready in 0.3 s where torch takes 4, 200 MB
where torch takes 600.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

# Before the import: versions from 1.29 on report to their maker when they are imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime
from tokenizers import Tokenizer

from indexing.embedder.texts import batches, repair
from indexing.ports import Vectors

GRAPH_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
CARD_FILE = "embedder.json"


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in `embedder.json` beside an exported model."""

    name: str
    dimension: int
    max_seq_length: int | None
    """In tokens; what follows is not read. None: everything is."""
    query_prompt: str
    fingerprint: str
    """Of the model that was exported, see `names.fingerprint`."""
    format: Literal["onnx", "torch"]
    """`torch`: this model cannot be exported, so that a query is embedded in torch too; there is no graph."""


class OnnxEmbedder:
    """Fulfils `indexing.ports.Embedder` for queries. Any number of threads may call at once.

    Reads a directory that `prepared.export_onnx` wrote. Long, empty and broken text: as in `SentenceTransformerEmbedder`.
    """

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        """One thread by default: two were no faster for a short query, and the API has other work for the second."""
        self.card = read_card(directory)
        self.name = self.card.name
        self.dimension = self.card.dimension
        self._tokenizer = Tokenizer.from_file(
            str(directory / TOKENIZER_FILE)
        )  # set to cut and pad by the export
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads sleep
        self._session = onnxruntime.InferenceSession(
            str(directory / GRAPH_FILE), options, providers=["CPUExecutionProvider"]
        )

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One float32 row of length 1 a text, in the order given; no texts give no rows."""
        texts = [repair(self.card.query_prompt + text) for text in texts]
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for batch in batches(texts):
            vectors[batch] = self._forward([texts[i] for i in batch])
        return vectors

    def _forward(self, texts: list[str]) -> Vectors:
        encodings = self._tokenizer.encode_batch_fast(texts)
        vectors: Vectors = self._session.run(
            None,
            {
                "input_ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
                "attention_mask": np.array(
                    [encoding.attention_mask for encoding in encodings], dtype=np.int64
                ),
            },
        )[0]
        return vectors


def read_card(directory: Path) -> Card:
    return msgspec.json.decode((directory / CARD_FILE).read_bytes(), type=Card)


def token_counter(directory: Path) -> Callable[[str], int]:
    """How many tokens of the model a text is, however long, without those that mark its beginning and end."""
    tokenizer = Tokenizer.from_file(str(directory / TOKENIZER_FILE))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(repair(text), add_special_tokens=False).ids)
