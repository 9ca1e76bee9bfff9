"""Embeddings: the models that there are, the queue of texts that wait for a vector, and the vectors' storing.

A model is a row: `active` is asked, `filling` is filled beside it, `retired` is on its way out. Each has its own
partial HNSW index. Vectors go to Postgres as text: next to their computing that costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from pgvector import HalfVector

from indexing.ports import Vectors
from service.storage import locks
from service.storage.database import Connection, Database
from service.storage.queries import load

SQL = load("embeddings")
LEASE_S = 30.0
"""A batch takes about 2 s; what a worker had claimed when it died waits for so long."""
TOGETHER_S = 10.0
"""Writes so close to the last one that a token sees are waited for with it: between a commit and its token others may commit."""
PAGE = 2_000
"""Messages whose texts are looked through in one transaction."""


class Model(msgspec.Struct, frozen=True):
    id: int
    name: str
    dimension: int
    status: Literal["active", "filling"]


async def models(conn: Connection) -> list[Model]:
    """Those that are filled or asked, the active one first."""
    return [Model(**row) for row in await (await conn.execute(SQL["models"])).fetchall()]


async def active(conn: Connection) -> Model | None:
    return next((model for model in await models(conn) if model.status == "active"), None)


async def ensure_active(db: Database, url: str, *, name: str, dimension: int) -> Model:
    """The active model; `name` becomes it when there is none. Its HNSW index is there afterwards."""
    async with db.system() as conn:
        await conn.execute(SQL["add_active"], {"name": name, "dimension": dimension})
        model = await active(conn)
    assert model is not None
    await build_index(url, model)
    return model


async def add_filling(conn: Connection, *, name: str, dimension: int) -> Model:
    """A model to fill beside the active one; one of this name that is being filled already goes on. `conn`: system."""
    for model in await models(conn):
        if model.status == "filling" and (model.name, model.dimension) == (name, dimension):
            return model
    row = await (await conn.execute(SQL["add_filling"], {"name": name, "dimension": dimension})).fetchone()
    assert row is not None
    return Model(row["id"], name, dimension, "filling")


async def activate(db: Database, model: Model) -> None:
    """From one moment to the next, questions go to this model; the one before is retired."""
    async with db.system() as conn:
        await conn.execute(SQL["retire_active"], {"id": model.id})
        await conn.execute(SQL["activate"], {"id": model.id})


async def delete_retired(url: str) -> None:
    """Take away retired models with their vectors and indexes. As the owner: it may take longer than a statement of the pool."""
    async with locks.alone(url, "vector indexes") as conn:
        for (id,) in await (await conn.execute(SQL["retired"])).fetchall():
            await conn.execute(f"drop index concurrently if exists {index_name(id)}")
            await conn.execute(SQL["delete_model"], {"id": id})


async def build_index(url: str, model: Model) -> None:
    """Build the model's HNSW index unless it is there. Writes go on meanwhile.

    Id and dimension are literals: under a generic plan a parameter would not find the partial index.
    """
    name = index_name(model.id)
    async with locks.alone(url, "vector indexes") as conn:
        state = await (await conn.execute(SQL["index_state"], {"name": name})).fetchone()
        if state and state[0]:
            return
        await conn.execute(f"drop index concurrently if exists {name}")
        await conn.execute(
            f"create index concurrently {name} on embeddings"
            f" using hnsw ((embedding::halfvec({int(model.dimension)})) halfvec_ip_ops) where model_id = {int(model.id)}"
        )


def index_name(model_id: int) -> str:
    """
    >>> index_name(1)
    'embeddings_hnsw_1'
    """
    return f"embeddings_hnsw_{int(model_id)}"


async def enqueue(conn: Connection, workspace_id: int, message_ids: Sequence[int]) -> None:
    """Queue the texts of these messages that have no vector yet."""
    await conn.execute(SQL["enqueue"], {"workspace_id": workspace_id, "message_ids": list(message_ids)})


async def next_workspace(conn: Connection, model_id: int) -> int | None:
    """Whose text is next; None: nothing waits. `conn`: system."""
    row = await (await conn.execute(SQL["next_workspace"], {"model_id": model_id})).fetchone()
    return row["workspace_id"] if row else None


async def claim(
    conn: Connection, workspace_id: int, model_id: int, *, limit: int, lease_s: float = LEASE_S
) -> list[bytes]:
    """Up to `limit` texts that are ours until the lease runs out; commit before computing."""
    params = {"workspace_id": workspace_id, "model_id": model_id, "limit": limit, "lease_s": lease_s}
    return [row["text_sha256"] for row in await (await conn.execute(SQL["claim"], params)).fetchall()]


async def store(
    conn: Connection, workspace_id: int, model_id: int, texts: Sequence[bytes], vectors: Vectors
) -> None:
    """Keep the vectors (a row a text) and take the texts from the queue."""
    params = {
        "workspace_id": workspace_id,
        "model_id": model_id,
        "texts": list(texts),
        "vectors": [as_text(vector) for vector in vectors],
    }
    await conn.execute(SQL["store"], params)
    await conn.execute(SQL["dequeue"], params)


def as_text(vector: Vectors) -> str:
    """As pgvector reads it, at half precision, which is what it keeps.

    >>> import numpy as np
    >>> as_text(np.array([0.5, -1.0], np.float32))
    '[0.5,-1.0]'
    """
    return str(HalfVector(vector).to_text())


async def waiting(conn: Connection, workspace_id: int) -> int:
    """How many texts of a workspace wait for a vector of the active model."""
    row = await (await conn.execute(SQL["waiting"], {"workspace_id": workspace_id})).fetchone()
    assert row is not None
    return int(row["texts"])


async def queue_depth(conn: Connection) -> dict[str, int]:
    """How many texts wait for a vector, `waiting` or `taken` by a worker, of all models. `conn`: system."""
    row = await (await conn.execute(SQL["queue_depth"])).fetchone()
    assert row is not None
    return row


async def is_waited_for(conn: Connection, workspace_id: int, *, token: str) -> bool:
    """Whether what the last writes that `token` (a snapshot) sees said waits for a vector; an older backlog is not asked for."""
    params = {"workspace_id": workspace_id, "token": token, "window_s": TOGETHER_S}
    row = await (await conn.execute(SQL["await_vectors"], params)).fetchone()
    assert row is not None
    return bool(row["waiting"])


async def waiting_of_model(conn: Connection, model_id: int) -> int:
    """How many texts of all workspaces wait for a vector of this model. `conn`: system."""
    row = await (await conn.execute(SQL["waiting_of_model"], {"model_id": model_id})).fetchone()
    assert row is not None
    return int(row["texts"])


async def enqueue_missing(conn: Connection, workspace_id: int, *, after: int) -> int | None:
    """Queue every text that has neither a vector nor a place in the queue, of a page of messages behind the id `after`.

    The id of the page's last message; None when there is none any more.
    """
    params: dict[str, object] = {"workspace_id": workspace_id, "after": after, "limit": PAGE}
    row = await (await conn.execute(SQL["page_of_messages"], params)).fetchone()
    if row is None or row["last"] is None:
        return None
    await conn.execute(SQL["enqueue_missing"], params | {"last": row["last"]})
    return int(row["last"])


async def drop_unreferenced(conn: Connection, workspace_id: int) -> None:
    """Delete vectors and places in the queue that no passage needs: its last went while they were stored."""
    for statement in ("delete_unreferenced", "dequeue_unreferenced"):
        await conn.execute(SQL[statement], {"workspace_id": workspace_id})
