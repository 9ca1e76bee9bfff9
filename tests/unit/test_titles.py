"""Titles: ranks, placeholders, slugs, and titles made from text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import titles


@pytest.mark.parametrize(
    "title",
    [
        "",
        "  ",
        "Untitled",
        "untitled session",
        "New session - 2026-01-21",
        "New Chat",
        "New session - 2026-01-21T10:00:00.000Z",
    ],
)
def test_it_knows_placeholders(title: str) -> None:
    """What clients send for want of a title never counts as one."""
    assert titles.title_rank(title) == titles.NONE


@pytest.mark.parametrize(
    "title", ["Connection Test", "New session store for Redis", "Untitled columns in the CSV export"]
)
def test_it_lets_real_titles_be(title: str) -> None:
    """A title that only begins like a placeholder is a real one."""
    assert titles.title_rank(title) == titles.REAL


def test_it_ranks_titles() -> None:
    """None, a slug or bare command, derived, real: each gives way to the next and never the other way round."""
    ranks = [
        titles.title_rank(None),
        titles.title_rank("wandering-sparking-otter"),
        titles.title_rank("/clear", derived=True),
        titles.title_rank("why does pytest hang", derived=True),
        titles.title_rank("Retry policy in queue.ts"),
    ]
    assert ranks == [titles.NONE, titles.WEAK, titles.WEAK, titles.DERIVED, titles.REAL] == sorted(ranks)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Explain the retry policy in queue.ts", "Explain the retry policy in queue.ts"),
        ("\n\n  # Fix **it**\nnow", "Fix it"),
        ("<command-message>init is running</command-message>\n<command-name>/init</command-name>", "/init"),
        ("<system-reminder>\nbe kind\n</system-reminder>\nWhy does it hang?", "Why does it hang?"),
        ("<user_query>\nWhy does it hang?\n</user_query>", "Why does it hang?"),
        (
            "Center the <div> in Vec<String> with snake__case",
            "Center the <div> in Vec<String> with snake__case",
        ),
        ("```ts\nconst a = 1;\n```", "const a = 1;"),
        ("> - [ ] quoted task", "quoted task"),
        ("word " * 40, "word " * 15 + "word…"),
        ("再" * 100, "再" * 79 + "…"),
        ("Implement the following plan:\n\n# Plan: one queue for all\n\nFirst", "Plan: one queue for all"),
        ("Implement the following plan:", "Implement the following plan:"),
        ("Implement the following planner: it plans", "Implement the following planner: it plans"),
        ("--- ***", ""),
        ("", ""),
    ],
)
def test_it_derives_a_title(text: str, title: str) -> None:
    """The first line with a word in it, without markup and what clients wrap around a prompt."""
    assert titles.first_line_title(text) == title


@given(st.text())
def test_it_derives_one_short_line(text: str) -> None:
    """Any text gives one line of at most 80 characters."""
    title = titles.first_line_title(text)
    assert len(title) <= titles.MAX_DERIVED_CHARS
    assert len(title.splitlines()) <= 1
