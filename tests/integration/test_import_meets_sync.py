"""One session by a plugin and by an import, in both orders and at once: each message once, and nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from import_bench import NOW, SOURCE, Bench, call, client, found, new_bench, result

from service.model.imported import ImportedMessage
from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite
from service.storage import people
from service.storage.database import open_database

PROMPT = "The OAuth callback redirects forever.\n\nFind out why."
ANSWER = "The cookie is SameSite=Strict."


@pytest.fixture
async def bench(any_database_url: str) -> AsyncIterator[Bench]:
    db = await open_database(any_database_url, pool_size=6)
    yield await new_bench(db)
    await db.close()


def plugin() -> list[SessionWrite | MessageWrite]:
    """What the Claude Code plugin sends of a session: prompt, two tool rows, two texts, absolute totals."""
    return [
        SessionWrite(external_id="s", source=SOURCE, project_path="/src/shop", title="The OAuth callback"),
        client("s-user-1795190490157", "The OAuth callback redirects forever. Find out why."),
        client("toolu_1", role="assistant", duration_ms=40, parts=(call("", "Read", file_path="callback.ts"),)),
        client("toolu_2", role="assistant", duration_ms=2310, parts=(call("", "Bash"), Part("tool-result", b'{"result":"12 passed"}'))),
        client("a1", "I'll read it first.", role="assistant", model="claude-sonnet"),
        client("a5", ANSWER, role="assistant", model="claude-sonnet", duration_ms=900),
        SessionWrite(external_id="s", source=SOURCE, prompt_tokens=10016, completion_tokens=356, cost_usd=Decimal("0.03"), duration_ms=20000),
    ]  # fmt: skip


def transcript() -> list[Any]:
    """What the importer finds of the same session; the first answer has text and two calls."""
    return [
        SessionWrite(external_id="s", source=SOURCE, prompt_tokens=12, completion_tokens=70, cache_read_tokens=5192),
        found("u1", PROMPT, records=["u1"], minute=0),
        found(
            "msg_1", "I'll read it first.", "assistant", records=["a1", "a2", "a3", "msg_1", "toolu_1", "toolu_2"],
            parts=(Part("text", b'"I\'ll read it first."'), call("toolu_1", "Read"), call("toolu_2", "Bash")),
            model="claude-sonnet", prompt_tokens=12, minute=1,
        ),
        found("r1", None, "tool", records=["r1"], parts=(result("toolu_1", "Read", "x"),), minute=2),
        found("r2", None, "tool", records=["r2"], parts=(result("toolu_2", "Bash", "12 passed"),), minute=3),
        found("msg_2", ANSWER, "assistant", records=["a5", "msg_2"], model="claude-sonnet", minute=4),
    ]  # fmt: skip


async def test_it_is_the_same_in_both_orders(bench: Bench) -> None:
    """Plugin then import, import then plugin, half and half: the same messages, each once, the transcript's form."""
    other = Bench(bench.db, *(await second_workspace(bench)))
    await bench.sync(*plugin())
    merged = await bench.bring(*transcript())
    await other.bring(*transcript())
    await other.sync(*plugin())
    assert (merged.new_messages, merged.changed_messages) == (2, 3)
    assert await bench.facts() == await other.facts()
    assert await bench.said() == [
        ("user", PROMPT), ("assistant", "I'll read it first."), ("tool", None), ("tool", None), ("assistant", ANSWER),
    ]  # fmt: skip
    for each in (bench, other):
        row = await each.session()
        assert (row["prompt_tokens"], row["total_tokens"], row["duration_ms"]) == (12, 5274, 20000)
        assert (row["cost_usd"], row["project_path"]) == (Decimal("0.03"), "/src/shop")


async def second_workspace(bench: Bench) -> tuple[int, int]:
    return await people.create_workspace(bench.db, name="other", user="other")


@pytest.mark.parametrize("first", ["plugin", "import"])
async def test_it_writes_nothing_when_either_side_comes_again(bench: Bench, first: str) -> None:
    """Both sides, then both again: no change-log row, and the ids that clients are told stay the same."""
    for side in (first, "import" if first == "plugin" else "plugin"):
        if side == "plugin":
            told = await bench.sync(*plugin())
        else:
            await bench.bring(*transcript())
    cursor = await bench.cursor()
    assert (await bench.bring(*transcript())).changed_messages == 0
    again = await bench.sync(*plugin())
    assert await bench.changes(cursor) == []
    assert len(set(again.message_ids)) == 3
    if first == "import":
        assert told == again
    assert (await bench.bring(*transcript())).changed_messages == 0


