"""A plugin tells a sub-agent's tool calls under the session that people see; they are the sub-agent's own messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from import_bench import SOURCE, Bench, call, client, found, new_bench

from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite
from service.storage import messages
from service.storage.database import open_database

AGENT = "s:agent-a1"


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    db = await open_database(database_url, pool_size=2)
    yield await new_bench(db)
    await db.close()


def plugin() -> list[SessionWrite | MessageWrite]:
    """A prompt, the call that starts a sub-agent, and that one's own two calls, all under the main session."""
    return [
        SessionWrite(external_id="s", source=SOURCE, project_path="/src/shop"),
        client("s-user-1", "Find the tests"),
        client("toolu_task", role="assistant", parts=(call("", "Task"),)),
        client("toolu_1", role="assistant", duration_ms=40, parts=(call("", "Read", file_path="a.ts"),)),
        client(
            "toolu_2",
            role="assistant",
            parts=(call("", "Bash"), Part("tool-result", b'{"result":"12 passed"}')),
        ),
    ]


def agents_own(session: str = AGENT, parent: str = "s") -> list[Any]:
    """The sub-agent's transcript: one answer with both calls."""
    return [
        SessionWrite(external_id=session, source=SOURCE, parent_external_id=parent),
        found(
            "msg_7", "I'll look.", "assistant", records=["a7", "msg_7", "toolu_1", "toolu_2"], minute=2,
            parts=(call("toolu_1", "Read", file_path="a.ts"), call("toolu_2", "Bash")), session_external_id=session,
        ),
    ]  # fmt: skip


def main() -> list[Any]:
    return [
        SessionWrite(external_id="s", source=SOURCE),
        found("u1", "Find the tests", records=["u1"]),
        found("msg_1", None, "assistant", records=["a1", "msg_1", "toolu_task"], parts=(call("toolu_task", "Task"),), minute=1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "order", ["plugin agent main", "agent plugin main", "agent main plugin", "main plugin agent"]
)
async def test_it_has_a_sub_agents_call_once(bench: Bench, order: str) -> None:
    """Whichever comes first: two messages in the main session, one in the sub-agent's, and nothing more to write."""
    sides = {"plugin": plugin, "agent": agents_own, "main": main}
    for _ in range(2):
        cursor = await bench.cursor()
        for side in order.split():
            if side == "plugin":
                await bench.sync(*plugin())
            else:
                await bench.bring(*sides[side]())
    assert await bench.changes(cursor) == []
    assert [row["external_id"] for row in await bench.messages()] == ["u1", "msg_1"]
    assert [row["external_id"] for row in await bench.messages(AGENT)] == ["msg_7"]


async def test_it_finds_calls_of_a_sub_agents_sub_agent(bench: Bench) -> None:
    """The tree may be deeper than one step, in both orders."""
    await bench.sync(*plugin()[:4])
    await bench.bring(
        SessionWrite(external_id=AGENT, source=SOURCE, parent_external_id="s"), *agents_own("deep", AGENT)
    )
    told = await bench.sync(plugin()[4])
    (message,) = await bench.messages("deep")
    assert told.message_ids == [message["id"]]
    assert {row["external_id"] for row in await bench.messages()} == {"s-user-1", "toolu_task"}


async def test_it_keeps_the_labels_and_the_id_of_the_plugins_row(bench: Bench) -> None:
    """What people wrote beside the rows stands beside the message, to which their ids lead."""
    ids = (await bench.sync(*plugin())).message_ids[2:]
    await bench.label("toolu_1", notes="look here")
    await bench.label("toolu_2", notes="and here", eval_status="golden")
    await bench.bring(*agents_own())
    (message,) = await bench.messages(AGENT)
    assert (message["notes"], message["eval_status"]) == ("look here\n\nand here", "golden")
    async with bench.db.workspace(bench.workspace_id) as conn:
        assert {await messages.now_called(conn, bench.workspace_id, id or 0) for id in ids} == {message["id"]}


async def test_it_keeps_a_deleted_call_of_a_sub_agent_deleted(bench: Bench) -> None:
    """Deleted in the sub-agent's session, it does not come back under the main one."""
    await bench.bring(*main(), *agents_own())
    await bench.delete("msg_7", AGENT)
    assert (await bench.sync(*plugin())).message_ids[2:] == [None, None]
    assert [row["external_id"] for row in await bench.messages()] == ["u1", "msg_1"]


async def test_it_leaves_other_rows_of_the_main_session_alone(bench: Bench) -> None:
    """A text that a sub-agent says too, and a call that the main session's own transcript has, stay where they are."""
    await bench.bring(*main(), *agents_own())
    await bench.sync(
        client("x", "I'll look.", "assistant"),
        client("toolu_task", role="assistant", parts=(call("", "Task"),)),
    )
    assert [row["external_id"] for row in await bench.messages()] == ["u1", "msg_1", "x"]
    assert len(await bench.messages(AGENT)) == 1
