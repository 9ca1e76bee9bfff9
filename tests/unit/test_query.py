"""The search language: what each piece means, and that nothing is refused."""

from __future__ import annotations

import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.dates import parse_ms
from indexing.model import Filter, Query, Term
from indexing.query import QUERY_CHARACTERS, TERMS, both, parse

NOW_MS = 1_772_366_400_000  # 2026-03-01 12:00 UTC
DAY_MS = 86_400_000


def read(q: str) -> Query:
    return parse(q, now_ms=NOW_MS)


def words(q: str) -> list[str]:
    return [term.text for term in read(q).terms]


def test_it_reads_every_kind_of_term() -> None:
    """Words are wanted, phrases required, `-` excludes, `*` begins; those that must hold come first."""
    found = read('fix "redirect loop" -draft -"old way" handleCall*')
    assert found.terms == (
        Term("redirect loop", "phrase", "must"),
        Term("draft", "word", "must_not"),
        Term("old way", "phrase", "must_not"),
        Term("fix"),
        Term("handleCall", "prefix"),
    )
    assert found.text == "fix redirect loop handleCall"


def test_it_reads_every_filter() -> None:
    """Each filter goes into its member, with quotes where a value has spaces, several values as any of them."""
    found = read(
        'bug source:codex-cli source:cursor-sync project:"my app" model:gpt-5 role:USER tool:Bash tag:sample kind:run session:ses_1 '
        "is:error after:2026-01-01 before:2026-02-01"
    )
    assert found.filter == Filter(
        sources=("codex-cli", "cursor-sync"),
        projects=("my app",),
        models=("gpt-5",),
        roles=("user",),
        tools=("Bash",),
        tags=("sample",),
        kinds=("run",),
        after_ms=1_767_225_600_000,
        before_ms=1_769_904_000_000,
        has_error=True,
    )
    assert (found.sessions, found.text) == (("ses_1",), "bug")


def test_it_reads_a_path_as_a_required_phrase() -> None:
    """`path:` looks for the path in the text, whole, and is nothing to embed."""
    assert read("path:src/app/main.py") == Query(text="", terms=(Term("src/app/main.py", "phrase", "must"),))


@pytest.mark.parametrize(
    "q",
    [
        "role:king", "after:soon", "is:fine", "source:", "http://localhost:8787/x?y=z", "std::map<int>", "error:E0308", "--no-cache",
        "-1", '"unclosed phrase', "a*", "*args", 'say:"x y"', "C++", "tag:", "(x OR y)", "foo^2~", "[1 TO 5]", "\\",
    ],
)  # fmt: skip
def test_it_searches_what_is_no_syntax_as_words(q: str) -> None:
    """Nothing is lost from a piece that is no valid syntax: its words are looked for, unfiltered (OR and TO are stop words)."""
    found = read(q)
    assert found.filter == Filter()
    assert all(term.kind == "word" and term.occur == "should" for term in found.terms)
    assert [part for part in q.split() if any(map(str.isalnum, part)) and part not in ("OR", "TO")] == [
        term.text for term in found.terms
    ]


def test_it_takes_stop_words_out_when_others_remain() -> None:
    """Question words go, the embedder still gets them; a query of stop words alone keeps them; phrases are whole."""
    assert words("how do I fix the redirect?") == ["fix", "redirect?"]
    assert read("how do I fix the redirect?").text == "how do I fix the redirect?"
    assert words("What’s up with it") == ["What’s", "up", "with", "it"]
    assert words('"to be or not"') == ["to be or not"]


def test_it_excludes_also_where_nothing_else_is_asked() -> None:
    """Exclusions exclude alone as beside a filter, and are nothing to embed; what only begins like a flag is words."""
    draft, old_way = Term("draft", "word", "must_not"), Term("old way", "phrase", "must_not")
    assert read("-draft") == Query(text="", terms=(draft,))
    assert read('-draft -"old way"') == Query(text="", terms=(draft, old_way))
    assert read("-draft source:pi").terms == (draft,)
    assert read("--no-cache -draft").terms == (draft, Term("--no-cache"))


