"""The daily report as a file, piece by piece: CSV, Parquet, JSON.

Rule: columns are named as in JSON, whatever the form, in the order of the answer. A text in CSV that a spreadsheet would
run as a formula begins with an apostrophe (https://owasp.org/www-community/attacks/CSV_Injection); in Parquet and
JSON texts are as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from io import BytesIO
from typing import Literal

import msgspec
import polars as pl

from service.reporting import bodies
from service.reporting.question import Question

Format = Literal["csv", "parquet", "json"]
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
}
ROWS_AT_ONCE = 5_000
BYTES_AT_ONCE = 256 * 1024
FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
NAMES = ("source", "provider", "model", "project", "user", "service", "metric")


def name(question: Question, format: Format) -> str:
    """
    >>> from datetime import UTC, date
    >>> day = date(2026, 5, 1)
    >>> name(Question(first=day, last=day, today=day, zone=UTC), "csv")
    'usage-2026-05-01-to-2026-05-01.csv'
    """
    return f"usage-{question.first}-to-{question.last}.{format}"


def pieces(body: bodies.UsageDaily, question: Question, format: Format) -> Iterator[bytes]:
    """The file's bytes, in order."""
    if format == "json":
        yield from as_json(body)
        return
    frame = table(body, question)
    yield from as_csv(frame) if format == "csv" else as_parquet(frame)


def table(body: bodies.UsageDaily, question: Question) -> pl.DataFrame:
    """The rows with one column for each figure, and for each name that they are cut by."""
    fields = [
        field.encode_name
        for field in msgspec.structs.fields(bodies.UsageOfDay)
        if field.name not in NAMES or field.name in question.by
    ]
    fields = [name for name in fields if name != "quantity" or "metric" in question.by]
    return pl.DataFrame(
        msgspec.to_builtins(body.days, builtin_types=(date,)),
        schema={name: column_type(name) for name in fields},
        orient="row",
    )


def column_type(name: str) -> pl.DataType:
    if name == "day":
        return pl.Date()
    if name in ("costUsd", "quantity"):
        return pl.Float64()
    return pl.String() if name in NAMES else pl.Int64()


def as_csv(frame: pl.DataFrame) -> Iterator[bytes]:
    """
    >>> b"".join(as_csv(pl.DataFrame({"model": ["=1+1", "gpt-5", None], "costUsd": [-1.5, 0.0, None]})))
    b"model,costUsd\\n'=1+1,-1.5\\ngpt-5,0.0\\n,\\n"
    """
    texts = [name for name, type in frame.schema.items() if type == pl.String]
    safe = frame.with_columns(harmless(name) for name in texts)
    yield safe.clear().write_csv().encode()
    for part in safe.iter_slices(ROWS_AT_ONCE):
        yield part.write_csv(include_header=False).encode()


def harmless(name: str) -> pl.Expr:
    text = pl.col(name)
    return pl.when(text.str.contains(FORMULA)).then(pl.lit("'") + text).otherwise(text).alias(name)


def as_parquet(frame: pl.DataFrame) -> Iterator[bytes]:
    file = BytesIO()
    frame.write_parquet(file, compression="zstd")
    whole = memoryview(file.getvalue())
    for start in range(0, len(whole), BYTES_AT_ONCE):
        yield bytes(whole[start : start + BYTES_AT_ONCE])


def as_json(body: bodies.UsageDaily) -> Iterator[bytes]:
    """The same body as the answer of GET /api/usage/daily, its days in pieces."""
    rest = {
        field.encode_name: getattr(body, field.name)
        for field in msgspec.structs.fields(body)
        if field.name != "days" and getattr(body, field.name) is not msgspec.UNSET
    }
    yield msgspec.json.encode(rest)[:-1] + b',"days":['
    for start in range(0, len(body.days), ROWS_AT_ONCE):
        part = msgspec.json.encode(body.days[start : start + ROWS_AT_ONCE])[1:-1]
        yield b"," + part if start else part
    yield b"]}"
