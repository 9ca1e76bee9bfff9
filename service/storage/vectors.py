"""Messages by meaning: exact where few vectors are left to compare, HNSW where many are.

Measured with 100,000 vectors of 384 (docs/decisions/0006-exact-or-hnsw.md): comparing one by one costs 4 µs a row and misses
nothing; HNSW costs the same whatever it is asked, but what a filter takes away it must find more of. Left to
itself, the planner picks the wrong one. So the rows that a filter leaves are estimated (cheaply: a count that stops at
the threshold), and the statement is written so that only one plan is possible.

The workspace stands in every clause, beside row-level security.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

import msgspec

from indexing.model import Filter, Hit
from indexing.ports import Vectors
from service.storage import embeddings
from service.storage.database import Connection, Database
from service.storage.embeddings import Model, as_text
from service.storage.queries import load
from service.storage.vector_filter import Condition, conditions

SQL = load("vectors")

KNOWN_S = 2.0
"""How long the active model and a workspace's size are believed."""
ROWS_A_MESSAGE = 4
"""How many rows are read for one message at first: its passages, and the messages that share its text."""
SPARE = 1.5
"""How much more is asked of HNSW than a filter should leave over."""
LEAST_EF, GREATEST_EF = 400, 1000
"""Candidates that HNSW keeps: 400 for 200 hits gives a recall of 0.98; pgvector allows 1000."""
GREATEST_SHARE = 0.25
"""Of all rows: more is not asked of HNSW, comparing all of them is quicker then."""

ONE_BY_ONE: LiteralString = "set local jit = off; set local max_parallel_workers_per_gather = 0"
BY_INDEX: LiteralString = (
    "set local jit = off; set local enable_seqscan = off; set local enable_sort = off;"
    " set local enable_hashjoin = off; set local enable_mergejoin = off;"
    " set local hnsw.iterative_scan = relaxed_order; set local hnsw.max_scan_tuples = 1000000;"
    " set local hnsw.scan_mem_multiplier = 4; set local hnsw.ef_search = {ef}"
)


class Size(msgspec.Struct, frozen=True):
    """Of a workspace, about."""

    messages: int
    rows_a_message: float
    """Passages, on average over the database."""

    @property
    def rows(self) -> int:
        return round(self.messages * self.rows_a_message)


class PostgresVectors:
    """Fulfils `indexing.ports.VectorIndex`."""

    def __init__(self, db: Database, *, exact_scan_rows: int) -> None:
        self._db = db
        self._exact_scan_rows = exact_scan_rows
        self._model: tuple[float, Model | None] = (0.0, None)
        self._sizes: dict[int, tuple[float, Size]] = {}

    async def model(self) -> Model | None:
        """The model whose vectors are asked; None before the first. Up to `KNOWN_S` old."""
        until, model = self._model
        if time.monotonic() >= until:
            async with self._db.system() as conn:
                model = await embeddings.active(conn)
            self._model = (time.monotonic() + KNOWN_S, model)
        return model

    async def search(self, workspace_id: int, vector: Vectors, filter: Filter, *, limit: int) -> list[Hit]:
        """Best first, one hit a message (its best passage): `limit` of them wherever so many pass the filter."""
        model = await self.model()
        if model is None or limit <= 0 or filter.session_ids == () or vector.shape != (model.dimension,):
            return []
        asked = Asked(model, workspace_id, as_text(vector), conditions(filter), limit)
        async with self._db.workspace(workspace_id) as conn:
            size = await self._size(conn, workspace_id)
            left = await self._left(conn, asked, size)
            if left > self._exact_scan_rows:
                hits = await by_index(conn, asked, rows=size.rows, left=left)
                if hits is not None:
                    return hits
            return await one_by_one(conn, asked)

    async def _left(self, conn: Connection, asked: Asked, size: Size) -> float:
        """About how many rows the filter leaves; counting stops where it is decided."""
        if not asked.filter.where:
            return size.rows
        cap = round(self._exact_scan_rows / size.rows_a_message) + 1
        messages = await asked.messages_left(conn, cap=cap)
        # Where counting stopped, nothing says how many more there are: HNSW is asked for twice what this share needs.
        return messages * size.rows_a_message

    async def _size(self, conn: Connection, workspace_id: int) -> Size:
        until, size = self._sizes.get(workspace_id, (0.0, Size(0, 1.0)))
        if time.monotonic() >= until:
            row = await (await conn.execute(SQL["size"], {"workspace_id": workspace_id})).fetchone()
            assert row is not None
            size = Size(int(row["messages"]), max(1.0, float(row["rows_a_message"])))
            self._sizes[workspace_id] = (time.monotonic() + KNOWN_S, size)
        return size


