"""The text index, with the real tantivy: what is found and counted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import conformance
import pytest
from conformance import ELSEWHERE, HERE
from text_documents import asked, found, message, titles

from indexing.fulltext import (
    TantivyReader,
    TantivyWriter,
)
from indexing.model import Facet, Filter, TextDocument

FACETS: tuple[Facet, ...] = ("source", "project", "model", "role", "tool", "day")


@pytest.mark.parametrize("case", conformance.CASES, ids=lambda case: case.__name__)
async def test_it_conforms(
    case: Callable[[conformance.Find], Awaitable[None]], writer: TantivyWriter, reader: TantivyReader
) -> None:
    """The suite that every index of messages answers."""
    writer.put(conformance.DOCUMENTS)
    writer.commit("c.1.1:1:")
    reader.refresh()

    async def find(workspace_id: int, text: str, filter: Filter = Filter(), *, limit: int = 10) -> list[int]:  # noqa: B008 - immutable
        return [
            hit.id
            for hit in reader.search(workspace_id, asked(text, filter), limit=limit)
            if hit.unit == "message"
        ]

    await case(find)


def test_it_finds_nothing_for_unknown_words_and_empty_queries(
    writer: TantivyWriter, reader: TantivyReader
) -> None:
    """Without a word that matches there is no hit and no count; stop words alone are looked for like any word."""
    writer.put([message(1, "The redirect loops"), message(2, "It works")])
    writer.commit("1")
    for q in ("", "xyzzyq", "???", "😀"):
        assert found(reader, q) == []
        assert reader.count(HERE, asked(q), facets=("role",)).total == 0
    assert found(reader, "the") == [1]


@pytest.mark.parametrize(
    ("said", "queries"),
    [
        (
            "It fails in handleCallback() when",
            ["handleCallback", "handlecallback", "callback", "callbacks", "HANDLE", "handleC*", "callb*"],
        ),
        ("rename user_name to get_user", ["user_name", "user", "name", '"user_name"', "userName"]),
        (
            "see src/app/main.py:42 and foo.barBaz",
            ["src/app/main.py", "path:app/main.py", "main.py", "main", "foo.barBaz", "barbaz", "baz", "42"],
        ),
        (
            "error[E0308]: mismatched; connect ECONNREFUSED 127.0.0.1:5432",
            ["E0308", "e0308", "econnrefused", "127.0.0.1", "127.0.0.1:5432", "5432"],
        ),
        (
            "the new HTTPServer of GitHub, XMLHttpRequest2",
            ["http server", "HTTPServer", "github", "GitHub", "hub", "xmlhttprequest2", "request2"],
        ),
        (
            "redirects were redirecting",
            ["redirect", "redirected", "Redirects", "redir*", '"were redirecting"'],
        ),
        (
            "a café in İstanbul, Straße 5, naïve ﬁle",
            ["cafe", "CAFÉ", "istanbul", "strasse", "naive", "file", "cafe\u0301"],
        ),
        ("東京都の天気はどうですか", ["東京", "東京都", "天気", "京", '"東京都の天気"']),
        ("한국어는 어렵다 ภาษาไทยง่าย", ["한국어", "ภาษาไทย"]),
        ("Привет, мир! Ελλάδα מִלָּה", ["привет", "МИР", "ελλάδα", "מלה"]),
        ("shipped 🚀 well done 👍🏽 next → prod", ["🚀", "👍", "👍🏽", '"shipped 🚀"', "→"]),
        ("half \ud83d an emoji and \x00 zero", ["half emoji", "zero"]),
    ],
)
def test_it_finds_words_and_code(
    said: str, queries: list[str], writer: TantivyWriter, reader: TantivyReader
) -> None:
    """Whole identifiers and their pieces, stems, folded accents, scripts without spaces: the same analysis on both sides."""
    writer.put([message(1, said), message(2, "something else altogether")])
    writer.commit("1")
    for q in queries:
        assert found(reader, q) == [1], q


@pytest.mark.parametrize(
    "q", ['"loop redirect"', "-redirect loop", '-"redirect loop" redirect', "redirectx", "x*", '"東都"']
)
def test_it_leaves_out_what_does_not_match(q: str, writer: TantivyWriter, reader: TantivyReader) -> None:
    """Phrases in their order, exclusions, whole words."""
    writer.put([message(1, "the redirect loop 東京都")])
    writer.commit("1")
    assert found(reader, q) == []


def test_it_weighs_what_was_said_above_what_tools_printed(
    writer: TantivyWriter, reader: TantivyReader
) -> None:
    """The same word in a message's text counts more than in a tool's output; both are found."""
    writer.put([message(1, "", done="the redirect loop"), message(2, "the redirect loop")])
    writer.commit("1")
    assert found(reader, "redirect") == [2, 1]


def test_it_prefers_the_whole_identifier(writer: TantivyWriter, reader: TantivyReader) -> None:
    """Pieces find, and the identifier as it stands comes first."""
    writer.put(
        [
            message(1, "the callback should handle it all"),
            message(2, "call handleCallback with it here"),
            message(3, "src main app py"),
        ]
    )
    writer.put([message(4, "in src/app/main.py")])
    writer.commit("1")
    assert found(reader, "handleCallback") == [2, 1]
    assert found(reader, "src/app/main.py") == [4, 3]


def test_it_lifts_messages_of_a_date_that_is_named(writer: TantivyWriter, reader: TantivyReader) -> None:
    """Of equal messages, the one written in the month that the query names comes first; a date alone finds nothing."""
    in_may, in_june = (int(datetime(2026, month, 8, tzinfo=UTC).timestamp() * 1000) for month in (5, 6))
    writer.put(
        [
            message(1, "We deployed it", created_at_ms=in_may),
            message(2, "We deployed it", created_at_ms=in_june),
        ]
    )
    writer.commit("1")
    assert (found(reader, "deployed in May"), found(reader, "deployed in June")) == ([1, 2], [2, 1])
    assert found(reader, "June") == []


def test_it_gives_the_newest_for_a_filter_alone(writer: TantivyWriter, reader: TantivyReader) -> None:
    """A query of filters alone lists what passes them, newest first, and counts it."""
    writer.put(
        [message(id, "text", role="user" if id % 2 else "tool", created_at_ms=id) for id in range(1, 8)]
    )
    writer.commit("1")
    assert found(reader, "role:user") == [7, 5, 3, 1]
    assert reader.count(HERE, asked("role:user"), facets=("role",)).facets == {"role": {"user": 4}}
    assert found(reader, f"role:user {'x' * 500}") == [], "a word that no index holds is no filter alone"


def test_it_gives_the_newest_for_exclusions_alone(writer: TantivyWriter, reader: TantivyReader) -> None:
    """A query of exclusions alone lists all messages of its workspace but those, newest first, and counts them."""
    writer.put(
        [message(id, "zebrafish" if id % 2 else "carp", created_at_ms=id) for id in range(1, 8)]
        + [message(8, "carp", workspace=HERE + 1)]
    )
    writer.commit("1")
    assert found(reader, "-zebrafish") == [6, 4, 2]
    assert found(reader, "-zebrafish -carp") == []
    assert found(reader, f"-{'x' * 500}") == [7, 6, 5, 4, 3, 2, 1], "what stands nowhere excludes nothing"
    assert reader.count(HERE, asked("-zebrafish")).total == 3


def test_it_finds_sessions_by_their_titles(writer: TantivyWriter, reader: TantivyReader) -> None:
    """Titles are hits of their own; filters of sessions apply to them, and filters of messages leave them out."""
    writer.put(
        [
            titles(7, "Fix the redirect", source="pi", project_name="shop", kind="agent", tags=("keep",)),
            message(7, "redirect", session=8),
        ]
    )
    writer.commit("1")
    reader.refresh()

    def sessions(filter: Filter) -> list[int]:
        return [
            hit.id for hit in reader.search(HERE, asked("redirect", filter), limit=9) if hit.unit == "session"
        ]

    for filter in (
        Filter(),
        Filter(sources=("pi",)),
        Filter(projects=("shop",)),
        Filter(kinds=("agent",)),
        Filter(tags=("keep",)),
        Filter(session_ids=(7,)),
    ):
        assert sessions(filter) == [7], filter
    for filter in (
        Filter(sources=("aider",)),
        Filter(roles=("user",)),
        Filter(tools=("Bash",)),
        Filter(models=("m",)),
        Filter(has_error=False),
    ):
        assert sessions(filter) == [], filter
    assert (
        reader.count(HERE, asked("redirect")).total,
        reader.count(HERE, asked("redirect"), unit="session").total,
    ) == (1, 2)


def test_it_tells_which_messages_a_query_admits(writer: TantivyWriter, reader: TantivyReader) -> None:
    """What was found by meaning must pass the filter, hold required phrases and no excluded word; wanted words do not matter."""
    writer.put(
        [
            message(1, "redirect loop", role="user"),
            message(2, "loop redirect", role="user"),
            message(3, "redirect loop", role="tool"),
        ]
    )
    writer.put([message(4, "redirect loop", workspace=ELSEWHERE, role="user")])
    writer.commit("1")
    reader.refresh()
    ids = [1, 2, 3, 4, 99]
    assert reader.admits(HERE, asked('"redirect loop" cookie'), ids) == {1, 3}
    assert reader.admits(HERE, asked('cookie -"redirect loop" role:user'), ids) == {2}
    assert reader.admits(HERE, asked("cookie"), []) == set()


def test_it_counts_what_brute_force_counts(writer: TantivyWriter, reader: TantivyReader) -> None:
    """Totals and facets, in messages and in sessions, joined with ids found by meaning: exactly those of a plain loop."""
    chance = random.Random(8)
    documents = [
        message(
            id, " ".join(chance.choices(["alpha", "beta", "gamma", "delta"], k=3)), session=chance.randrange(900),
            source=chance.choice(["pi", "aider"]), project_name=chance.choice(["shop", "blog", ""]), model=chance.choice(["m1", "m2"]),
            role=chance.choice(["user", "assistant"]), tools=tuple(chance.sample(["Bash", "Read", "Edit"], k=chance.randrange(3))),
            created_at_ms=1_767_225_600_000 + chance.randrange(20) * conformance.DAY_MS,
        )
        for id in range(10_000)
    ]  # fmt: skip
    also = chance.sample(range(10_000), 200)
    writer.put([*documents, titles(901, "alpha", source="pi"), titles(3, "alpha", source="pi")])
    writer.commit("1")
    reader.refresh()
    for q, unit, filter in (
        ("alpha", "message", Filter()), ("alpha beta", "session", Filter()), ("alpha", "session", Filter(sources=("pi",))),
        ("alpha -beta", "session", Filter(roles=("user",))), ("nothing", "message", Filter(tools=("Bash",))),
    ):  # fmt: skip
        words, excluded = (
            {word for word in q.split() if word[0] != "-"},
            {word[1:] for word in q.split() if word[0] == "-"},
        )
        matching = [
            each for each in documents
            if conformance.passes(each, filter) and not excluded & {*each.said.split()} and (words & {*each.said.split()} or each.id in also)
        ]  # fmt: skip
        if unit == "session" and not filter.roles:
            matching += [titles(id, "alpha", source="pi", created_at_ms=0) for id in (901, 3)]
        expected = {facet: dict(_counted(matching, facet, unit)) for facet in FACETS}
        total = len({each.session_id for each in matching} if unit == "session" else matching)
        counts = reader.count(HERE, asked(q, filter), also=also, unit=unit, facets=FACETS)  # type: ignore[arg-type]
        assert (counts.total, counts.facets) == (total, expected), (q, unit)


def _counted(documents: list[TextDocument], facet: Facet, unit: str) -> Counter[str]:
    def values(each: TextDocument) -> list[str]:
        day = datetime.fromtimestamp(each.created_at_ms / 1000, UTC).strftime("%Y-%m-%d")
        found = {
            "source": [each.source],
            "project": [each.project_name],
            "model": [each.model],
            "role": [each.role],
            "tool": each.tools,
            "day": [day],
        }
        return [value for value in found[facet] if value]

    seen = {
        (value, each.session_id if unit == "session" else each.id)
        for each in documents
        for value in values(each)
    }
    return Counter(value for value, _ in seen)


def test_it_counts_more_sessions_than_tantivy_has_buckets(
    writer: TantivyWriter, reader: TantivyReader
) -> None:
    """Beyond 65,000 sessions the count is made of ranges, and stays exact."""
    writer.put(
        [
            message(id, "alpha", session=id * 1_000_003, source="pi" if id % 4 else "aider")
            for id in range(1, 70_001)
        ]
    )
    writer.commit("1")
    reader.refresh()
    counts = reader.count(HERE, asked("alpha"), unit="session", facets=("source",))
    assert (counts.total, counts.facets) == (70_000, {"source": {"pi": 52_500, "aider": 17_500}})


def test_it_takes_huge_and_strange_texts(writer: TantivyWriter, reader: TantivyReader) -> None:
    """A megabyte of base64 does not fill the dictionary, and what stands behind it is found."""
    blob = "".join(random.Random(1).choices("ABCDEFGHabcdefgh0123456789+/", k=1_000_000))
    writer.put(
        [
            message(1, f"before {blob} after"),
            message(2, "word " * 200_000 + "end"),
            message(3, "x" * 1_000_000),
            message(4, "\x00\ud800" * 100),
        ]
    )
    writer.put([message(5, "early", created_at_ms=-(2**60)), message(6, "late", created_at_ms=2**60)])
    writer.commit("1")
    assert found(reader, "before after") == [1]
    assert found(reader, "end") == [2]
    assert sorted(found(reader, "early late")) == [5, 6]
    [generation] = [path for path in writer.path.parent.iterdir() if path.is_dir()]
    assert sum(file.stat().st_size for file in generation.iterdir()) < 2_000_000


def test_it_answers_a_huge_query(writer: TantivyWriter, reader: TantivyReader) -> None:
    """A pasted page is bounded, whether words, one phrase or a script without spaces."""
    writer.put([message(1, "alpha 東京都")])
    writer.commit("1")
    assert found(reader, "alpha " + " ".join(f"w{number}" for number in range(5_000))) == [1]
    assert found(reader, f'"{"alpha " * 1_500}"') == []
    assert found(reader, "東京都" * 3_000) == [1]


def test_it_says_which_session_covers_a_question(writer: TantivyWriter, reader: TantivyReader) -> None:
    """Two messages of a session that share out the words count as much as one that has both; other workspaces, other
    filters and excluded words do not count, and a query of one term is no question of company."""
    writer.put(
        [
            message(1, "the redirect loops", session=1),
            message(2, "a cookie was lost", session=1),
            message(3, "the redirect loops", session=2),
            message(4, "another redirect", session=2),
            message(5, "a cookie and a redirect", session=3, workspace=ELSEWHERE),
            message(6, "a cookie draft of a redirect", session=4),
        ]
    )
    writer.commit("1")
    reader.refresh()
    covered = reader.coverage(HERE, asked("redirect cookie -draft"), limit=10)
    assert set(covered) == {1, 2}
    assert covered[1] > 1.5 * covered[2]
    assert set(reader.coverage(HERE, asked("redirect cookie", Filter(session_ids=(2,))), limit=10)) == {2}
    assert reader.coverage(HERE, asked("redirect"), limit=10) == {}