async def test_it_finds_a_message_by_what_the_plugin_called_it(bench: Bench) -> None:
    """The plugin's ids are aliases: each resolves to the transcript's message."""
    await bench.sync(*plugin())
    await bench.bring(*transcript())
    aliases = {row["record_id"]: row["origin"] for row in await bench.rows("message_records")}
    assert aliases["s-user-1795190490157"] == "client"
    assert aliases["toolu_1"] == aliases["a5"] == "both"
    assert aliases["msg_1"] == aliases["a2"] == "transcript"


async def test_it_keeps_what_people_wrote_beside_a_message(bench: Bench) -> None:
    """Of several rows that become one the labelled one stays, with its id; labels of the others are not lost."""
    await bench.sync(*plugin())
    id = await bench.label("toolu_2", eval_status="golden", notes="good call")
    await bench.label("a1", notes="second note")
    await bench.bring(*transcript())
    (row,) = [row for row in await bench.messages() if row["external_id"] == "msg_1"]
    assert (row["eval_status"], set(row["notes"].split("\n\n"))) == ("golden", {"good call", "second note"})
    assert row["id"] in (id, id + 1, id + 2)
    assert await bench.rows("tombstones") == []


async def test_it_meets_what_the_plugin_sends_later(bench: Bench) -> None:
    """A prompt that is in no transcript yet is a message; when the transcript brings it, it is that one."""
    await bench.bring(*transcript())
    (id,) = (await bench.sync(client("s-user-9", "And now the tests"))).message_ids
    assert len(await bench.messages()) == 6
    later = found("u9", "And now  the tests", records=["u9"], minute=9)
    brought = await bench.bring(later)
    assert (brought.new_messages, brought.changed_messages, brought.message_ids) == (0, 1, [id])
    assert len(await bench.messages()) == 6
    assert (await bench.sync(client("s-user-9", "And now the tests"))).message_ids == [id]


async def test_it_never_writes_over_a_transcript(bench: Bench) -> None:
    """A client fills what is unknown, and changes no text, part, role, time or fact that is there."""
    await bench.bring(*transcript())
    before = await bench.facts()
    await bench.sync(
        client(
            "a5",
            "Shorter.",
            role="user",
            model="other",
            prompt_tokens=7,
            created_at=NOW,
            parts=(),
            attrs={"k": 1},
        )
    )
    changed = {
        name
        for old, new in zip(before, await bench.facts(), strict=True)
        for name in old
        if old[name] != new[name]
    }
    assert changed == {"prompt_tokens", "attrs"}


async def test_it_meets_equal_words_in_their_order(bench: Bench) -> None:
    """Three times the same prompt: the first is the first, the second the second, and none is taken twice."""
    prompts = [found(f"u{n}", "go on", records=[f"u{n}"], minute=n) for n in range(3)]
    sent = await bench.sync(*[client(f"p{n}", "go on") for n in range(2)])
    brought = await bench.bring(*prompts)
    assert brought.message_ids[:2] == sent.message_ids
    assert brought.new_messages == 1
    third = await bench.sync(client("p2", "go  on"))
    assert third.message_ids == brought.message_ids[2:]
    assert (await bench.sync(client("p3", "go on"))).message_ids[0] not in brought.message_ids


@pytest.mark.parametrize("first", ["plugin", "import"])
async def test_it_knows_a_prompt_without_what_an_editor_put_before_it(bench: Bench, first: str) -> None:
    """The transcript has the file that was open in front of the words; the plugin sends the words."""
    text = "<ide_opened_file>The user opened a.ts</ide_opened_file>\n\nfix the loop"

    async def sides() -> None:
        await bench.sync(client("p1", "fix the loop"))

    if first == "plugin":
        await sides()
    await bench.bring(found("u1", text, records=["u1"]))
    if first == "import":
        await sides()
    assert await bench.said() == [("user", text)]


async def test_it_reads_a_command_as_it_was_typed(bench: Bench) -> None:
    """The transcript's markup of a slash command and the plugin's plain text are one prompt."""
    markup = "<command-message>review is running</command-message>\n<command-name>/review</command-name>\n<command-args>src</command-args>"
    await bench.sync(client("p", "/review src"))
    assert (await bench.bring(found("u", markup, records=["u"]))).new_messages == 0


@pytest.mark.parametrize("name", ["u2", "a2"])
async def test_it_gives_a_name_back_to_the_transcript(bench: Bench, name: str) -> None:
    """A plugin that is ahead of the import with words that were said before: nothing is lost when the import comes."""
    await bench.bring(found("u1", "yes", "assistant", records=["a1"]))
    await bench.sync(client("a2", "yes", role="assistant"))
    await bench.bring(found(name, "yes", "assistant", records=["a2"], minute=1))
    assert await bench.said() == [("assistant", "yes")] * 2
    (id,) = (await bench.sync(client("a2", "yes", role="assistant"))).message_ids
    assert id == (await bench.messages())[1]["id"]


