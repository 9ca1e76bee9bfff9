"""What every index of messages answers, by words or by meaning: the same questions to each.

A test module fills its index with `DOCUMENTS`, wraps its search as `Find`, and runs each of `CASES`. Every text
holds the words of `COMMON`, so that an index of words finds all that may be found, and one of vectors, asked for
more than there are, as well: what is left out was left out by the filter.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from indexing.model import Filter, TextDocument

HERE, ELSEWHERE = 1, 2
"""Workspaces."""
DAY_MS = 86_400_000
COMMON = "redirect loop"


class Find(Protocol):
    """The ids of the messages that a search finds, best first."""

    def __call__(
        self, workspace_id: int, text: str, filter: Filter = ..., *, limit: int = ...
    ) -> Awaitable[list[int]]: ...


def _document(id: int) -> TextDocument:
    return TextDocument(
        workspace_id=HERE if id <= 40 else ELSEWHERE,
        unit="message",
        id=id,
        session_id=id // 4,
        said=f"The {COMMON} of case number{id} {'東京都の天気' if id % 9 == 0 else ''}",
        source=("codex-cli", "claude-code", "opencode")[id // 4 % 3],
        project_name=("shop", "blog")[id // 8 % 2],
        project_path=("/srv/shop", "/srv/blog")[id // 8 % 2],
        model=("gpt-5", "claude-opus")[id % 2],
        role=("user", "assistant", "tool")[id % 3],
        kind=("agent", "run")[id // 4 % 2],
        tools=((), ("Bash",), ("Bash", "Read"))[id % 3],
        tags=((), ("sample",), ("sample", "keep"))[id // 4 % 3],
        created_at_ms=1_767_225_600_000 + id * DAY_MS,
        has_error=id % 5 == 0,
    )


DOCUMENTS = [_document(id) for id in range(1, 51)]

FILTERS = [
    Filter(),
    Filter(sources=("codex-cli",)),
    Filter(sources=("codex-cli", "opencode")),
    Filter(projects=("shop",)),
    Filter(projects=("/srv/blog",)),
    Filter(projects=("shop", "/srv/blog")),
    Filter(models=("gpt-5",)),
    Filter(roles=("user", "tool")),
    Filter(tools=("Read",)),
    Filter(tools=("Bash", "Read")),
    Filter(session_ids=(1, 3, 999)),
    Filter(session_ids=()),
    Filter(tags=("keep",)),
    Filter(kinds=("run",)),
    Filter(after_ms=DOCUMENTS[9].created_at_ms),
    Filter(before_ms=DOCUMENTS[9].created_at_ms),
    Filter(after_ms=DOCUMENTS[4].created_at_ms, before_ms=DOCUMENTS[20].created_at_ms),
    Filter(excluded=Filter(sources=("codex-cli",), roles=("user",), tags=("keep",))),
    Filter(
        sources=("codex-cli",),
        excluded=Filter(projects=("shop",), models=("gpt-5",), tools=("Bash",), kinds=("run",)),
    ),
    Filter(excluded=Filter(session_ids=(1, 3), tags=("keep",))),
    Filter(has_error=True),
    Filter(has_error=False),
    Filter(sources=("nobody",)),
    Filter(sources=("codex-cli",), roles=("user",)),
    Filter(projects=("shop",), models=("claude-opus",), has_error=False, after_ms=DOCUMENTS[2].created_at_ms),
    Filter(tools=("Bash",), tags=("sample",), kinds=("agent",), session_ids=(2, 4, 5, 8)),
]


VALUES: dict[str, list[Any]] = {
    "sources": ["codex-cli", "claude-code", "opencode", "nobody"],
    "projects": ["shop", "/srv/blog", "blog"],
    "models": ["gpt-5", "claude-opus"],
    "roles": ["user", "assistant", "tool"],
    "tools": ["Bash", "Read"],
    "session_ids": [0, 1, 3, 5, 8, 999],
    "tags": ["sample", "keep"],
    "kinds": ["agent", "run"],
}


def _drawn(rng: random.Random) -> Filter:
    """Some limits of several kinds at once, and now and then others excluded."""
    times = sorted(rng.sample(DOCUMENTS, 2), key=lambda each: each.created_at_ms)
    others: dict[str, Any] = {
        "after_ms": times[0].created_at_ms,
        "before_ms": times[1].created_at_ms,
        "has_error": rng.random() < 0.5,
        "excluded": Filter(**_values(rng, rng.randrange(1, 3))),
    }
    asked = {name: value for name, value in others.items() if rng.random() < 0.3}
    return Filter(**_values(rng, rng.randrange(0 if asked else 1, 4)), **asked)


def _values(rng: random.Random, limits: int) -> dict[str, Any]:
    return {
        name: tuple(rng.sample(VALUES[name], rng.randrange(1, len(VALUES[name]) + 1)))
        for name in rng.sample(sorted(VALUES), limits)
    }


COMBINED = [_drawn(random.Random(seed)) for seed in range(80)]


def passes(document: TextDocument, filter: Filter) -> bool:
    """The meaning of a filter, in one line each."""
    return all(
        (
            not filter.sources or document.source in filter.sources,
            not filter.projects or bool({document.project_name, document.project_path} & {*filter.projects}),
            not filter.models or document.model in filter.models,
            not filter.roles or document.role in filter.roles,
            not filter.tools or bool({*document.tools} & {*filter.tools}),
            filter.session_ids is None or document.session_id in filter.session_ids,
            not filter.tags or bool({*document.tags} & {*filter.tags}),
            not filter.kinds or document.kind in filter.kinds,
            filter.after_ms is None or document.created_at_ms >= filter.after_ms,
            filter.before_ms is None or document.created_at_ms < filter.before_ms,
            filter.has_error is None or document.has_error == filter.has_error,
            not any(passes(document, limit) for limit in each_limit(filter.excluded)),
        )
    )


def each_limit(filter: Filter | None) -> list[Filter]:
    """A filter's limits of values, one by one."""
    names = ("sources", "projects", "models", "roles", "tools", "session_ids", "tags", "kinds")
    given = {name: getattr(filter, name) for name in names if filter is not None and getattr(filter, name)}
    return [Filter(**{name: values}) for name, values in given.items()]


