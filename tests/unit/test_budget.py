"""Packing into a budget: never more than it, whatever the input; citations in order; nothing empty and nothing twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexing.alike import are_alike, shape
from indexing.budget import FORMATS, Content, Format, Packed, Said, Source, content, o200k, pack
from indexing.model import Field, Term

FORMS: tuple[Format, ...] = ("text", "messages", "markdown", "xml")
QUERY = "redirect loop"

words = st.sampled_from(
    ["redirect", "loop", "cookie", "東京都の天気", "👩‍👩‍👧‍👦", "e\u0301", "<b>&amp;", "[1]", "```", "\n", "\n\n", ". ", "x" * 300, "\ud83d", "\x0b", "0xdeadbeef", "…"]
)  # fmt: skip
texts = st.lists(words, max_size=60).map(" ".join) | st.text(max_size=200)
titles = st.sampled_from(["", "Login loop", "t\n" * 50, '"<&>"', "標題" * 60])


@st.composite
def offers(draw: st.DrawFn) -> tuple[list[Source], list[Said]]:
    sources = [
        Source(session_id=id, title=draw(titles), project=draw(titles), created_at_ms=draw(st.integers(0, 10**14)))
        for id in range(draw(st.integers(1, 4)))
    ]  # fmt: skip
    offered = []
    for id in range(draw(st.integers(0, 15))):
        text = draw(texts)
        start = draw(st.integers(0, len(text)))
        offered.append(
            said(
                id,
                session_id=draw(st.integers(0, 4)),
                text=text,
                worth=draw(st.floats(0, 5)),
                at=(start, draw(st.integers(start, len(text)))),
            )
        )
    return sources, offered


def said(
    id: int, *, session_id: int = 0, text: str, worth: float = 1.0, at: tuple[int, int] = (0, 0)
) -> Said:
    return Said(
        id=id,
        session_id=session_id,
        seq=id,
        role="user",
        score=worth,
        worth=worth,
        content=Content(text, *at),
    )


def packed(offered: Sequence[Said], *, tokens: int, form: Format = "text", sessions: int = 1) -> Packed:
    sources = [Source(session_id=id, title=f"Session {id}") for id in range(sessions)]
    return pack(sources, offered, tokens=tokens, count=o200k(), style=FORMATS[form], query=QUERY)


def prose(seed: int, sentences: int = 40) -> str:
    return " ".join(
        f"Sentence {n} of text {seed} speaks of thing{seed * 1000 + n}." for n in range(sentences)
    )


@settings(deadline=None, max_examples=150)
@given(offers(), st.integers(1, 600), st.sampled_from(FORMS), texts)
def test_it_never_exceeds_the_budget(
    given: tuple[list[Source], list[Said]], tokens: int, form: Format, query: str
) -> None:
    """Whatever is offered: at most the budget, the count is that of the whole, nothing empty, nothing near the same twice."""
    sources, offered = given
    found = pack(sources, offered, tokens=tokens, count=o200k(), style=FORMATS[form], query=query)
    assert sum(o200k()(text) for text in found.texts) == found.tokens <= tokens
    pieces = [piece for block in found.blocks for piece in block.pieces]
    assert all(piece.text.strip() for piece in pieces)
    assert [piece.n for piece in pieces] == list(range(1, len(pieces) + 1))
    shapes = [shape(piece.said.content.text) for piece in pieces]
    assert not any(are_alike(one, other) for at, one in enumerate(shapes) for other in shapes[:at])
    if form == "xml" and found.texts:
        marks = [each.get("n") for each in ElementTree.fromstring(found.texts[0]).iter("message")]
        assert marks == [str(piece.n) for piece in pieces]


def test_it_reads_like_the_sessions() -> None:
    """The opening, a heading a session in the order of sessions, messages in their own order, a mark where some are left out."""
    found = packed(
        [said(4, text="The cookie was strict.", worth=5), said(1, text="Why does it loop?"), said(2, text="Look.")],
        tokens=500,
    )  # fmt: skip
    assert found.texts == [
        'Relevant coding sessions for: "redirect loop"\n'
        "\nSession 0 (1970-01-01)\n[1] user: Why does it loop?\n[2] user: Look.\n…\n[3] user: The cookie was strict.\n"
    ]


def test_it_prefers_what_is_worth_more() -> None:
    """Of messages of the same size, the best are taken."""
    found = packed([said(n, text=prose(n, 2), worth=n % 7) for n in range(1, 40)], tokens=200)
    kept = [piece.said.worth for block in found.blocks for piece in block.pieces]
    assert min(kept) == 6


def test_it_cuts_a_long_message_around_its_match() -> None:
    """What was looked for is in what is shown, however deep it stands, and the cut is at sentences."""
    text = f"{prose(1)} The needle stands here. {prose(2)}"
    at = text.index("needle")
    (block,) = packed([said(1, text=text, at=(at, at + 6))], tokens=150).blocks
    (piece,) = block.pieces
    assert "The needle stands here." in piece.text
    assert re.match(r"…(Sentence|The needle)", piece.text)


def test_it_shares_the_room_among_sessions() -> None:
    """A session with the best fifty hits leaves room for another's one; alone it gets the whole."""
    greedy = [said(n, text=prose(n, 3), worth=9) for n in range(50)]
    modest = said(99, session_id=1, text="The cookie was strict, lax fixed it.")
    found = packed([*greedy, modest], tokens=400, sessions=2)
    assert [block.source.session_id for block in found.blocks] == [0, 1]
    assert packed(greedy, tokens=400).tokens > 300
    assert found.tokens > 300


def test_it_fills_the_room_with_more_of_a_message() -> None:
    """One long message alone gets the whole budget, not its first share."""
    assert packed([said(1, text=prose(1, 400))], tokens=2_000).tokens > 1_500


@pytest.mark.parametrize("form", FORMS)
def test_it_says_nothing_where_nothing_fits(form: Format) -> None:
    """A budget that not even the opening fits into gives no text; one for the opening alone gives that."""
    assert packed([said(1, text=prose(1))], tokens=1, form=form).tokens <= 1
    assert packed([], tokens=100, form=form).blocks == []


def test_it_renders_tools_in_a_line_each() -> None:
    """Calls and results are one line; thoughts are shown where nothing else is; a matching result around its match."""
    fields = [
        Field(-1, "text", "Running the tests."),
        Field(0, "reasoning", "Perhaps it fails."),
        Field(1, "tool-call", "Bash command: make\ntest", "Bash"),
        Field(2, "tool-result", f"{'ok line. ' * 200}ECONNREFUSED 127.0.0.1\n{'more. ' * 200}", "Bash"),
    ]
    lines = content(fields, [Term("econnrefused")]).text.split("\n")
    assert lines[:2] == ["Running the tests.", "Bash(command: make test)"]
    assert lines[2].startswith("Bash -> …")
    assert "ECONNREFUSED" in lines[2]
    assert len(lines) == 3
    assert content(fields[1:2]).text == "Perhaps it fails."


@given(
    st.lists(
        st.builds(
            Field,
            st.integers(-1, 5),
            st.sampled_from(["text", "reasoning", "tool-call", "tool-result"]),
            texts,
            st.sampled_from(["", "Bash"]),
        ),
        max_size=5,
        unique_by=lambda field: field.ordinal,
    )
)
def test_it_knows_where_the_match_stands(fields: list[Field]) -> None:
    """Whatever the fields, the match lies inside the content."""
    found = content(fields, [Term("redirect"), Term("東京")])
    assert 0 <= found.start <= found.end <= len(found.text)
