"""A search through the ports: the real text index and the real model, with vectors compared one by one in a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from conformance import passes

from indexing import search
from indexing.embedder import SentenceTransformerEmbedder
from indexing.fulltext import TantivyReader, open_reader, open_writer, spelling
from indexing.model import Filter, Hit, Standing, TextDocument, Unit
from indexing.ports import Embedder, Vectors
from indexing.query import parse
from indexing.search import Mode, Ranking

SAID = {
    11: "Users are sent back to the sign-in page again and again after OAuth.",
    12: "The cookie was SameSite=Strict, so the callback lost it. Lax fixed it.",
    13: "Thanks, that was it.",
    21: "error[E0308]: mismatched types in src/parser.rs",
    22: "Borrow the token instead of moving it.",
    31: "What shall we cook tonight? A pasta with tomatoes and basil.",
    41: "Another tenant's cookie secret.",
}
DOCUMENTS = [
    TextDocument(
        workspace_id=2 if id == 41 else 1, unit="message", id=id, session_id=id // 10, said=said,
        role="assistant" if id % 10 == 2 else "user", created_at_ms=id,
    )
    for id, said in SAID.items()
]  # fmt: skip
TITLES = TextDocument(
    workspace_id=1, unit="session", id=2, session_id=2, said="Compiler trouble", created_at_ms=1
)


class ExactVectors:
    """Every vector in a list, compared with the query's."""

    def __init__(self, documents: Sequence[TextDocument], vectors: Vectors) -> None:
        self._documents, self._vectors = documents, vectors

    async def search(self, workspace_id: int, vector: Vectors, filter: Filter, *, limit: int) -> list[Hit]:
        scored = [
            Hit(each.id, each.session_id, float(score), passage=(-1, 0, len(each.said)))
            for each, score in zip(self._documents, self._vectors @ vector, strict=True)
            if each.workspace_id == workspace_id and passes(each, filter)
        ]
        return sorted(scored, key=lambda hit: -hit.score)[:limit]


class Rows:
    """The order of messages in their sessions."""

    async def of(self, workspace_id: int, message_ids: Sequence[int]) -> Mapping[int, Standing]:
        return {
            id: Standing(id - 1 if id - 1 in SAID else None, id + 1 if id + 1 in SAID else None, id)
            for id in message_ids
        }


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return SentenceTransformerEmbedder(purpose="query")


@pytest.fixture(scope="module")
def vectors(embedder: Embedder) -> ExactVectors:
    return ExactVectors(DOCUMENTS, embedder.embed([each.said for each in DOCUMENTS]))


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TantivyReader]:
    directory: Path = tmp_path_factory.mktemp("text")
    writer = open_writer(directory)
    writer.put([*DOCUMENTS, TITLES])
    writer.commit("1")
    yield open_reader(directory)
    writer.close()


@pytest.fixture
def ask(text: TantivyReader, vectors: ExactVectors, embedder: Embedder):  # type: ignore[no-untyped-def]
    async def ask(
        q: str,
        mode: Mode = "hybrid",
        *,
        unit: Unit = "message",
        model: Embedder | None = embedder,
        index: ExactVectors | None = vectors,
    ) -> Ranking:
        return await search.search(
            1,
            parse(q, now_ms=0),
            text=text,
            vectors=index,
            embedder=model,
            neighbours=Rows(),
            mode=mode,
            unit=unit,
            facets=("role",),
        )

    return ask


def ids(ranking: Ranking) -> list[int]:
    return [each.id for each in ranking.messages]


async def test_it_finds_by_word_and_by_meaning(ask) -> None:  # type: ignore[no-untyped-def]
    """An identifier by its letters, a paraphrase without a common word, both in one ranking that says why."""
    by_word, by_meaning = await ask("E0308"), await ask("login redirect loop")
    assert (ids(by_word)[0], ids(by_meaning)[0]) == (21, 11)
    assert (by_word.mode_used, by_word.fallback_reason) == ("hybrid", "")
    first = by_word.messages[0]
    assert first.text is not None
    assert first.vector is not None
    assert (first.text.rank, first.passage) == (1, (-1, 0, len(SAID[21])))


async def test_it_never_shows_another_workspace(ask) -> None:  # type: ignore[no-untyped-def]
    """Neither index gives what is another tenant's, whatever the mode."""
    for mode in ("hybrid", "fulltext", "semantic"):
        assert 41 not in ids(await ask("cookie secret", mode))


@pytest.mark.parametrize("lacking", ["model", "index"])
async def test_it_answers_from_words_and_says_so(lacking: str, ask) -> None:  # type: ignore[no-untyped-def]
    """Without a model or vectors there is still an answer, for every mode, and a reason beside it."""
    for mode in ("hybrid", "semantic"):
        ranking = await ask("cookie", mode, **{lacking: None})
        assert (ids(ranking), ranking.mode_used, ranking.fallback_reason) == (
            [12],
            "fulltext",
            search.NO_EMBEDDER,
        )


