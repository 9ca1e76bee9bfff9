"""Rows as Polars frames: out of Postgres by COPY, into it as binary arrays for `unnest`.

ADBC would need a connection of its own, outside the transaction and its row-level security; whether it reads enough
faster to be worth that was not measured (docs/decisions/0016-usage.md).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any, LiteralString

import numpy as np
import polars as pl
from psycopg import sql

from service.storage.arrays import TYPES, Column
from service.storage.database import Connection

_COUNTS = struct.Struct(">iiIii")


async def read(
    conn: Connection, statement: LiteralString, params: Mapping[str, Any], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """What a select gives, with these columns in this order. Times are microseconds (`at_us`), lists Postgres' own text."""
    buffer = io.BytesIO()
    async with conn.cursor() as cursor:
        copying = sql.SQL("copy (") + sql.SQL(statement) + sql.SQL(") to stdout (format csv)")
        async with cursor.copy(copying, params) as copy:
            async for block in copy:
                buffer.write(block)
    if not buffer.tell():
        return pl.DataFrame(schema=schema)
    as_text = {
        name: pl.String() if isinstance(type, pl.List | pl.Boolean) else type for name, type in schema.items()
    }
    buffer.seek(0)
    told = pl.read_csv(buffer, has_header=False, schema=as_text)
    return told.with_columns(_told(name, type) for name, type in schema.items())


def _told(name: str, type: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(type, pl.Boolean):
        return column == "t"
    if isinstance(type, pl.List):  # an empty one splits into one empty text
        return column.str.strip_chars("{}").str.split(",").cast(type, strict=False).list.drop_nulls()
    return column


def columns(frame: pl.DataFrame) -> dict[str, Column]:
    """A frame as arrays for `unnest`, by name: what `arrays.columns` makes of dicts, without a Python call a number.

    Times become timestamptz, floats and lists their text.
    """
    return {name: _column(frame[name]) for name in frame.columns}


def _column(series: pl.Series) -> Column:
    if series.dtype == pl.Datetime:
        moved = series.dt.epoch("us") - 946_684_800_000_000  # Postgres counts from 2000
        return _numbers("timestamptz", moved)
    if series.dtype == pl.Int64:
        return _numbers("int8", series)
    if series.dtype == pl.Boolean:
        return Column("bool", series.to_list())
    if series.dtype == pl.List:
        inner = series.cast(pl.List(pl.String)).list.join(",")
        return Column("text", ("{" + inner + "}").to_list())
    return Column("text", series.cast(pl.String).to_list())


def _numbers(type: str, series: pl.Series) -> Column:
    """Eight bytes each, written by numpy: a length before every number, and -1 for NULL without any.

    >>> _numbers("int8", pl.Series([1, None])).data == Column("int8", [1, None]).data
    True
    """
    nulls = series.is_null().to_numpy()
    cells = np.empty(len(series), dtype=[("size", ">i4"), ("value", ">i8")])
    cells["size"] = np.where(nulls, -1, 8)
    cells["value"] = series.fill_null(0).to_numpy()
    if nulls.any():
        widths = np.where(nulls, 4, 12)
        bytes_ = cells.view(np.uint8).reshape(-1, 12)
        body = bytes_[np.arange(12) < widths[:, None]].tobytes()
    else:
        body = cells.tobytes()
    oid, array_oid, _ = TYPES[type]
    column = Column.__new__(Column)
    column.array_oid = array_oid
    column.data = _COUNTS.pack(1, int(nulls.any()), oid, len(series), 1) + body
    return column
