"""Near-duplicates: what is alike, and that finding them misses none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.alike import SHARED, Seen, are_alike, shape

LONG = " ".join(f"word{n}" for n in range(60))
texts = st.lists(st.sampled_from([f"w{n}" for n in range(40)]), max_size=60).map(" ".join)


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (LONG, LONG.upper() + "!", True),
        (LONG, f"{LONG} and more", True),
        (LONG, LONG.replace("word30 ", ""), True),
        (LONG, LONG[: len(LONG) // 2], False),
        ("kettle " * 30, "kettle " * 31, False),
        ("message 17 of the list", "message 18 of the list", False),
        ("東京都の天気", "東京都の天気。", True),
        ("", "", False),
        (LONG * 100, LONG * 100, True),
        (LONG * 100, LONG * 101, False),
    ],
)
def test_it_knows_what_is_alike(one: str, other: str, expected: bool) -> None:
    """Case, signs and a few words make no difference to a long text; in a short one every word does."""
    assert are_alike(shape(one), shape(other)) is expected


@given(st.lists(texts, max_size=30))
def test_it_finds_all_that_comparing_each_with_each_finds(several: list[str]) -> None:
    """The first alike one is the first whose share of common runs is large enough, by brute force."""
    shapes = [shape(text) for text in several]
    seen, kept = Seen(), list[frozenset[int]]()
    for each in shapes:
        expected = next((place for place, other in enumerate(kept) if jaccard(each, other) >= SHARED), None)
        assert seen.first(each) == expected
        if expected is None:
            kept.append(each)


@given(
    st.lists(st.sampled_from([f"w{n}" for n in range(200)]), min_size=40, max_size=80, unique=True), st.data()
)
def test_it_finds_a_text_with_a_few_words_changed(words: list[str], data: st.DataObject) -> None:
    """A text that differs by one word at its end is found; one of other words is not."""
    seen = Seen([shape(" ".join(words))])
    assert seen.find(shape(" ".join(words[:-1]))) == 0
    assert seen.find(shape(" ".join(f"other{word}" for word in words))) is None
