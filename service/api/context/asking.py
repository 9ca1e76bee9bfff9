"""What /api/context takes, from a query string or a JSON body."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from indexing.budget import Count, Format, o200k
from indexing.model import Query
from indexing.query import EVERYTHING, both
from indexing.search import Mode
from service.api import shapes
from service.api.gate.params import SAYS_SOMETHING, Names
from service.api.gate.routes import Call
from service.api.search import asking
from service.api.search.asking import Question, SearchFilter
from service.errors import RequestError

O200K = "o200k"
OURS = "model"


class ContextAsked(Question, kw_only=True, rename="camel"):
    limit: Annotated[int, Meta(ge=1, le=100, description="Sessions at most.")] = 5
    budget: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Tokens at most, headings and citations counted.")
    ] = 4000
    format: Annotated[
        Format, Meta(description="`text` and `messages` come in JSON, `markdown` and `xml` as themselves.")
    ] = "text"
    window: Annotated[int, Meta(ge=0, le=20, description="Messages before and after each hit.")] = 1
    exclude: Annotated[Names, Meta(description="Sessions to leave out, by id or external id.")] = (
        msgspec.field(default_factory=list)
    )
    tokenizer: Annotated[
        Annotated[str, Meta(max_length=200)],
        Meta(description="`o200k`, or `model` (or its name): the embedding model's own."),
    ] = O200K


class ContextBody(msgspec.Struct, kw_only=True, rename="camel"):
    """A question. Each member of `filter` takes a value or a list of them."""

    q: Annotated[str, Meta(max_length=100_000, extra_json_schema={"pattern": SAYS_SOMETHING})]
    limit: Annotated[int, Meta(ge=1, le=100)] = 5
    budget: Annotated[int, Meta(ge=1, le=1_000_000)] = 4000
    format: Format = "text"
    window: Annotated[int, Meta(ge=0, le=20)] = 1
    exclude: list[str] = []
    tokenizer: str = O200K
    filter: SearchFilter | None = None
    type: Mode = "hybrid"
    tz: str = "UTC"
    recency: bool = True
    commit: str | None = None


async def query(call: Call, asked: ContextAsked) -> Query:
    """The query with its filters and without the sessions that are to be left out. Errors: `RequestError`."""
    db, workspace_id = call.resources.db, call.workspace_id
    found = await asking.query(
        asked, now_ms=shapes.epoch_ms(call.now), db=db, workspace_id=workspace_id, text=call.resources.text
    )
    left_out = await asking.without(asked.exclude, db, workspace_id) if asked.exclude else EVERYTHING
    return msgspec.structs.replace(found, filter=both(found.filter, left_out))


async def counter(call: Call, asked: ContextAsked) -> Count:
    """Errors: `RequestError` for a tokenizer that is none, `NotYet` while the model's is not there."""
    if asked.tokenizer == O200K:
        return o200k()
    model = await call.resources.vectors.model()
    if asked.tokenizer in (OURS, model.name if model else OURS):
        return await call.resources.token_counter()
    raise RequestError("tokenizer must be o200k, or model (the embedding model's own).")