async def test_it_takes_no_message_twice_for_what_a_client_says(bench: Bench) -> None:
    """Words that the client has sent under the transcript's own id are not met by the same words under another."""
    await bench.bring(found("u1", "Done.", "assistant", records=["a1"]))
    await bench.sync(client("a1", "Done.", role="assistant"))
    await bench.sync(client("a2", "Done.", role="assistant"))
    assert await bench.said() == [("assistant", "Done.")] * 2


@pytest.mark.parametrize("first", ["plugin", "import"])
async def test_it_meets_by_the_id_that_both_sides_use(bench: Bench, first: str) -> None:
    """OpenCode's plugin and its database call a message the same: one row, the totals the import's, counted once."""
    sent = client("msg_9", "Explain it", source=None, prompt_tokens=700)
    there = found("msg_9", "Explain it", records=["msg_9"], source="opencode", completion_tokens=5)
    for side in (first, "import" if first == "plugin" else "plugin") * 2:
        if side == "plugin":
            await bench.sync(sent)
        else:
            await bench.bring(there)
    (row,) = await bench.messages()
    assert (row["prompt_tokens"], row["completion_tokens"], row["transcript"]) == (700, 5, True)
    assert (await bench.session())["source"] == "opencode"


async def test_it_adopts_a_session_whose_source_was_assumed(bench: Bench) -> None:
    """A plugin that names no source, then an import that does: one session, of the import's source."""
    await bench.sync(client("m", "hello", source=None))
    brought = await bench.bring(found("u", "hello", records=["u"]))
    row = await bench.session()
    assert (row["source"], row["source_provisional"], brought.new_sessions) == (SOURCE, False, 0)
    assert len(await bench.messages()) == 1


async def test_it_lets_a_client_tell_totals_that_no_transcript_told(bench: Bench) -> None:
    """The cost that only the client knows grows with it; tokens stay the transcript's."""
    await bench.bring(SessionWrite(external_id="s", source=SOURCE, prompt_tokens=5))
    for cost in ("0.03", "0.05"):
        await bench.sync(
            SessionWrite(external_id="s", source=SOURCE, cost_usd=Decimal(cost), completion_tokens=9)
        )
    row = await bench.session()
    assert (row["cost_usd"], row["prompt_tokens"], row["completion_tokens"]) == (Decimal("0.05"), 5, None)


async def test_it_stores_each_message_once_when_both_come_at_once(bench: Bench) -> None:
    """Plugin and import of one session at the same time, piece by piece, again and again: each message once."""

    async def syncing(writes: Sequence[Any]) -> None:
        for write in writes:
            await bench.sync(write)

    async def bringing(items: Sequence[Any]) -> None:
        for item in items:
            await bench.bring(item)

    for turn in range(4):
        for n in range(3):
            await asyncio.gather(
                syncing(renamed(plugin(), turn)),
                bringing(renamed(transcript(), turn)),
                syncing(renamed(plugin(), turn)),
            )
            said = await bench.said(f"s{turn}")
            assert sorted(said, key=str) == sorted(
                [
                    ("user", PROMPT),
                    ("assistant", "I'll read it first."),
                    ("tool", None),
                    ("tool", None),
                    ("assistant", ANSWER),
                ],
                key=str,
            ), n


async def test_it_looks_again_at_what_was_written_while_it_waited(bench: Bench) -> None:
    """A client's message that is committed between an import's reading and its lock is met, not doubled."""
    await bench.sync(client("p1", "one"))
    session = await bench.session()
    async with bench.db.workspace(bench.workspace_id) as conn:
        await conn.execute("select from sessions for update")
        bringing = asyncio.create_task(bench.bring(found("u2", "two", records=["u2"])))
        waiting: list[Any] = []
        while not waiting:
            asked = await conn.execute(
                "select from pg_locks where not granted and locktype in ('transactionid', 'tuple')"
            )
            waiting = await asked.fetchall()
        params = {"workspace": bench.workspace_id, "session": session["id"]}
        await conn.execute(
            """insert into messages (workspace_id, session_id, external_id, role, text, created_at)
            values (%(workspace)s, %(session)s, 'p2', 'user', 'two', now())""",
            params,
        )
        await conn.execute(
            "update sessions set message_count = message_count + 1 where id = %(session)s", params
        )
    assert (await bringing).new_messages == 0
    assert [text for _, text in await bench.said()] == ["two", "one"]


def renamed(items: Sequence[Any], turn: int) -> list[Any]:
    """The same of another session."""
    named = []
    for item in items:
        if isinstance(item, SessionWrite):
            named.append(msgspec.structs.replace(item, external_id=f"s{turn}"))
        elif isinstance(item, ImportedMessage):
            write = msgspec.structs.replace(item.write, session_external_id=f"s{turn}")
            named.append(msgspec.structs.replace(item, write=write))
        else:
            named.append(msgspec.structs.replace(item, session_external_id=f"s{turn}"))
    return named
