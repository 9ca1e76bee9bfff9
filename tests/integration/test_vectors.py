"""Vectors in a real Postgres: filters exactly, whichever way is taken, and agrees with comparing all by hand."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache

import conformance
import numpy as np
import psycopg
import pytest
from conformance import DOCUMENTS, HERE
from numpy.typing import NDArray

from indexing.embedder import Compute, SentenceTransformerEmbedder
from indexing.model import Filter, Passage, TextDocument
from indexing.ports import Vectors
from service.storage import embeddings, passages
from service.storage.database import Database, open_database
from service.storage.embeddings import Model
from service.storage.neighbours import PostgresNeighbours
from service.storage.vectors import PostgresVectors

WAYS = {"one by one": 20_000, "by index": 0}
"""`exact_scan_rows`: up to so many are compared one by one."""
DIMENSION = 24


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(compute=Compute("fp32", 1))


@pytest.fixture
async def db(any_database_url: str) -> AsyncIterator[Database]:
    db = await open_database(any_database_url, pool_size=4)
    yield db
    await db.close()


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def vectors(db: Database, request: pytest.FixtureRequest) -> PostgresVectors:
    return PostgresVectors(db, exact_scan_rows=request.param)


@pytest.mark.parametrize("case", conformance.CASES, ids=lambda case: case.__name__)
async def test_it_conforms(
    case: Callable[[conformance.Find], Awaitable[None]],
    db: Database,
    any_database_url: str,
    vectors: PostgresVectors,
    embedder: SentenceTransformerEmbedder,
) -> None:
    """Answers as every index of messages does."""
    model = await embeddings.ensure_active(
        db, any_database_url, name=embedder.name, dimension=embedder.dimension
    )
    embedded = embedder.embed([document.said for document in DOCUMENTS])
    await fill(db, model, DOCUMENTS, {document.id: embedded[[at]] for at, document in enumerate(DOCUMENTS)})

    @cache
    def meant(text: str) -> Vectors:
        return embedder.embed([text])[0]

    async def find(workspace_id: int, text: str, filter: Filter = Filter(), *, limit: int = 10) -> list[int]:  # noqa: B008
        hits = await vectors.search(workspace_id, meant(text), filter, limit=limit)
        return [hit.id for hit in hits]

    await case(find)


async def test_it_agrees_with_brute_force(
    db: Database, any_database_url: str, vectors: PostgresVectors
) -> None:
    """Of 1,500 messages with one to four passages each: the right ones under every filter, their best passages, full pages."""
    model = await embeddings.ensure_active(db, any_database_url, name="random", dimension=DIMENSION)
    rng = np.random.default_rng(7)
    documents = [document(id, rng) for id in range(1, 1501)]
    of = {each.id: unit(rng.normal(size=(int(rng.integers(1, 5)), DIMENSION))) for each in documents}
    await fill(db, model, documents, of)
    with psycopg.connect(any_database_url, autocommit=True) as owner:
        owner.execute("analyze")  # as the worker does
    for filter in (
        Filter(),
        Filter(roles=("user",)),
        Filter(projects=("p3",)),
        Filter(has_error=True),
        Filter(tags=("t",), sources=("b",)),
        Filter(sources=("b",), excluded=Filter(roles=("user",), tags=("t",))),
    ):
        query = unit(rng.normal(size=(1, DIMENSION)))[0]
        cosines = {
            each.id: float(np.max(of[each.id] @ query))
            for each in documents
            if conformance.passes(each, filter)
        }
        expected = sorted(cosines, key=lambda id: -cosines[id])[:50]
        hits = await vectors.search(HERE, query, filter, limit=50)
        assert len(hits) == len(expected)
        assert len({hit.id for hit in hits} & {*expected}) >= 0.95 * len(expected)
        for hit in hits:
            assert hit.score == pytest.approx(cosines[hit.id], abs=0.01)
            assert hit.passage is not None
            assert hit.passage[1] == int(np.argmax(of[hit.id] @ query))
            assert hit.session_id == hit.id // 10


async def test_it_tells_neighbours(db: Database, any_database_url: str) -> None:
    """The message before and after, in the order of the session; none beyond its ends or of other workspaces."""
    model = await embeddings.ensure_active(db, any_database_url, name="random", dimension=DIMENSION)
    await fill(db, model, DOCUMENTS, {})
    neighbours = PostgresNeighbours(db)
    found = await neighbours.of(HERE, [4, 5, 7, 48, 99])
    assert {id: (each.before, each.after) for id, each in found.items()} == {
        4: (None, 5),
        5: (4, 6),
        7: (6, None),
    }
    assert [found[id].said_at_ms - found[4].said_at_ms for id in (5, 7)] == [86_400_000, 3 * 86_400_000]
    assert await neighbours.of(HERE, []) == {}


async def test_it_answers_nothing_before_there_is_a_model(vectors: PostgresVectors) -> None:
    """No model, or a vector of another model's dimension: no hits and no error."""
    assert await vectors.search(HERE, np.ones(DIMENSION, np.float32), Filter(), limit=10) == []


