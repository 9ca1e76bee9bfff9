"""Context for agents: what was found, packed into a budget of tokens."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from indexing import search as engine
from indexing.budget import FORMATS, Packed, Piece, Source, pack
from indexing.fulltext import IndexDamaged
from service.api import examples, shapes
from service.api.context import asking, evidence
from service.api.context.asking import ContextAsked, ContextBody
from service.api.gate import freshness
from service.api.gate.params import Nothing
from service.api.gate.routes import Answer, Call, answer, commit_of, route
from service.api.search import asking as search_asking
from service.api.search.hits import rounded
from service.errors import NotYet
from service.model import ids

DESCRIPTION = (
    "The best evidence for a question in at most `budget` tokens: the matching messages of the best sessions with "
    "their neighbours, in reading order, near-duplicates left out, long messages cut around what matched, tool calls "
    "in a line each. Every `[n]` in the text is a citation. `format=markdown` and `xml` answer as themselves, with "
    "`X-Token-Count` and `X-Session-Count`."
)
MEDIA_TYPES = {"markdown": "text/markdown; charset=utf-8", "xml": "text/xml; charset=utf-8"}


class Citation(msgspec.Struct, kw_only=True, rename="camel"):
    """What `[n]` in the text stands for. `score` is 0 for a neighbour that the search itself did not find."""

    n: int
    session_id: str
    message_id: str
    title: str | UnsetType = UNSET
    role: str
    created_at: int
    score: float


class ContextText(msgspec.Struct, kw_only=True, rename="camel"):
    """`tokenCount` counts the whole text."""

    text: str
    session_count: int
    token_count: int
    citations: list[Citation]
    mode_used: str
    fallback_reason: str | UnsetType = UNSET


class MessageFacts(msgspec.Struct, kw_only=True, rename="camel"):
    session_id: str
    message_id: str
    session_title: str | UnsetType = UNSET
    score: float


class ContextMessage(msgspec.Struct):
    role: str
    content: str
    metadata: MessageFacts


class ContextMessages(msgspec.Struct, kw_only=True, rename="camel"):
    """`tokenCount` counts the contents."""

    messages: list[ContextMessage]
    session_count: int
    token_count: int
    mode_used: str
    fallback_reason: str | UnsetType = UNSET


@route(
    "GET", "/api/context", scope="read", summary="Context for an agent", description=DESCRIPTION, asks=ContextAsked,
    gives=(ContextText, ContextMessages), gives_too=tuple(MEDIA_TYPES.values()), example=examples.CONTEXT, errors=(400,),
)  # fmt: skip
async def context_by_query(call: Call, asked: ContextAsked) -> Answer:
    return await context(call, search_asking.checked(asked))


@route(
    "POST", "/api/context", scope="read", summary="Context with a body", description=DESCRIPTION, takes=ContextBody,
    gives=(ContextText, ContextMessages), gives_too=tuple(MEDIA_TYPES.values()), example_body=examples.CONTEXT_BODY, example=examples.CONTEXT, errors=(400, 413),
)  # fmt: skip
async def context_by_body(call: Call, asked: Nothing) -> Answer:
    return await context(call, search_asking.from_body(call.body, ContextAsked))


async def context(call: Call, asked: ContextAsked) -> Answer:
    """Search, re-read what was found, pack it."""
    query = await asking.query(call, asked)
    count = await asking.counter(call, asked)
    resources, workspace_id = call.resources, call.workspace_id
    token = commit_of(asked.commit, call.desk) or call.commit
    await freshness.wait_for(token, workspace_id, resources, by_meaning=asked.type == "semantic")
    try:
        ranking = await engine.search(
            workspace_id,
            query,
            text=resources.text,
            vectors=resources.vectors,
            embedder=None if asked.type == "fulltext" else await resources.query_embedder(),
            neighbours=resources.neighbours,
            mode=asked.type,
            now_ms=shapes.epoch_ms(call.now) if asked.recency else None,
        )
    except IndexDamaged as error:
        raise NotYet(
            "The text index is being built anew: try again in a minute.", retry_after_s=10
        ) from error
    async with call.rows() as conn:
        found = await evidence.gather(
            conn,
            workspace_id,
            ranking,
            ranking.terms,
            limit=asked.limit,
            budget=asked.budget,
            window=asked.window,
        )
    packed = pack(
        found.sources,
        found.offered,
        tokens=asked.budget,
        count=count,
        style=FORMATS[asked.format],
        query=asked.q,
    )
    return shown(packed, asked, ranking)


def shown(packed: Packed, asked: ContextAsked, ranking: engine.Ranking) -> Answer:
    common: dict[str, Any] = {
        "session_count": len(packed.blocks),
        "token_count": packed.tokens,
        "mode_used": ranking.mode_used,
        "fallback_reason": ranking.fallback_reason or UNSET,
    }
    pieces = [(block.source, piece) for block in packed.blocks for piece in block.pieces]
    if asked.format == "messages":
        return answer(ContextMessages(messages=[message(*each) for each in pieces], **common))
    text = "".join(packed.texts)
    if asked.format == "text":
        citations = [citation(source, piece) for source, piece in pieces]
        return answer(ContextText(text=text, citations=citations, **common))
    headers = {"X-Token-Count": str(packed.tokens), "X-Session-Count": str(len(packed.blocks))}
    return Answer(text.encode(), headers=headers, media_type=MEDIA_TYPES[asked.format])


def citation(source: Source, piece: Piece) -> Citation:
    return Citation(
        n=piece.n,
        session_id=ids.session(source.session_id),
        message_id=ids.message(piece.said.id),
        title=source.title or UNSET,
        role=piece.said.role,
        created_at=piece.said.created_at_ms,
        score=rounded(piece.said.score),
    )


def message(source: Source, piece: Piece) -> ContextMessage:
    return ContextMessage(
        role=piece.said.role,
        content=piece.text,
        metadata=MessageFacts(
            session_id=ids.session(source.session_id),
            message_id=ids.message(piece.said.id),
            session_title=source.title or UNSET,
            score=rounded(piece.said.score),
        ),
    )