def test_it_joins_the_filter_of_the_request_with_that_of_the_query() -> None:
    """Both hold: common values, the later start, the earlier end."""
    given_filter = Filter(sources=("codex-cli", "pi"), after_ms=5, before_ms=1_767_225_600_000)
    found = parse("x source:pi after:2025-12-31 before:2026-06-01", now_ms=NOW_MS, filter=given_filter)
    assert found.filter == Filter(sources=("pi",), after_ms=1_767_139_200_000, before_ms=1_767_225_600_000)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Filter(sources=("pi",)), Filter(sources=("aider",))),
        (Filter(has_error=True), Filter(has_error=False)),
        (Filter(session_ids=(1,)), Filter(session_ids=(2,))),
    ],
)
def test_it_lets_nothing_pass_filters_that_exclude_each_other(one: Filter, other: Filter) -> None:
    """An empty intersection means no message, and never no limit."""
    assert both(one, other).session_ids == ()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1767225600000", 1_767_225_600_000),
        ("2026-01-01", 1_767_225_600_000),
        ("2026-01-01T00:00:00Z", 1_767_225_600_000),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600_000),
        ("2026-01", 1_767_225_600_000),
        ("2026", 1_767_225_600_000),
        ("7d", NOW_MS - 7 * DAY_MS),
        ("2w", NOW_MS - 14 * DAY_MS),
        ("today", NOW_MS - DAY_MS // 2),
        ("Yesterday", NOW_MS - DAY_MS // 2 - DAY_MS),
        ("2026-13-01", None),
        ("last tuesday", None),
        ("", None),
        ("9" * 40, None),
    ],
)
def test_it_reads_dates(written: str, expected: int | None) -> None:
    """Epoch milliseconds, ISO 8601, days, months, years, and how long ago."""
    assert parse_ms(written, now_ms=NOW_MS) == expected


def test_it_reads_days_in_the_zone_that_is_asked_for() -> None:
    """A day begins when it does there; a time with an offset is what it says."""
    tokyo = ZoneInfo("Asia/Tokyo")
    assert parse_ms("2026-01-01", now_ms=NOW_MS, tz=tokyo) == 1_767_225_600_000 - 9 * 3_600_000
    assert parse_ms("2026-01-01T00:00:00Z", now_ms=NOW_MS, tz=tokyo) == 1_767_225_600_000


@given(
    st.text(max_size=300)
    | st.lists(
        st.sampled_from(['"', "-", "a", "source:", "pi", "*", " ", "after:", "1", ":", "東"]), max_size=40
    ).map("".join)
)
def test_it_never_refuses_a_query(q: str) -> None:
    """Any text is a query, and whatever has a letter or digit looks for something or limits something."""
    found = read(q)
    assert len(found.terms) <= TERMS
    assert (
        found.terms
        or found.filter != Filter()
        or found.sessions
        or not any(map(str.isalnum, q.replace("source:", "").replace("after:", "")))
    )


def test_it_bounds_a_huge_query() -> None:
    """A pasted megabyte costs no more than the first 10,000 characters and 64 terms of it."""
    started = time.perf_counter()
    found = read(" ".join(f"word{number}" for number in range(200_000)))
    assert (len(found.terms), len(found.text) <= QUERY_CHARACTERS) == (TERMS, True)
    assert time.perf_counter() - started < 1
    assert read('"' * 100_000).terms == ()


def test_it_excludes_by_limits() -> None:
    """A minus before a limit of values excludes those, and never looks for its words; of what is no limit, the words."""
    found = read("-source:pi -role:tool -is:error -tag:a kettle -colour:red")
    assert found.filter == Filter(
        has_error=False, excluded=Filter(sources=("pi",), roles=("tool",), tags=("a",))
    )
    assert found.terms == (Term("colour:red", "phrase", "must_not"), Term("kettle"))
    assert found.text == "kettle"