def document(id: int, rng: np.random.Generator) -> TextDocument:
    """Facts that every filter of the test leaves a different share of; ten messages a session."""
    session = id // 10
    return TextDocument(
        workspace_id=HERE,
        unit="message",
        id=id,
        session_id=session,
        said="",
        source="ab"[session % 2],
        project_name=f"p{session % 20}",
        role=("user", "assistant", "tool")[int(rng.integers(3))],
        tags=("t",) if session % 3 == 0 else (),
        created_at_ms=1_767_225_600_000 + id,
        has_error=id % 100 == 0,
    )


def unit(vectors: NDArray[np.float64]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


async def fill(
    db: Database, model: Model, documents: Sequence[TextDocument], vectors: Mapping[int, Vectors]
) -> None:
    """The tables as these documents say, each with its passages' vectors; a passage starts at its own number."""
    for workspace_id in sorted({each.workspace_id for each in documents}):
        here = [each for each in documents if each.workspace_id == workspace_id]
        async with db.workspace(workspace_id) as conn:
            await conn.execute(
                "insert into workspaces (id, name, kind) values (%s, %s, 'personal')",
                (workspace_id, f"w{workspace_id}"),
            )
            cursor = conn.cursor()
            sessions = {each.session_id: each for each in here}
            await cursor.executemany(
                "insert into sessions (workspace_id, id, source, external_id, project_name, project_path, kind, message_count, created_at, updated_at)"
                " overriding system value values (%s, %s, %s, %s, %s, %s, %s, %s, now(), now())",
                [
                    (
                        workspace_id,
                        id,
                        each.source,
                        f"s{id}",
                        each.project_name,
                        each.project_path,
                        each.kind,
                        sum(other.session_id == id for other in here),
                    )
                    for id, each in sessions.items()
                ],
            )
            await cursor.executemany(
                "insert into session_tags (workspace_id, session_id, tag) values (%s, %s, %s)",
                [(workspace_id, id, tag) for id, each in sessions.items() for tag in each.tags],
            )
            await cursor.executemany(
                "insert into messages (workspace_id, id, session_id, external_id, role, text, model, tools, has_error, created_at)"
                " overriding system value values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (workspace_id, each.id, each.session_id, f"m{each.id}", each.role, each.said, each.model or None,
                     list(each.tools), each.has_error, datetime.fromtimestamp(each.created_at_ms / 1000, UTC))
                    for each in here
                ],
            )  # fmt: skip
            found = {
                each.id: [
                    Passage(
                        field=-1,
                        start=at,
                        end=at + 1,
                        sha256=hashlib.sha256(f"{each.id} {at}".encode()).digest(),
                        priority=0,
                    )
                    for at in range(len(vectors.get(each.id, ())))
                ]
                for each in here
            }
            await passages.replace(conn, workspace_id, found)
            texts = [passage.sha256 for each in here for passage in found[each.id]]
            if texts:
                stacked = np.concatenate([vectors[each.id] for each in here])
                await embeddings.store(conn, workspace_id, model.id, texts, stacked)
