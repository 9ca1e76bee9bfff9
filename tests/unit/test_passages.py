"""Passages: nothing is lost, nothing is too long, and borders stand where a reader would put them."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.model import Field
from indexing.passages import cut, distinct, index_text, split

SENTENCE = "The worker keeps a cursor for each index and moves it last. "
TEXTS = st.text(max_size=400) | st.lists(
    st.sampled_from(["word ", "A sentence ends. ", "\n\n", "\n", "x" * 90, "東京都の天気。", "cafe\u0301", "👩‍👩‍👧‍👦", "\ud83d", "{\"a\":1},", "\t"]), max_size=300
).map("".join)  # fmt: skip


def pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in cut(text)]


@given(TEXTS)
def test_it_loses_no_text(text: str) -> None:
    """Passages follow each other without overlap, and between them is only whitespace."""
    at = 0
    for start, end in cut(text):
        assert at <= start < end
        assert not text[at:start].strip()
        assert text[start:end] == text[start:end].strip()
        at = end
    assert not text[at:].strip()


@given(TEXTS)
def test_it_cuts_inside_no_written_character(text: str) -> None:
    """No passage begins with an accent that belongs to a letter before it, nor ends or begins at a joiner."""
    for start, end in cut(text):
        if start and not text[start - 1].isspace():
            assert not unicodedata.combining(text[start])
            assert text[start] != "\u200d" != text[start - 1]
        assert end == len(text) or text[end] != "\u200d" or text[end - 1].isspace()


@pytest.mark.parametrize("text", ["", " ", "\n\n\t ", "\u3000"])
def test_it_makes_nothing_of_whitespace(text: str) -> None:
    """What holds no sign holds no passage."""
    assert pieces(text) == []


def test_it_leaves_a_short_text_whole() -> None:
    """A text that a model can read at once is one passage, paragraphs or not."""
    text = "First.\n\n" + SENTENCE * 10
    assert pieces(text) == [text.strip()]


def test_it_prefers_paragraphs_then_sentences() -> None:
    """A passage ends at a paragraph that is near, else at a sentence, in any case not inside a word."""
    paragraph = SENTENCE * 11
    assert pieces(f"{paragraph}\n\n{paragraph}\n\n{paragraph}") == [paragraph.strip()] * 3
    assert all(piece.endswith(".") for piece in pieces(SENTENCE * 100))
    assert set(" ".join(pieces("alpha beta gamma " * 300)).split()) == {"alpha", "beta", "gamma"}


@pytest.mark.parametrize(
    "text",
    [SENTENCE * 500, "x" * 20_000, "東京都の天気はどうですか。" * 500, '{"id":1,"name":"foo_bar"},' * 500],
)
def test_it_keeps_passages_within_what_a_model_reads(text: str) -> None:
    """About 140 words of prose; of code, JSON and scripts without spaces as much less as they have more tokens."""
    found = pieces(text)
    assert len(found) > 5
    assert max(len(piece.split()) for piece in found) <= 200
    assert max(len(piece) for piece in found) <= 1_600


def test_it_names_the_field_and_how_soon_to_embed_it() -> None:
    """What people and agents say goes first, reasoning and calls next, tool output last."""
    fields = [
        Field(-1, "text", "Said."),
        Field(0, "reasoning", "Thought."),
        Field(1, "tool-call", "Called."),
        Field(2, "tool-result", "Printed."),
    ]
    assert [(each.field, each.priority) for each in split(fields)] == [(-1, 0), (0, 1), (1, 1), (2, 2)]


def test_it_shares_one_hash_among_equal_texts() -> None:
    """The same text has the same hash in any place, and another text another one."""
    one, two = (
        split([Field(-1, "text", "  Same text. ")])[0],
        split([Field(3, "tool-result", "Same text.\n")])[0],
    )
    assert one.sha256 == two.sha256 != split([Field(-1, "text", "Same text!")])[0].sha256


def test_it_takes_a_text_that_was_sent_twice_once() -> None:
    """Clients send a message's text as a part as well: the first of equal fields stands for both."""
    fields = [
        Field(-1, "text", "Hello"),
        Field(0, "text", "Hello"),
        Field(1, "tool-call", "ls", "Bash"),
        Field(2, "tool-result", "a.py"),
    ]
    assert [field.ordinal for field in distinct(fields)] == [-1, 1, 2]
    assert index_text(fields) == ("Hello", "Bash ls\na.py")


def test_it_takes_time_in_proportion_to_the_text() -> None:
    """Ten times the text takes about ten times as long: no passage is looked at again for each that follows."""

    def seconds(text: str) -> float:
        started = time.perf_counter()
        list(cut(text))
        return time.perf_counter() - started

    small = min(seconds(SENTENCE * 500) for _ in range(3))
    assert min(seconds(SENTENCE * 5_000) for _ in range(3)) < small * 40
