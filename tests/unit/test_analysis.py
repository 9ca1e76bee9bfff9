"""What is done to a text before tantivy's analyzers see it."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from indexing.fulltext.analysis import FORMS, STEMS, for_both, for_forms, for_stems, pieces, sign_word

LETTERS = st.text(alphabet=st.sampled_from("abz019 _./éñ東京都한ก—→ﬁ²\ud800"), max_size=40)


@given(text=st.text(alphabet="abcABC019 _.", max_size=60))
def test_it_cuts_a_text_where_it_cuts_words(text: str) -> None:
    """Indexing looks at bytes of whole texts, highlighting at words: both find the same pieces."""
    words = re.split(r"([^\W_]+)", text)
    cut = "".join(" ".join(word[start:end] for start, end in pieces(word)) for word in words)
    assert for_stems(text) == cut


@given(text=LETTERS)
def test_it_reads_composed_and_decomposed_writing_alike(text: str) -> None:
    """An accent may be part of its letter or stand behind it."""
    for form in ("NFC", "NFD"):
        written = unicodedata.normalize(form, text)
        assert FORMS.analyze(for_forms(written)) == FORMS.analyze(for_forms(text))
        assert STEMS.analyze(for_stems(written)) == STEMS.analyze(for_stems(text))


@given(text=st.text(alphabet=st.sampled_from("→\u0338\u0301≠✓\ufe0f\u200d東한é aB1"), max_size=12))
def test_it_reads_an_arrow_like_every_other_sign(text: str) -> None:
    """An arrow is replaced before the rest is looked at: another one, in its place, becomes a word in the same places."""
    other = unicodedata.normalize("NFC", text).replace("→", "\u2191")
    arrow, up = (sign_word(sign) for sign in "→\u2191")
    for read in (for_stems, for_forms):
        expected = read(other).replace(up, arrow)
        assert read(unicodedata.normalize("NFC", text)) == expected
        assert read("\u2192\u0338").split() == read("\u219b").split()  # a stroke makes another arrow of it


@given(length=st.integers(1, 300))
def test_it_takes_out_long_runs_of_letters_only(length: int) -> None:
    """A run of 128 letters without a space is no word that anybody types; a shorter one stays."""
    run = "x" * length
    assert for_forms(f"é {run} b") == (f"é {run} b" if length < 128 else "é   b")


@given(text=st.text(alphabet=st.characters(codec=None)))
def test_it_gives_texts_that_can_be_stored(text: str) -> None:
    """Half emoji, signs and scripts of any kind: the result is valid Unicode."""
    for prepared in for_both(text):
        assert prepared.isascii() or prepared.encode()
