"""Texts from the queue to vectors: claimed in one short transaction, computed in none, stored in another.

Any number of workers take part: each claims other texts, and a claim lapses when its worker has died. A text is
computed once for each model, however many messages have it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from indexing.embedder import SentenceTransformerEmbedder, model_name, prepare_query_embedder
from indexing.ports import Embedder, Vectors
from service.bootstrap import Resources
from service.errors import DatabaseUnavailable
from service.jobs import documents
from service.jobs.heap import Heap
from service.jobs.split_messages import split_ids
from service.jobs.sweep import enqueue_missing
from service.jobs.threads import in_background, in_thread
from service.storage import embeddings, messages, passages
from service.storage.database import Database
from service.storage.embeddings import Model
from service.storage.passages import Place

log = structlog.get_logger()
HEAP = Heap()

FIRST_BATCH = 8
"""Texts: so few that a message which comes alone is found soon."""
GREATEST_BATCH = 256
BATCH_S = 2.0
"""About how long a batch of a backlog may compute: what is written meanwhile waits for it."""
LOSS_S = 1.0
LOOK_S = 5.0
"""What another process has queued, or had claimed when it died, is seen after so long at most."""


async def embed_for_ever(resources: Resources, queued: asyncio.Event) -> None:
    """Load the model that is asked, make what the API embeds queries with, and work off the queue; again when another is asked.

    Ends at once when the setting says `none`. Errors: `ModelUnavailable`.
    """
    settings = resources.settings
    if settings.embedding_model == "none":
        return
    while True:
        embedder = await load(resources)
        await in_background(prepare_query_embedder, embedder, settings.models_dir)
        await embed_through_losses(resources.db, embedder, queued)


async def embed_through_losses(db: Database, embedder: Embedder, queued: asyncio.Event) -> None:
    """As `embed_queue`; when Postgres goes away it waits, since to load the model again takes many seconds."""
    while True:
        try:
            return await embed_queue(db, embedder, queued)
        except DatabaseUnavailable as error:
            log.warning("embedding_waits", error=type(error).__name__, again_in_s=LOSS_S)
            await asyncio.sleep(LOSS_S)


async def load(resources: Resources) -> SentenceTransformerEmbedder:
    """The embedder of the active model: the configured one, where there was none yet.

    When another is active, that one goes on until `reindex` has filled vectors of the configured one.
    """
    db, setting = resources.db, resources.settings.embedding_model
    name = await in_thread(model_name, setting)
    async with db.system() as conn:
        active = await embeddings.active(conn)
    if active is not None and active.name != name:
        log.warning(
            "embedding_model_differs", active=active.name, configured=name, remedy="backscroll reindex"
        )
        setting = active.name
    embedder = await in_background(SentenceTransformerEmbedder, setting)
    log.info(
        "embedder_loaded",
        model=embedder.name,
        precision=embedder.compute.precision,
        threads=embedder.compute.threads,
    )
    await embeddings.ensure_active(db, resources.url, name=embedder.name, dimension=embedder.dimension)
    if active is None:
        await enqueue_missing(db)
    return embedder


async def embed_queue(db: Database, embedder: Embedder, queued: asyncio.Event) -> None:
    """Embed what waits for a model that is this embedder's, the active one first. Ends when no such model is in use any more."""
    size = FIRST_BATCH
    while True:
        queued.clear()
        async with db.system() as conn:
            models = [model for model in await embeddings.models(conn) if fits(model, embedder)]
        if not models:
            return
        started_s = time.monotonic()
        if claimed := await embed_first(db, models, embedder, limit=size):
            size = next_size(claimed, time.monotonic() - started_s)
            continue
        size = FIRST_BATCH
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await queued.wait()


def fits(model: Model, embedder: Embedder) -> bool:
    return (model.name, model.dimension) == (embedder.name, embedder.dimension)


async def embed_first(db: Database, models: Sequence[Model], embedder: Embedder, *, limit: int) -> int:
    """Embed up to `limit` texts of the first model for which one waits; how many were claimed."""
    for model in models:
        if claimed := await embed_some(db, model, embedder, limit=limit):
            return claimed
    return 0


def next_size(texts: int, seconds: float) -> int:
    """How many texts to take next, so that they take about `BATCH_S`; at most four times as many as before.

    >>> next_size(8, 0.1), next_size(32, 0.8), next_size(256, 20.0)
    (32, 80, 25)
    """
    fitting = int(texts * BATCH_S / max(seconds, 0.001))
    return max(FIRST_BATCH, min(fitting, 4 * texts, GREATEST_BATCH))


async def embed_some(db: Database, model: Model, embedder: Embedder, *, limit: int) -> int:
    """Claim, compute and store up to `limit` texts of one workspace; how many were claimed."""
    async with db.system() as conn:
        workspace_id = await embeddings.next_workspace(conn, model.id)
    if workspace_id is None:
        return 0
    async with db.workspace(workspace_id) as conn:
        claimed = await embeddings.claim(conn, workspace_id, model.id, limit=limit)
    texts = await read_texts(db, workspace_id, claimed)
    if texts:
        vectors = await in_background(embed, embedder, list(texts.values()))
        async with db.workspace(workspace_id) as conn:
            await embeddings.store(conn, workspace_id, model.id, list(texts), vectors)
    return len(claimed)


def embed(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """The texts' vectors; what computing them took is given back."""
    vectors = embedder.embed(texts)
    HEAP.trim()
    return vectors


async def read_texts(db: Database, workspace_id: int, claimed: Sequence[bytes]) -> dict[bytes, str]:
    """The claimed texts by their hash, cut from the messages that have them.

    One that no passage has any more is absent (it leaves the queue with its last passage). A message that reads
    otherwise now is split again; its change was on its way, or it is rendered by a newer version of this program.
    """
    async with db.workspace(workspace_id) as conn:
        places = await passages.places(conn, workspace_id, claimed)
        rows = await messages.to_index(conn, workspace_id, sorted({place.message_id for place in places}))
    texts, outdated = await in_thread(cut, places, {row["id"]: row for row in rows})
    if outdated:
        await split_ids(db, workspace_id, outdated)
    return texts


def cut(places: Sequence[Place], rows: Mapping[int, dict[str, Any]]) -> tuple[dict[bytes, str], set[int]]:
    """Texts by hash, and the messages in which a text does not stand where it should."""
    fields = {id: {field.ordinal: field.text for field in documents.fields(row)} for id, row in rows.items()}
    texts: dict[bytes, str] = {}
    outdated: set[int] = set()
    for place in places:
        text = fields.get(place.message_id, {}).get(place.field, "")[place.start : place.end]
        if hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() == place.text_sha256:
            texts[place.text_sha256] = text
        else:
            outdated.add(place.message_id)
    return texts, outdated
