"""Everything a process needs, opened once: the one place where adapters are chosen.

`open_resources` is called by the API, the worker and the command line's upkeep; what they get is closed by
`Resources.close`. The URL comes from the setting, or from the embedded Postgres that `serve` runs. What the worker
makes (text index, exported model) is opened when it is first asked for, and again as long as it is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from indexing.embedder import (
    ModelUnavailable,
    Remembering,
    model_name,
    open_query_embedder,
    open_token_counter,
)
from indexing.fulltext import IndexDamaged, TantivyReader, open_reader
from indexing.ports import Embedder
from service import tracing
from service.errors import NotYet
from service.live.bell import Bell
from service.live.dispatcher import Dispatcher
from service.postgres import database_url
from service.settings import Settings
from service.storage.database import Database, open_database
from service.storage.neighbours import PostgresNeighbours
from service.storage.vectors import PostgresVectors
from service.tracing import Traces, Untold


class Resources(msgspec.Struct, kw_only=True):
    """What API handlers and jobs are given."""

    settings: Settings
    url: str
    """Of the database, with the owner's role: for migrations, partitions and index builds only."""
    db: Database
    bell: Bell
    """To ring after a commit."""
    live: Dispatcher
    """Of this process; it connects when the first stream is opened."""
    vectors: PostgresVectors
    neighbours: PostgresNeighbours
    traces: Traces = Untold()
    _text: TantivyReader | None = None
    _embedder: Embedder | None = None
    _counter: Callable[[str], int] | None = None
    _opening: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)

    @property
    def text(self) -> TantivyReader:
        """The text index of this machine. Errors: `NotYet` while the worker builds a damaged one anew."""
        if self._text is None:
            try:
                self._text = open_reader(self.settings.text_index_dir)
            except IndexDamaged as error:
                raise NotYet(
                    "The text index is damaged and is being built anew: try again in a minute."
                ) from error
        return self._text

    @property
    def embedder_is_open(self) -> bool:
        """Whether a search by meaning need not wait for the model."""
        return self._embedder is not None

    async def query_embedder(self) -> Embedder | None:
        """What embeds queries for the model whose vectors are asked; None as long as the worker has not prepared it."""
        model = await self.vectors.model()
        if model is None or self.settings.embedding_model == "none":
            return None
        if self._embedder is None or self._embedder.name != model.name:
            async with self._opening:
                self._embedder = await asyncio.to_thread(self._open_embedder, model.name)
        return self._embedder

    async def token_counter(self) -> Callable[[str], int]:
        """Counts tokens as the embedding model does. Errors: `NotYet` as long as it is not prepared, or not to be had."""
        if self._counter is None:
            model = None if self.settings.embedding_model == "none" else await self.vectors.model()
            if model is not None:
                self._counter = await asyncio.to_thread(
                    open_token_counter, self.settings.models_dir, self._setting_of(model.name)
                )
        if self._counter is None:
            raise NotYet("The embedding model's tokenizer is not here yet: ask with tokenizer=o200k.")
        return self._counter

    def _setting_of(self, name: str) -> str:
        """The setting where that is the model's (it may be a path), else the name."""
        configured = self.settings.embedding_model
        return configured if model_name(configured) == name else name

    def _open_embedder(self, name: str) -> Embedder | None:
        try:
            found = open_query_embedder(self.settings.models_dir, self._setting_of(name))
        except ModelUnavailable:
            return None
        return None if found is None else Remembering(found)

    async def close(self) -> None:
        await self.live.stop()
        await self.bell.close()
        await self.db.close()
        await asyncio.to_thread(self.traces.close)


async def open_resources(settings: Settings) -> Resources:
    """Errors: `DatabaseUnavailable` when there is no database to talk to."""
    url = database_url(settings)
    db = await open_database(url, pool_size=settings.pool_size)
    bell = Bell(url)
    return Resources(
        settings=settings,
        url=url,
        db=db,
        bell=bell,
        live=Dispatcher(url, bell=bell),
        vectors=PostgresVectors(db, exact_scan_rows=settings.exact_scan_rows),
        neighbours=PostgresNeighbours(db),
        traces=tracing.opened(settings.traces),
    )