async def test_it_says_when_nothing_has_a_vector(ask, embedder: Embedder) -> None:  # type: ignore[no-untyped-def]
    """Vectors that wait to be computed are no reason to find nothing."""
    empty = ExactVectors([], np.empty((0, embedder.dimension), np.float32))
    for mode in ("hybrid", "semantic"):
        ranking = await ask("cookie", mode, index=empty)
        assert (ids(ranking), ranking.mode_used, ranking.fallback_reason) == (
            [12],
            "fulltext",
            search.NO_VECTORS,
        )


async def test_it_keeps_to_what_a_query_requires_and_excludes(ask) -> None:  # type: ignore[no-untyped-def]
    """What was found by meaning holds the phrase and not the excluded word, and the count knows it."""
    for mode in ("hybrid", "semantic"):
        required, excluded = (
            await ask('login "was it"', mode),
            await ask("login -cookie role:assistant", mode),
        )
        assert (ids(required), required.counts.total) == ([13], 1)
        assert (ids(excluded), excluded.counts.total) == ([22], 1)


async def test_it_counts_what_words_and_meaning_find(ask) -> None:  # type: ignore[no-untyped-def]
    """Messages with a word, and those found by meaning: each once; in sessions when sessions are asked for."""
    assert (await ask("cookie", "fulltext")).counts.total == 1
    hybrid = await ask("cookie")
    assert (hybrid.counts.total, hybrid.counts.facets) == (6, {"role": {"user": 4, "assistant": 2}})
    assert (await ask("cookie", unit="session")).counts.total == 3
    assert (await ask("cookie", "semantic", unit="session")).counts.total == 3


async def test_it_groups_by_session(ask) -> None:  # type: ignore[no-untyped-def]
    """Sessions in the order of their best messages, with these; a title that matches brings its session."""
    ranking = await ask("OAuth callback cookie", unit="session")
    assert ranking.sessions[0].session_id == 1
    assert ranking.sessions[0].matches[0].id in (11, 12)
    assert len(ranking.sessions[0].matches) == 3
    [by_title] = (await ask("compiler", "fulltext", unit="session")).sessions
    assert (by_title.session_id, by_title.by_title, by_title.matches) == (2, True, [])


async def test_it_lists_what_a_filter_alone_leaves(ask) -> None:  # type: ignore[no-untyped-def]
    """Newest first, without a model, and counted; nothing at all for an empty query."""
    for mode in ("hybrid", "fulltext"):
        ranking = await ask("role:user", mode)
        assert (ids(ranking), ranking.counts.total, ranking.mode_used, ranking.fallback_reason) == (
            [31, 21, 13, 11],
            4,
            "fulltext",
            "",
        )
    assert (await ask("role:user", "semantic")).fallback_reason == search.NO_TEXT
    nothing = await ask("")
    assert (ids(nothing), nothing.counts.total) == ([], 0)


async def test_it_says_nothing_of_vectors_where_nothing_may_be_found(ask) -> None:  # type: ignore[no-untyped-def]
    """A filter that nothing passes gives no hits, and blames no missing vector."""
    found = await ask("cookie source:pi")
    assert (ids(found), found.counts.total, found.mode_used, found.fallback_reason) == ([], 0, "hybrid", "")


async def test_it_tries_again_with_the_nearest_words(ask) -> None:  # type: ignore[no-untyped-def]
    """Where no word stands anywhere, the nearest that do are searched, and it says so; by letters left out, added, changed, swapped."""
    for typed, meant, hit in (
        ("cokie", "cookie", 12),
        ("tomattoes", "tomatoes", 31),
        ("mismathced", "mismatched", 21),
        ("pastaa", "pasta", 31),
    ):
        found = await ask(typed, "fulltext")
        assert (ids(found)[0], found.mode_used, found.corrections) == (hit, "fuzzy", {typed: meant})
        assert found.counts.total == 1
    both_ways = await ask("cokie")
    assert (ids(both_ways)[0], both_ways.mode_used) == (12, "fuzzy")
    phrase = await ask('"the cokie was"', "fulltext")
    assert (ids(phrase), phrase.terms[0].text) == ([12], "the cookie was")


async def test_it_corrects_the_first_of_many_words(ask) -> None:  # type: ignore[no-untyped-def]
    """Each word is compared with thousands of the index's, so only so many are: a long question of nonsense costs no more."""
    nonsense = [f"zzz{letter}qqq{letter}" for letter in "abcdefgh"]
    assert len(nonsense) == spelling.WORDS
    near = await ask(" ".join([*nonsense[1:], "cokie"]), "fulltext")
    assert near.corrections == {"cokie": "cookie"}
    far = await ask(" ".join([*nonsense, "cokie"]), "fulltext")
    assert (far.corrections, ids(far)) == ({}, [])


async def test_it_corrects_only_what_stands_nowhere(ask) -> None:  # type: ignore[no-untyped-def]
    """A word that somebody wrote is meant; short ones, far ones, other tenants' and those that a filter keeps out are not offered."""
    for q in ("cookie role:user", "ck", "zzzzqqq", "secert", "cokie role:user", "pasta -pasta", "東京都民"):
        found = await ask(q, "fulltext")
        assert (found.corrections, found.mode_used) == ({}, "fulltext"), q
    assert (await ask("cokie", "semantic")).mode_used == "semantic"
    assert (await ask("cokie basil", "fulltext")).corrections == {}
