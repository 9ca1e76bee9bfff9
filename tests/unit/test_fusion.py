"""Fusion: scores on one scale, company that lifts and never pushes down, and an order that can be explained."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.fusion import COVERAGE_WEIGHT, Fused, fuse, in_company, vector_weight, z_scores
from indexing.model import Hit

DEPTH = 200


def hits(scores: dict[int, float], *, per_session: int = 5) -> list[Hit]:
    return sorted(
        (Hit(id, id // per_session, score) for id, score in scores.items()), key=lambda hit: -hit.score
    )


SCORES = st.dictionaries(st.integers(1, 30), st.floats(-5, 50, allow_nan=False), max_size=20)


def test_it_gives_both_rankings_a_say() -> None:
    """Second in both beats first in one and nowhere in the other."""
    words, vectors = hits({1: 9.0, 2: 8.0, 3: 1.0, 4: 1.0}), hits({5: 0.9, 2: 0.8, 3: 0.1, 4: 0.1})
    assert fuse(words, vectors, depth=4)[0].id == 2


def test_it_does_not_depend_on_the_scale_of_a_ranking() -> None:
    """BM25 in tens or in hundreds: only distances within a ranking count."""
    vectors = hits({1: 0.2, 2: 0.9, 4: 0.5})
    once = fuse(hits({1: 9.0, 2: 3.0, 3: 2.0}), vectors, depth=3)
    tenfold = fuse(hits({1: 90.0, 2: 30.0, 3: 20.0}), vectors, depth=3)
    assert [(each.id, round(each.score, 9)) for each in once] == [
        (each.id, round(each.score, 9)) for each in tenfold
    ]


def test_it_lets_the_only_message_with_the_word_win() -> None:
    """One exact match among many messages that are all somewhat near: the complete list says that others have no match."""
    vectors = hits({id: 0.5 - id / 100 for id in range(1, 31)})
    assert fuse(hits({20: 4.0}), vectors, depth=DEPTH)[0].id == 20


@pytest.mark.parametrize("empty", ["words", "vectors", "both"])
def test_it_keeps_the_order_of_the_only_ranking(empty: str) -> None:
    """A ranking that is empty has no say; two empty ones give nothing."""
    only = hits({1: 3.0, 2: 5.0, 3: 4.0})
    found = fuse([] if empty != "vectors" else only, [] if empty != "words" else only, depth=DEPTH)
    assert [each.id for each in found] == ([] if empty == "both" else [2, 3, 1])


def test_it_breaks_ties_by_id() -> None:
    """Equal scores always come in the same order, whatever the order of the lists."""
    assert [each.id for each in fuse(hits({3: 1.0, 1: 1.0, 2: 1.0}), [], depth=DEPTH)] == [1, 2, 3]


def test_it_says_why() -> None:
    """A candidate tells rank and score in each ranking, what was added, and the passage that vectors found."""
    vectors = [Hit(2, 0, 0.9, passage=(-1, 0, 10)), Hit(1, 0, 0.4, passage=(-1, 5, 9))]
    second, first = sorted(
        in_company(fuse(hits({1: 7.0}), vectors, depth=DEPTH), {1: (None, 2), 2: (1, None)}),
        key=lambda each: -each.id,
    )
    assert first.text is not None
    assert first.vector is not None
    assert (first.text.rank, first.text.score, first.vector.rank, first.vector.score) == (1, 7.0, 2, 0.4)
    assert (second.text, second.passage) == (None, (-1, 0, 10))
    assert first.score == pytest.approx(first.fused + first.neighbours + first.session + first.coverage)


def test_it_keeps_a_title_apart_from_the_message_of_the_same_id() -> None:
    """A session's titles and a message may have the same number: they are two candidates, and one lifts the other's session."""
    words = [Hit(1, 1, 9.0, unit="session"), Hit(1, 7, 5.0), Hit(2, 1, 4.0)]
    found = in_company(fuse(words, [], depth=DEPTH), {})
    assert {(each.unit, each.id) for each in found} == {("session", 1), ("message", 1), ("message", 2)}
    assert {each.id: each.session for each in found if each.unit == "message"}[2] > 0


def test_it_lifts_a_message_between_good_ones() -> None:
    """Of two equal messages, the one whose neighbours are good comes first; neighbours that are no candidates add nothing."""
    words = hits({1: 9.0, 2: 5.0, 3: 9.0, 50: 5.0}, per_session=100)
    ranked = in_company(fuse(words, [], depth=DEPTH), {2: (1, 3), 50: (49, 51)}, session_share=0)
    assert [each.id for each in ranked].index(2) < [each.id for each in ranked].index(50)
    assert {each.id: each.neighbours for each in ranked}[50] == 0


def test_it_hears_those_two_places_away() -> None:
    """A good message lifts the one beside it more than the next but one, and that one more than a stranger of the session."""
    words = hits({10: 9.0, 11: 3.0, 12: 3.0, 17: 3.0}, per_session=100)
    beside = {id: (id - 1, id + 1) for id in (10, 11, 12, 17)}
    added = {each.id: each.neighbours for each in in_company(fuse(words, [], depth=DEPTH), beside)}
    assert added[11] > added[12] > added[17] == 0


@pytest.mark.parametrize(("tenth", "nearest"), [(9.0, 0.6), (2.0, 0.9)], ids=["words alike", "vector near"])
def test_it_trusts_vectors_more_where_they_are_near_or_words_are_all_alike(
    tenth: float, nearest: float
) -> None:
    """Against words of which one stands out, and a nearest vector that is far."""
    usual = vector_weight(hits({1: 10.0} | dict.fromkeys(range(2, 12), 2.0)), hits({1: 0.6}))
    assert vector_weight(hits({1: 10.0} | dict.fromkeys(range(2, 12), tenth)), hits({1: nearest})) > usual


def test_it_lifts_a_session_whose_messages_share_out_the_words() -> None:
    """Of two equal messages, the one whose session says more of the query comes first; without coverage nothing is added."""
    fused = fuse(hits({1: 5.0, 2: 5.0}, per_session=2), [], depth=DEPTH)
    first, second = in_company(fused, {}, {0: 3.0, 1: 9.0})
    assert (first.id, second.id) == (2, 1)
    assert (first.coverage, second.coverage) == (pytest.approx(2 * COVERAGE_WEIGHT), 0)
    assert all(each.coverage == 0 for each in in_company(fused, {}))


@given(SCORES, SCORES)
def test_it_never_punishes_for_company(words: dict[int, float], vectors: dict[int, float]) -> None:
    """Fused scores are at least 0, and what neighbours and sessions add is at least 0 too."""
    fused = fuse(hits(words), hits(vectors), depth=DEPTH)
    ranked = in_company(fused, {id: (id - 1, id + 1) for id in range(31)}, {1: 4.0, 2: 0.5})
    assert {each.id for each in ranked} == words.keys() | vectors.keys()
    assert all(
        each.fused >= 0 and each.neighbours >= 0 and each.session >= 0 and each.coverage >= 0
        for each in ranked
    )
    assert ranked == sorted(ranked, key=lambda each: (-each.score, each.id))


@given(st.dictionaries(st.integers(), st.floats(-1e6, 1e6, allow_nan=False), min_size=1))
def test_it_gives_z_scores_around_zero(scores: dict[int, float]) -> None:
    """The mean of z-scores is 0; without spread all of them are 0."""
    keyed = {("message", id): score for id, score in scores.items()}
    found = z_scores(keyed, among=keyed.keys())  # type: ignore[arg-type]
    assert sum(found.values()) == pytest.approx(0, abs=1e-6 * len(found))
    assert len(set(scores.values())) > 1 or set(found.values()) == {0.0}


def test_it_can_be_taken_apart() -> None:
    """The shares are of fused scores: lifting is the same in any order of candidates."""
    candidates = [
        Fused(id=id, session_id=id % 2, unit="message", score=float(id), fused=float(id)) for id in range(6)
    ]
    beside = {id: (id - 1, id + 1) for id in range(6)}
    assert in_company(candidates, beside) == in_company(candidates[::-1], beside)
