"""Rows as Polars frames: out of Postgres by COPY or folded into binary arrays, into it as such arrays for `unnest`.

ADBC would need a connection of its own, outside the transaction and its row-level security, and reads slower than what
is folded (docs/decisions/0016-usage.md).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import numpy as np
import polars as pl
from psycopg import sql

from service.storage.arrays import TYPES, Column
from service.storage.database import Connection

_ONE = struct.Struct(">iiIii")
"""Dimensions, whether there are NULLs, the type; then of each dimension its size and lower bound."""
_LEAST = np.iinfo(np.int64).min
"""What a folded NULL is sent as."""
_SINCE_1970_US = 946_684_800_000_000
"""Of 2000, from which Postgres counts."""
_WIRE = {16: "u1", 20: ">i8", 23: ">i4", 701: ">f8", 1184: ">i8"}
"""An element of each type (by oid) as numpy reads it."""
_NULL = b"\xff\xff\xff\xff"
_FEW = 200
"""Rows: of fewer numpy costs more to set up than Python takes."""
_ELEMENTS = {"int8": struct.Struct(">iq"), "timestamptz": struct.Struct(">iq"), "bool": struct.Struct(">iB")}


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


async def unfold(
    conn: Connection,
    statement: LiteralString,
    params: Mapping[str, Any],
    schema: Mapping[str, pl.DataType],
    *,
    numbers: Sequence[str],
) -> pl.DataFrame:
    """The rows of a select that gives one line for many: columns that all of a line's rows share, columns
    `array_send(array_agg(x))` with an element a row, and `numbers`, `array_send(array_agg(array[...]))` of these bigints.
    No element is NULL; the least bigint stands for it."""
    lines = await (await conn.execute(statement, params, binary=True)).fetchall()
    if not lines:
        return pl.DataFrame(schema=schema)
    arrays = [name for name, value in lines[0].items() if isinstance(value, bytes)]
    folded = {name: _elements([line[name] for line in lines]) for name in arrays}
    counts = [_ONE.unpack_from(line["numbers"])[3] for line in lines]
    shared = pl.DataFrame([{name: line[name] for name in line if name not in folded} for line in lines])
    rows = shared[np.repeat(np.arange(len(lines)), counts)]
    table = folded.pop("numbers").to_numpy().reshape(-1, len(numbers))
    each = [_nullable(pl.Series(name, np.ascontiguousarray(table[:, at]))) for at, name in enumerate(numbers)]
    told = rows.with_columns(*each, **folded)
    return told.select(pl.col(name).cast(type) for name, type in schema.items())


def _elements(arrays: list[bytes]) -> pl.Series:
    """Of arrays of one type and any dimensions, one after the other."""
    dimensions, _, oid, *_ = _ONE.unpack_from(arrays[0])
    cell = np.dtype([("size", ">i4"), ("value", _WIRE[oid])])
    parts = [np.frombuffer(array, cell, offset=12 + 8 * dimensions)["value"] for array in arrays]
    values = np.concatenate(parts, dtype=cell["value"].newbyteorder("="))
    if oid != TYPES["timestamptz"][0]:
        return pl.Series(values)
    return pl.Series(values + _SINCE_1970_US).cast(pl.Datetime("us", "UTC"))


def _nullable(told: pl.Series) -> pl.Series:
    least = told == _LEAST
    return told.set(least, None) if least.any() else told


def columns(frame: pl.DataFrame) -> dict[str, Column]:
    """A frame as arrays for `unnest`, by name: what `arrays.columns` makes of dicts, without a Python call a number.

    Times become timestamptz, floats and lists their text.
    """
    return {name: _column(frame[name]) for name in frame.columns}


def _column(series: pl.Series) -> Column:
    if series.dtype == pl.Datetime:
        return _numbers("timestamptz", series.dt.epoch("us") - _SINCE_1970_US)
    if series.dtype == pl.Int64:
        return _numbers("int8", series)
    if series.dtype == pl.Boolean:
        return _numbers("bool", series.cast(pl.UInt8))
    if series.dtype == pl.List:
        inner = series.cast(pl.List(pl.String)).list.join(",")
        return Column("text", ("{" + inner + "}").to_list())
    return _texts(series.cast(pl.String))


def _numbers(type: str, series: pl.Series) -> Column:
    """Of one width each, written by numpy: a length before every number, and -1 for NULL without any.

    >>> _numbers("int8", pl.Series([1, None])).data == Column("int8", [1, None]).data
    True
    >>> _numbers("bool", pl.Series([1, 0], dtype=pl.UInt8)).data == Column("bool", [True, False]).data
    True
    >>> many = [None, *range(1000)]
    >>> _numbers("int8", pl.Series(many)).data == Column("int8", many).data
    True
    """
    if len(series) <= _FEW:
        values, pack = series.to_list(), _ELEMENTS[type]
        body = b"".join([_NULL if value is None else pack.pack(pack.size - 4, value) for value in values])
        return _array(type, body, len(values), None in values)
    nulls = series.is_null().to_numpy()
    cell = np.dtype([("size", ">i4"), ("value", _WIRE[TYPES[type][0]])])
    cells = np.empty(len(series), dtype=cell)
    cells["size"] = np.where(nulls, -1, cell["value"].itemsize)
    cells["value"] = series.fill_null(0).to_numpy()
    if nulls.any():
        widths = np.where(nulls, 4, cell.itemsize)
        bytes_ = cells.view(np.uint8).reshape(-1, cell.itemsize)
        body = bytes_[np.arange(cell.itemsize) < widths[:, None]].tobytes()
    else:
        body = cells.tobytes()
    return _array(type, body, len(series), bool(nulls.any()))


def _texts(series: pl.Series) -> Column:
    """Each different text is encoded once: names come again and again.

    >>> _texts(pl.Series(["a", None, "a"])).data == Column("text", ["a", None, "a"]).data
    True
    """
    encode, values = TYPES["text"][2], series.to_list()
    encoded = {value: _NULL if value is None else encode(value) for value in set(values)}
    body = b"".join([encoded[value] for value in values])
    return _array("text", body, len(series), None in encoded)


def _array(type: str, body: bytes, count: int, has_nulls: bool) -> Column:
    oid, array_oid, _ = TYPES[type]
    column = Column.__new__(Column)
    column.array_oid = array_oid
    column.data = _ONE.pack(1, int(has_nulls), oid, count, 1) + body
    return column
