"""Frames as the rows of an answer: names as on the wire, costs in dollars, and nothing that is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
import polars as pl

from service.reporting.bodies import MICRO, NANO_PER_MICRO, PLACES

T = TypeVar("T", bound=msgspec.Struct)


def rows(frame: pl.DataFrame, type: type[T]) -> list[T]:
    """A struct for each row, of the columns that it has; `told` first."""
    wire = {field.name: field.encode_name for field in msgspec.structs.fields(type)}
    shown = told(frame)
    shown = shown.select(name for name in shown.columns if name in wire).rename(wire, strict=False)
    known = [
        {name: value for name, value in row.items() if value is not None}
        for row in shown.iter_rows(named=True)
    ]
    return msgspec.convert(known, list[type])  # type: ignore[valid-type]


def told(frame: pl.DataFrame) -> pl.DataFrame:
    """Costs in dollars (`cost_nano_usd` becomes `cost_usd`), numbers rounded, empty texts as null.

    >>> told(pl.DataFrame({"model": ["gpt-5", ""], "cost_nano_usd": [34_570_500, 0]})).rows()
    [('gpt-5', 0.03457), (None, 0.0)]
    """
    costs = {name: name.replace("_nano_", "_") for name in frame.columns if "_nano_" in name}
    return (
        frame.with_columns(usd(name) for name in costs)
        .rename(costs)
        .with_columns(pl.col(pl.Float64).round(PLACES), pl.col(pl.String).replace("", None))
    )


def usd(name: str) -> pl.Expr:
    """As `bodies.usd`: half to even."""
    return (pl.col(name) / NANO_PER_MICRO).round(mode="half_to_even") / MICRO


def with_users(frame: pl.DataFrame, users: Mapping[int, str]) -> pl.DataFrame:
    """`user_id` as `user`: the name, or `u7` of who is no member any more; null where nobody is known."""
    if "user_id" not in frame.columns:
        return frame
    ids = frame["user_id"].unique().drop_nulls().to_list()
    names = {id: users.get(id, f"u{id}") for id in ids if id}
    named = pl.col("user_id").replace_strict(names, default=None, return_dtype=pl.String)
    return frame.with_columns(named.alias("user")).drop("user_id")
