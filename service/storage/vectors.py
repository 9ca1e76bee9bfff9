"""Messages by meaning: exact where few vectors are left to compare, HNSW where many are.

Comparing one by one misses nothing and costs 2 to 4 µs a row. HNSW costs the same whatever it is asked, but of what
it finds a filter may leave little. Left to itself, the planner picks the wrong one. So the rows that a filter leaves
are estimated (sessions know their number of messages; for the rest, the planner's statistics are asked), and each
statement is written so that one plan is possible. docs/decisions/0008-exact-or-hnsw.md has the measurements.

The workspace stands in every clause, beside row-level security.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

import msgspec
from pgvector import HalfVector
from psycopg.rows import DictRow

from indexing.model import Filter, Hit
from indexing.ports import Vectors
from service.storage import embeddings
from service.storage.database import NO_SETTINGS, Asked, Database
from service.storage.embeddings import Model
from service.storage.queries import load
from service.storage.vector_filter import OF_PASSAGE, Condition, conditions

SQL = load("vectors")

KNOWN_S = 2.0
"""How long the active model, a workspace's size and what a filter leaves of it are believed."""
MOST_FILTERS = 1_000
"""So many are known at once."""
ROWS_A_MESSAGE = 2
"""How many rows are read for one message at first: its passages, and the messages that share its text."""
SPARE = 1.3
"""How much more is asked of HNSW than a filter should leave over."""
LEAST_EF, GREATEST_EF = 400, 1000
"""Candidates that HNSW keeps while it searches; pgvector allows 1000."""
EF_A_ROW = 1.6
"""Candidates for each row that is wanted: with 416 for 260 rows, the recall of the best 200 is 0.97."""
GREATEST_SHARE = 0.25
"""Of all rows: comparing all is quicker than asking HNSW for more."""
AT_ONCE = 0.25
"""Of the threshold, where HNSW need not be asked for more than it gives at once: then it is ahead from fewer rows on."""
FEW = 0.05
"""Of all rows: so few are looked up one by one; more are joined by reading the tables through."""

EXACT = {"jit": "off", "max_parallel_workers_per_gather": "0", "join_collapse_limit": "1"}
"""Joined in the order that is written: before the tables are analysed the planner takes each for one row and begins anywhere."""
LOOKED_UP = EXACT | {"enable_hashjoin": "off", "enable_mergejoin": "off", "enable_material": "off"}
BY_INDEX = LOOKED_UP | {
    "enable_seqscan": "off",
    "enable_sort": "off",
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.max_scan_tuples": "1000000",
    "hnsw.scan_mem_multiplier": "4",
    "plan_cache_mode": "force_generic_plan",
}
"""Leaves the planner one way only, so that it is planned once a connection and not each time."""


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
        self._left: dict[tuple[int, Filter], tuple[float, float]] = {}

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
        asked = Nearest(self._db, model, workspace_id, HalfVector(vector), conditions(filter), limit)
        rows, left = await self._estimate(asked, filter)
        at_once = SPARE * limit * rows <= GREATEST_EF * left
        if left > self._exact_scan_rows * (AT_ONCE if at_once else 1):
            hits = await by_index(asked, rows=rows, left=left, few=self._exact_scan_rows)
            if hits is not None:
                return hits
        return await one_by_one(asked, few=left < FEW * rows)

    async def _estimate(self, asked: Nearest, filter: Filter) -> tuple[float, float]:
        """About how many rows the workspace has, and how many of them pass the filter."""
        size = await self._size(asked.workspace_id)
        if not asked.filter.where:
            return size.rows, size.rows
        until, messages = self._left.get((asked.workspace_id, filter), (0.0, 0.0))
        if time.monotonic() >= until:
            messages = await asked.messages_left()
            if len(self._left) >= MOST_FILTERS:
                self._left.clear()
            self._left[asked.workspace_id, filter] = (time.monotonic() + KNOWN_S, messages)
        return size.rows, min(size.rows, messages * size.rows_a_message)

    async def _size(self, workspace_id: int) -> Size:
        until, size = self._sizes.get(workspace_id, (0.0, Size(0, 1.0)))
        if time.monotonic() >= until:
            ((row,),) = await self._db.read(workspace_id, Asked(SQL["size"], {"workspace_id": workspace_id}))
            size = Size(int(row["messages"]), max(1.0, float(row["rows_a_message"])))
            self._sizes[workspace_id] = (time.monotonic() + KNOWN_S, size)
        return size


