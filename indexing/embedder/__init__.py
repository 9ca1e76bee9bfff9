"""Texts to vectors: sentence-transformers (torch) for the backfill, ONNX Runtime for the query.

    worker   SentenceTransformerEmbedder(model)        bf16 where that is faster; 500 MB, seconds to load
             prepare_query_embedder(embedder, dir)     exports the model once, verified against torch
    API      open_query_embedder(dir, model)           fp32, without torch; None until it is prepared
             Remembering(embedder)                     asks once for each of the last queries

Importing this package imports neither torch nor sentence-transformers: the worker's adapter does when it is made.
"""

from indexing.embedder.compute import Compute
from indexing.embedder.names import ModelUnavailable, model_name
from indexing.embedder.onnx_embedder import OnnxEmbedder
from indexing.embedder.prepared import (
    export_onnx,
    open_query_embedder,
    open_token_counter,
    prepare_query_embedder,
)
from indexing.embedder.remembering import Remembering
from indexing.embedder.torch_embedder import SentenceTransformerEmbedder

__all__ = [
    "Compute",
    "ModelUnavailable",
    "OnnxEmbedder",
    "Remembering",
    "SentenceTransformerEmbedder",
    "export_onnx",
    "model_name",
    "open_query_embedder",
    "open_token_counter",
    "prepare_query_embedder",
]
