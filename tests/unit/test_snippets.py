"""Snippets: the right place, cut where a reader would cut, and highlights that are right in any script."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.model import Field, Term
from indexing.snippets import SNIPPET_CHARACTERS, Snippet, snippet

FILLER = "Nothing of interest stands here. " * 30


def of(text: str, *terms: str | Term, passage: tuple[int, int, int] | None = None) -> Snippet:
    return snippet(
        [Field(-1, "text", text)],
        [Term(term) if isinstance(term, str) else term for term in terms],
        passage=passage,
    )


def marked(text: str, *terms: str | Term) -> list[str]:
    found = of(text, *terms)
    return [found.text[start:end] for start, end in found.highlights]


@pytest.mark.parametrize(
    ("text", "term", "expected"),
    [
        ("The login redirect loops", "redirects", ["redirect"]),
        ("It fails in handleCallback()", "callback", ["Callback"]),
        ("It fails in handleCallback()", "handleCallback", ["handleCallback"]),
        ("It fails in handleCallback()", "handlecallback", ["handleCallback"]),
        ("See GitHub", "github", ["GitHub"]),
        ("set user_name in src/app/main.py", "src/app/main.py", ["src/app/main.py"]),
        ("set user_name now", "user_name", ["user_name"]),
        ("error[E0308]: mismatched", "e0308", ["E0308"]),
        ("a café, a CAFE\u0301", "cafe", ["café", "CAFE\u0301"]),
        ("Straße in İstanbul", "STRASSE", ["Straße"]),
        ("Straße in İstanbul", "istanbul", ["İstanbul"]),
        ("the ﬁle", "file", ["ﬁle"]),
        ("👩‍👩‍👧‍👦 family 👍🏽 ok", "ok", ["ok"]),
        ("deployed 🚀🚀 at last", "🚀", ["🚀🚀"]),
        ("well done 👍🏽!", "👍", ["👍🏽"]),
        ("a → b", "→", ["→"]),
        ("東京都の天気", "東京", ["東京"]),
        ("東京都の天気", "天", ["天"]),
        ("한국어는 어렵다", "한국어", ["한국어"]),
        ("redirect", Term("redirect", "word", "must_not"), []),
        ("retry, retries, retried", Term("retr", "prefix"), ["retry", "retries", "retried"]),
        ("loop of redirect, redirect loop", Term("redirect loop", "phrase", "must"), ["redirect loop"]),
    ],
)
def test_it_highlights_what_the_index_found(text: str, term: str | Term, expected: list[str]) -> None:
    """Stems, pieces of identifiers, folded accents, scripts without spaces: what matches there is marked here."""
    assert marked(text, term) == expected


def test_it_chooses_the_place_with_the_most_different_matches() -> None:
    """One of each beats one of them many times."""
    found = of(f"{'redirect ' * 20}{FILLER}The redirect loses the cookie. {FILLER}", "redirect", "cookie")
    assert found.text == "…The redirect loses the cookie. " + found.text[32:]
    assert found.highlights == [(5, 13), (24, 30)]


def test_it_chooses_the_field_that_shows_the_match() -> None:
    """A match in a tool's output is shown from there, and the snippet says from which part."""
    fields = [Field(-1, "text", "Let me run it."), Field(2, "tool-result", "ECONNREFUSED 127.0.0.1")]
    assert snippet(fields, [Term("econnrefused")]).field == 2


def test_it_shows_the_passage_that_was_found_by_meaning() -> None:
    """Where no word matches, the passage begins the snippet; without one, the text does."""
    text = f"{FILLER}The cat sleeps on the mat. {FILLER}"
    assert of(text, "feline", passage=(-1, len(FILLER), len(text))).text.startswith(
        "…The cat sleeps on the mat."
    )
    assert of(text, "feline").text.startswith("Nothing of interest")


def test_it_shows_the_likest_sentence_of_what_was_found_by_meaning() -> None:
    """Where no word matches, the sentence of the passage that has most letters in common with the question begins the snippet."""
    text = f"{FILLER}The authenticator was slow. {FILLER}"
    shown = of(text, "authentifizierung", passage=(-1, 0, len(text))).text
    assert shown.startswith("…The authenticator was slow.")


@pytest.mark.parametrize("text", ["", "  \n "])
def test_it_shows_nothing_of_nothing(text: str) -> None:
    """A message without text has an empty snippet."""
    assert of(text, "x").text == ""
    assert snippet([], [Term("x")]).text == ""


def test_it_finds_a_match_deep_in_a_long_text_quickly() -> None:
    """A megabyte of tool output is not analysed word by word."""
    text = f"{'lorem ipsum dolor ' * 60_000} needleThing {'sit amet ' * 1_000}"
    started = time.perf_counter()
    assert marked(text, "needle") == ["needle"]
    assert time.perf_counter() - started < 0.5


@given(
    st.text(max_size=600)
    | st.lists(
        st.sampled_from(
            [
                "word ",
                "redirect",
                " ",
                "\n",
                "İ",
                "e\u0301",
                "👩‍👩‍👧‍👦",
                "東京都",
                "ß",
                ".",
                "ﬁ",
                "\ud83d",
                "handleCall",
            ]
        ),
        max_size=200,
    ).map("".join),
    st.lists(st.sampled_from(["redirect", "word", "東京", "call", "i", "fi", "👩", "→"]), max_size=4),
)
def test_it_keeps_offsets_inside_the_snippet(text: str, terms: list[str]) -> None:
    """Whatever the text: highlights are in order, apart, not empty and inside a snippet of bounded length."""
    found = of(text, *terms)
    assert len(found.text) <= SNIPPET_CHARACTERS + 2
    assert "\n" not in found.text
    at = 0
    for start, end in found.highlights:
        assert at <= start < end <= len(found.text)
        at = end
