"""Rows as a frame: a statement's result goes through COPY, so that a hundred thousand rows become no Python objects.

Same connection, same transaction, same row-level security as any other statement. Reading 100,000 hourly facts took
0.5 s this way and 2.1 s as rows of psycopg.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from io import BytesIO
from typing import Any, LiteralString

import polars as pl
from psycopg import sql

from service.storage.database import Connection
from service.storage.queries import name_of
from service.storage.timing import collecting


async def frame(
    conn: Connection, statement: LiteralString, params: Mapping[str, Any], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """What the statement selects, with the columns of `schema` in its order.

    A moment is selected as an integer, epoch microseconds; an array of integers becomes a list. An empty text and NULL
    are both read as an empty text.
    """
    copy = sql.SQL("copy ({}) to stdout (format csv)").format(sql.SQL(statement))
    started_s, data = time.perf_counter(), BytesIO()
    async with conn.cursor() as cursor, cursor.copy(copy, params) as rows:
        async for piece in rows:
            data.write(piece)
    if (timings := collecting.get()) is not None:
        timings.add(name_of(statement), time.perf_counter() - started_s)
    return await asyncio.to_thread(parsed, data.getvalue(), schema)


def parsed(csv: bytes, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """
    >>> parsed(b'7,"a,b","{1,2}"\\n8,"",{}\\n', {"n": pl.Int64(), "t": pl.String(), "l": pl.List(pl.Int64())}).rows()
    [(7, 'a,b', [1, 2]), (8, '', [])]
    """
    wire = {name: on_wire(type) for name, type in schema.items()}
    if not csv:
        return pl.DataFrame(schema=dict(schema))
    read = pl.read_csv(csv, has_header=False, new_columns=list(wire), schema=wire)
    return read.select(column(name, type) for name, type in schema.items())


def on_wire(type: pl.DataType) -> pl.DataType:
    return pl.Int64() if isinstance(type, pl.Datetime) else pl.String() if isinstance(type, pl.List) else type


def column(name: str, type: pl.DataType) -> pl.Expr:
    found = pl.col(name)
    if isinstance(type, pl.List):
        pieces = found.str.strip_chars("{}").str.split(",")
        return pieces.list.eval(pl.element().filter(pl.element() != "")).cast(type)
    if isinstance(type, pl.Datetime):
        return found.cast(type)
    return found.fill_null("") if isinstance(type, pl.String) else found
