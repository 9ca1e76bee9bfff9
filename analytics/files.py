"""Frames as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

TYPES = {"text": pl.String, "int": pl.Int64}
Columns = Mapping[str, str | Mapping[str, str]]
"""Names to `text` or `int`; an object is a list of objects with those members."""


def parquet_of_lines(lines: Path, target: Path, columns: Columns) -> None:
    """JSON Lines with these columns as Parquet (zstd), in pieces: memory does not grow with the file."""
    schema = pl.Schema({name: dtype(kind) for name, kind in columns.items()})
    if lines.stat().st_size == 0:
        pl.DataFrame(schema=schema).write_parquet(target, compression="zstd")
        return
    pl.scan_ndjson(lines, schema=schema).sink_parquet(target, compression="zstd", row_group_size=1000)


def dtype(kind: str | Mapping[str, str]) -> pl.DataType | type[pl.DataType]:
    if isinstance(kind, str):
        return TYPES[kind]
    return pl.List(pl.Struct({name: TYPES[inner] for name, inner in kind.items()}))
