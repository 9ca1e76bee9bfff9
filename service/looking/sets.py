"""Eval sets as frames: the file of an export with `format=parquet`, without what was said."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from service.client import Client
from service.errors import SettingError

LENGTHS = ("input", "output")


def cases(file: Path) -> pl.DataFrame:
    """A row a case: `case, session, turn, split, source, model, messages, expected` (is one given), and characters of `input` and `output`."""
    told = pl.read_parquet(file)
    return told.select(
        pl.col("id").alias("case"), pl.col("session_id").alias("session"), "turn",
        pl.when(pl.col("split") != "").then("split").otherwise(pl.lit("all")).alias("split"),
        "source", "model", pl.col("messages").list.len().cast(pl.Int64).alias("messages"),
        (pl.col("expected").fill_null("") != "").alias("expected"),
        *(pl.col(name).fill_null("").str.len_chars().cast(pl.Int64).alias(name) for name in LENGTHS),
    )  # fmt: skip


def write(client: Client, asked: Mapping[str, Any], file: Path) -> Mapping[str, str]:
    """Export what is asked for into a file, which stays as it was where that fails; the answer's headers say what it holds.

    Errors: those of an export; `SettingError` where the file cannot be written.
    """
    partial = file.with_name(f"{file.name}.part")
    try:
        with partial.open("wb") as out:
            told = client.export_set(asked, out.write)
        partial.replace(file)
    except OSError as error:
        raise SettingError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return told


def leaks(told: pl.DataFrame) -> list[str]:
    """Sessions with cases in two splits: a set with such a session tests what it trained on."""
    splits = told.group_by("session").agg(pl.col("split").n_unique().alias("splits"))
    return splits.filter(pl.col("splits") > 1)["session"].sort().to_list()
