"""What a session's transcript tells of its sub-agents, beside what their own transcripts tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import msgspec
import pytest
from import_bench import SOURCE, Bench, call, found, new_bench

from service.model.imported import ImportedMessage
from service.model.session import SessionWrite
from service.storage.database import open_database

CALL = call("toolu_1", "Read", file_path="a.ts")


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    db = await open_database(database_url, pool_size=2)
    yield await new_bench(db)
    await db.close()


def excerpt(record: str) -> ImportedMessage:
    """The call alone, under a record id of the parent's file."""
    names = [record, "msg_1", "toolu_1"]
    message = found(
        "msg_1", None, "assistant", records=names, parts=(CALL,), attrs={"excerpt": True, "in": record}
    )
    return msgspec.structs.replace(message, excerpt=True)


def whole() -> ImportedMessage:
    text = "I'll read it first."
    return found("msg_1", text, "assistant", records=["own", "msg_1", "toolu_1"], parts=(CALL,))


@pytest.mark.parametrize("together", [True, False], ids=["one request", "apart"])
@pytest.mark.parametrize("order", list(permutations(["nested", "whole", "nested again"])), ids=" ".join)
async def test_it_never_puts_an_excerpt_in_place_of_the_whole(
    bench: Bench, order: tuple[str, ...], together: bool
) -> None:
    """Whatever comes first: the message is there once with its text, and again nothing changes."""
    brought = {"nested": excerpt("p1"), "whole": whole(), "nested again": excerpt("p2")}
    requests: list[list[Any]] = (
        [[brought[name] for name in order]] if together else [[brought[name]] for name in order]
    )
    for _ in range(2):
        changes = [await bench.bring(*request) for request in requests]
    assert [row["text"] for row in await bench.messages()] == ["I'll read it first."]
    assert sum(change.changed_messages + change.new_messages for change in changes) == 0


async def test_it_shows_an_excerpt_while_there_is_nothing_better(bench: Bench) -> None:
    """A sub-agent whose own transcript is lost is told as far as its parent tells it."""
    await bench.bring(excerpt("p1"))
    (row,) = await bench.messages()
    assert (row["role"], row["attrs"]["excerpt"]) == ("assistant", True)


async def test_it_makes_no_session_of_an_announcement(bench: Bench) -> None:
    """A session without a message is none; once it has one, what is announced counts."""
    title = SessionWrite(external_id="s", source=SOURCE, title="Find the tests", announced=True)
    first = await bench.bring(title)
    assert (first.sessions, first.new_sessions, await bench.rows("sessions")) == (["waiting"], 0, [])
    await bench.bring(found("u1", "Where are the tests?"), title)
    assert (await bench.session())["title"] == "Find the tests"


async def test_it_makes_a_session_that_its_own_transcript_tells_too(bench: Bench) -> None:
    """Announced and told in one request: it is made."""
    announced = SessionWrite(external_id="s", source=SOURCE, title="Find the tests", announced=True)
    await bench.bring(announced, SessionWrite(external_id="s", source=SOURCE, project_name="shop"))
    assert (await bench.session())["project_name"] == "shop"