class Asked(msgspec.Struct, frozen=True):
    """One question, as far as it does not depend on how it is answered."""

    model: Model
    workspace_id: int
    vector: str
    filter: Condition
    limit: int

    async def messages_left(self, conn: Connection, *, cap: int) -> int:
        """How many messages pass the filter; at most `cap` when it looks at messages."""
        statement = SQL["count_by_message" if self.filter.of_messages else "count_by_session"]
        row = await (await conn.execute(with_filter(statement, self.filter), self.params(cap=cap), prepare=False)).fetchone()
        assert row is not None
        return int(row["messages"])

    def params(self, **more: Any) -> dict[str, Any]:
        return {"workspace_id": self.workspace_id, "vector": self.vector} | self.filter.params | more


async def one_by_one(conn: Connection, asked: Asked) -> list[Hit]:
    """Compare every vector that the filter leaves."""
    await conn.execute(ONE_BY_ONE)
    statement = written(SQL["one_by_one"], asked)
    rows = ROWS_A_MESSAGE * asked.limit
    while True:
        found = await (await conn.execute(statement, asked.params(rows=rows), prepare=False)).fetchall()
        hits = best_of_each(found)
        if len(hits) >= asked.limit or len(found) < rows:
            return hits[: asked.limit]
        rows *= 4


async def by_index(conn: Connection, asked: Asked, *, rows: int, left: float) -> list[Hit] | None:
    """Ask HNSW for as many as the filter needs to leave enough; None when that would be too many."""
    near = round(max(2 * asked.limit, SPARE * asked.limit * rows / max(left, 1)))
    while near <= max(GREATEST_SHARE * rows, 2 * asked.limit):
        ef = min(max(near, LEAST_EF), GREATEST_EF)
        await conn.execute(BY_INDEX.format(ef=literal(ef)))
        found = await (await conn.execute(written(SQL["by_index"], asked), asked.params(near=near), prepare=False)).fetchall()
        hits = best_of_each(found)
        if len(hits) >= asked.limit:
            return hits[: asked.limit]
        near *= 4
    return None


def written(statement: LiteralString, asked: Asked) -> LiteralString:
    """The statement for the model that is asked: literals, since with parameters its partial index is not found."""
    return with_filter(
        statement.replace("model_id = 1", f"model_id = {literal(asked.model.id)}").replace(
            "halfvec(384)", f"halfvec({literal(asked.model.dimension)})"
        ),
        asked.filter,
    )


def literal(number: int) -> LiteralString:
    """Digits of our own."""
    return str(int(number))


def with_filter(statement: LiteralString, filter: Condition) -> LiteralString:
    return statement.replace("/* filter */ true", filter.where or "true")


def best_of_each(rows: Iterable[Mapping[str, Any]]) -> list[Hit]:
    """One hit a message, of its first row. The score is the inner product: of vectors of length 1, the cosine."""
    hits: dict[int, Hit] = {}
    for row in rows:
        if row["message_id"] not in hits:
            passage = (row["field"], row["start_offset"], row["end_offset"])
            hits[row["message_id"]] = Hit(
                id=row["message_id"], session_id=row["session_id"], score=-row["distance"], passage=passage
            )
    return list(hits.values())
