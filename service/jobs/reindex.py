"""Building both indexes anew from the tables while searching goes on.

Words: another generation is filled beside the one that answers, then swapped in. The worker that feeds the index
does it, asked by `marker`; without a worker, this process.

Meaning: messages are split again, and another row in `embedding_models` is filled beside the active one, by this
process and by every worker that has the same model. Then its HNSW index is built, questions go to it from one
moment to the next, and the old vectors are deleted. One that was broken off goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from indexing.embedder import SentenceTransformerEmbedder, prepare_query_embedder
from service.bootstrap import Resources
from service.errors import Conflict
from service.jobs import marker
from service.jobs.election import elected
from service.jobs.embed import GREATEST_BATCH, embed_some
from service.jobs.index_words import rebuild_words
from service.jobs.split_messages import split_all
from service.jobs.sweep import enqueue_missing
from service.jobs.threads import in_thread
from service.live.feed import NOTHING_SEEN, Feed
from service.live.tasks import cancelled
from service.storage import embeddings, locks
from service.storage.database import Database
from service.storage.embeddings import Model
from service.storage.vectors import KNOWN_S

LOOK_S = 0.2
FAREWELL_S = 1.5 * KNOWN_S
"""The old vectors stay for so long, since processes ask them until they notice the switch."""

Report = Callable[[str, int, int], None]
"""Told what is done (`words`, `passages` or `vectors`), how many of it, and of how many."""


async def reindex(resources: Resources, *, words: bool = True, meaning: bool = True, report: Report) -> None:
    """Build the indexes anew. Errors: `Conflict` when another process does so already."""
    async with locks.if_alone(resources.url, "reindex") as ours:
        if not ours:
            raise Conflict("Another reindexing is under way: wait until it has ended.")
        if words:
            await reindex_words(resources.db, resources.url, resources.settings.text_index_dir, report)
        if meaning and resources.settings.embedding_model != "none":
            await reindex_meaning(resources, report)


async def reindex_words(db: Database, url: str, directory: Path, report: Report) -> None:
    """Have the text index built anew, and wait for it."""
    await in_thread(marker.ask, directory)
    stand_in = asyncio.create_task(without_worker(db, url, directory))
    try:
        while (progress := await in_thread(marker.read, directory)) is not None:
            report("words", progress.done, progress.total)
            if stand_in.done():
                await stand_in
            await asyncio.sleep(LOOK_S)
    finally:
        await cancelled(stand_in)


async def without_worker(db: Database, url: str, directory: Path) -> None:
    """Do it here as soon as no worker holds the directory."""
    async with elected(directory), Feed(url) as feed:
        if await in_thread(marker.read, directory) is not None:
            await rebuild_words(db, feed, directory)


async def reindex_meaning(resources: Resources, report: Report) -> None:
    """Split all messages again, fill another set of vectors, and switch to it."""
    db, url, settings = resources.db, resources.url, resources.settings
    embedder = await in_thread(SentenceTransformerEmbedder, settings.embedding_model)
    async with db.system() as conn:
        model = await embeddings.add_filling(conn, name=embedder.name, dimension=embedder.dimension)
    await split_all(db, unseen_by=NOTHING_SEEN, report=lambda done: report("passages", done, done))
    await enqueue_missing(db)
    await fill(db, model, embedder, report)
    await in_thread(prepare_query_embedder, embedder, settings.models_dir)
    await embeddings.build_index(url, model)
    await fill(db, model, embedder, report)
    await embeddings.activate(db, model)
    await asyncio.sleep(FAREWELL_S)
    await embeddings.delete_retired(url)


async def fill(db: Database, model: Model, embedder: SentenceTransformerEmbedder, report: Report) -> None:
    """Embed until nothing waits for the model, here or claimed by a worker."""
    done = 0
    while True:
        async with db.system() as conn:
            waiting = await embeddings.waiting_of_model(conn, model.id)
        if waiting == 0:
            return
        report("vectors", done, done + waiting)
        claimed = await embed_some(db, model, embedder, limit=GREATEST_BATCH)
        done += claimed
        if claimed == 0:
            await asyncio.sleep(LOOK_S)