class Nearest(msgspec.Struct, frozen=True):
    """One question, as far as it does not depend on how it is answered."""

    db: Database
    model: Model
    workspace_id: int
    vector: HalfVector
    filter: Condition
    limit: int

    async def messages_left(self) -> float:
        """About how many messages pass the filter."""
        return await (
            self.messages_by_statistics() if self.filter.of_messages else self.messages_by_session()
        )

    async def messages_by_session(self) -> float:
        (row,) = await self.read(
            Asked(with_filter(SQL["count_by_session"], self.filter), self.params(), False)
        )
        return float(row["messages"])

    async def messages_by_statistics(self) -> float:
        explain = "explain (format json) " + with_filter(SQL["passing"], self.filter)
        (row,) = await self.read(Asked(explain, self.params(), False))
        return float(row["QUERY PLAN"][0]["Plan"]["Plan Rows"])

    async def planned(self, settings: Mapping[str, str], asked: Asked) -> list[DictRow]:
        """The rows of a statement that is planned with these settings."""
        (rows,) = await self.db.read(self.workspace_id, asked, settings=settings)
        return rows

    async def read(self, asked: Asked) -> list[DictRow]:
        return await self.planned(NO_SETTINGS, asked)

    def params(self, **more: Any) -> dict[str, Any]:
        return {"workspace_id": self.workspace_id, "vector": self.vector} | self.filter.params | more


async def one_by_one(asked: Nearest, *, few: bool) -> list[Hit]:
    """Compare every vector that the filter leaves; `few`: of which there are few."""
    if not asked.filter.where:
        name = "all_one_by_one"
    else:
        name = "one_by_one" if asked.filter.of_messages else "sessions_one_by_one"
    statement = written(SQL[name], asked)
    rows = ROWS_A_MESSAGE * asked.limit
    while True:
        settings = LOOKED_UP if few else EXACT
        found = await asked.planned(settings, Asked(statement, asked.params(rows=rows), False))
        hits = best_of_each(found)
        if len(hits) >= asked.limit or len(found) < rows:
            return hits[: asked.limit]
        rows *= 4


async def by_index(asked: Nearest, *, rows: float, left: float, few: int) -> list[Hit] | None:
    """Ask HNSW, once more when the filter left too little; None when comparing one by one is quicker or needed."""
    near = min(round(SPARE * asked.limit * rows / left), GREATEST_EF)
    while True:
        hits = await nearest(asked, max(near, asked.limit))
        if len(hits) >= asked.limit:
            return hits[: asked.limit]
        share = len(hits) / near
        if near > GREATEST_EF or share * rows <= few or SPARE * asked.limit > share * GREATEST_SHARE * rows:
            return None
        near = max(round(2 * SPARE * asked.limit / share), GREATEST_EF + 1)


async def nearest(asked: Nearest, near: int) -> list[Hit]:
    """What the filter leaves of the `near` nearest texts."""
    ef = min(max(round(EF_A_ROW * near), LEAST_EF), GREATEST_EF)
    statement = written(SQL["by_index"], asked)
    settings = BY_INDEX | {"hnsw.ef_search": str(ef)}
    return best_of_each(await asked.planned(settings, Asked(statement, asked.params(near=near), True)))


def written(statement: LiteralString, asked: Nearest) -> LiteralString:
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
    joins = OF_PASSAGE if filter.where else ""
    return statement.replace("/* joins */", joins).replace("/* filter */ true", filter.where or "true")


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