async def filters_exactly(find: Find) -> None:
    """Each filter, alone and combined, leaves exactly the messages that it describes."""
    for filter in FILTERS:
        expected = {each.id for each in DOCUMENTS if each.workspace_id == HERE and passes(each, filter)}
        assert set(await find(HERE, COMMON, filter, limit=100)) == expected, filter


async def combined_filters_exactly(find: Find) -> None:
    """Whatever limits stand together, all that passes is found and nothing else; and a page is full as long as there is enough."""
    for filter in COMBINED:
        expected = {each.id for each in DOCUMENTS if each.workspace_id == HERE and passes(each, filter)}
        assert set(await find(HERE, COMMON, filter, limit=100)) == expected, filter
        page = await find(HERE, COMMON, filter, limit=5)
        assert len(page) == min(5, len(expected)), filter
        assert {*page} <= expected, filter


async def keeps_workspaces_apart(find: Find) -> None:
    """A message of another workspace is never found, by its own words or a filter that describes it."""
    there = DOCUMENTS[-1]
    for filter in (Filter(), Filter(session_ids=(there.session_id,)), Filter(projects=(there.project_name,))):
        found = await find(HERE, there.said, filter, limit=100)
        assert all(id <= 40 for id in found), filter
    assert set(await find(ELSEWHERE, COMMON, limit=100)) == {
        each.id for each in DOCUMENTS if each.workspace_id == ELSEWHERE
    }
    assert await find(3, COMMON, limit=100) == []


async def answers_an_empty_text(find: Find) -> None:
    """Nothing asked is no error, and brings nothing that may not be found."""
    for text in ("", "   ", "?!", "the"):
        assert all(id <= 40 for id in await find(HERE, text, limit=100)), text


async def answers_unknown_words(find: Find) -> None:
    """Words that nobody wrote are no error; what is found for them is of the workspace and passes the filter."""
    found = await find(HERE, "xyzzyq frobnicate", Filter(roles=("user",)), limit=100)
    assert all(passes(DOCUMENTS[id - 1], Filter(roles=("user",))) for id in found)


async def keeps_to_the_limit(find: Find) -> None:
    """0 is nothing, 1 is the best, and a longer list begins with the shorter one."""
    assert await find(HERE, "number7", limit=0) == []
    longer = await find(HERE, f"{COMMON} number7", limit=10)
    assert len(longer) == 10
    assert await find(HERE, f"{COMMON} number7", limit=1) == longer[:1]


async def names_each_message_once(find: Find) -> None:
    """However many of its passages or fields match."""
    found = await find(HERE, f"{COMMON} case number7", limit=100)
    assert len(found) == len(set(found))


CASES: list[Callable[[Find], Awaitable[None]]] = [
    filters_exactly,
    combined_filters_exactly,
    keeps_workspaces_apart,
    answers_an_empty_text,
    answers_unknown_words,
    keeps_to_the_limit,
    names_each_message_once,
]
