"""Clients' writes: idempotent, merged, in order, and nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite
from service.storage import change_log, messages, people, sessions, sync
from service.storage.database import Database, open_database

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Bench(msgspec.Struct):
    """One workspace of a fresh database, and short words to write and read it."""

    db: Database
    workspace_id: int
    user_id: int

    async def put(self, *writes: SessionWrite | MessageWrite, now: datetime = NOW) -> sync.Applied:
        return await sync.apply(
            self.db,
            workspace_id=self.workspace_id,
            user_id=self.user_id,
            now=now,
            sessions=[write for write in writes if isinstance(write, SessionWrite)],
            messages=[write for write in writes if isinstance(write, MessageWrite)],
        )

    async def session(self, external_id: str = "a", source: str | None = None) -> dict[str, Any]:
        async with self.db.workspace(self.workspace_id) as conn:
            row = await sessions.find(conn, self.workspace_id, external_id, source=source)
        assert row is not None
        return row

    async def messages(self, external_id: str = "a") -> list[dict[str, Any]]:
        session = await self.session(external_id)
        async with self.db.workspace(self.workspace_id) as conn:
            return await messages.page(conn, self.workspace_id, session["id"], limit=1000)

    async def cursor(self) -> str:
        async with self.db.system() as conn:
            return await change_log.snapshot(conn)

    async def changes(self, cursor: str) -> list[change_log.Change]:
        async with self.db.system() as conn:
            return (await change_log.since(conn, cursor))[1]


@pytest.fixture
async def bench(any_database_url: str) -> AsyncIterator[Bench]:
    db = await open_database(any_database_url, pool_size=4)
    workspace_id, user_id = await people.create_workspace(db, name="w", user="local")
    yield Bench(db, workspace_id, user_id)
    await db.close()


def message(id: str = "m", text: str | None = "hello", **more: Any) -> MessageWrite:
    return MessageWrite(
        **{"session_external_id": "a", "external_id": id, "role": "user", "text": text} | more
    )


async def test_it_writes_nothing_when_the_same_batch_comes_again(bench: Bench) -> None:
    """The second time: the same ids, no change-log row, and no row version moved."""
    writes = [
        SessionWrite(external_id="a", title="T", prompt_tokens=3),
        message("1"),
        message("2", parts=(Part("text", b'"x"'),)),
    ]
    first = await bench.put(*writes)
    before, cursor = await bench.session(), await bench.cursor()
    again = await bench.put(*writes, now=NOW + timedelta(hours=1))
    assert again == first
    assert await bench.changes(cursor) == []
    assert await bench.session() == before


async def test_it_keeps_the_order_of_one_request(bench: Bench) -> None:
    """Without createdAt messages stand as they came, also across requests."""
    await bench.put(*[message(f"z{9 - n}") for n in range(5)])
    await bench.put(*[message(f"a{9 - n}") for n in range(5)], now=NOW + timedelta(seconds=1))
    rows = await bench.messages()
    assert [row["external_id"] for row in rows] == [f"z{9 - n}" for n in range(5)] + [
        f"a{9 - n}" for n in range(5)
    ]
    assert [row["seq"] for row in rows] == list(range(10))


async def test_it_orders_by_the_given_time(bench: Bench) -> None:
    """createdAt decides; a late message takes its place in the middle."""
    await bench.put(message("3", created_at=NOW), message("1", created_at=NOW - timedelta(days=2)))
    await bench.put(message("2", created_at=NOW - timedelta(days=1)))
    assert [row["external_id"] for row in await bench.messages()] == ["1", "2", "3"]
    assert (await bench.session())["created_at"] == NOW - timedelta(days=2)


async def test_it_never_erases_what_a_write_does_not_say(bench: Bench) -> None:
    """An update without parts keeps the parts; unknown tokens keep the known ones."""
    await bench.put(message("1", parts=(Part("text", b'"x"'),), prompt_tokens=5, cost_usd=Decimal("0.01")))
    await bench.put(message("1", text=None, duration_ms=9))
    (row,) = await bench.messages()
    assert (row["text"], row["prompt_tokens"], row["cost_usd"], row["duration_ms"]) == (
        "hello",
        5,
        Decimal("0.0100000000"),
        9,
    )
    assert row["parts"] == [Part("text", b'"x"')]


async def test_it_replaces_parts_when_the_update_brings_parts(bench: Bench) -> None:
    """New parts take the place of all the old ones; none take them out."""
    call = Part("tool-call", b'{"toolName":"Bash","args":{"command":"ls"}}')
    await bench.put(message("1", parts=(call, Part("text", b'"x"'))))
    await bench.put(message("1", parts=(Part("text", b'"y"'),)))
    (row,) = await bench.messages()
    assert (row["parts"], row["tools"]) == ([Part("text", b'"y"')], [])
    await bench.put(message("1", parts=()))
    assert (await bench.messages())[0]["parts"] == []


async def test_it_folds_a_message_that_stands_twice_in_a_batch(bench: Bench) -> None:
    """The last that says something wins, field by field; both places answer the one id."""
    applied = await bench.put(message("1", text="old", model="m"), message("1", text="new"))
    assert applied.message_ids[0] == applied.message_ids[1]
    (row,) = await bench.messages()
    assert (row["text"], row["model"]) == ("new", "m")


async def test_it_counts_messages_once(bench: Bench) -> None:
    """messageCount counts rows, not writes."""
    await bench.put(message("1"), message("2"))
    await bench.put(message("2", text="other"), message("3"))
    assert (await bench.session())["message_count"] == 3


async def test_it_derives_a_title_until_a_better_one_comes(bench: Bench) -> None:
    """First user text, then the client's title; a placeholder and a slug never replace it; all stay searchable."""
    await bench.put(SessionWrite(external_id="a", title="Untitled Session"))
    await bench.put(message("1", text="Why does the login loop?\nIt never ends."))
    await bench.put(message("2", text="Another question"))
    assert (await bench.session())["title"] == "Why does the login loop?"
    await bench.put(SessionWrite(external_id="a", title="Login loop in Safari"))
    await bench.put(SessionWrite(external_id="a", title="Untitled Session"))
    await bench.put(SessionWrite(external_id="a", title="wandering-sparking-otter"))
    row = await bench.session()
    assert row["title"] == "Login loop in Safari"
    assert row["former_titles"] == ["Why does the login loop?", "wandering-sparking-otter"]


async def test_it_prefers_a_persons_words_to_a_slug(bench: Bench) -> None:
    """A slug or a bare command is a title until somebody says something; in one request or in two, and once."""
    slug = SessionWrite(external_id="a", title="wandering-sparking-otter")
    await bench.put(slug, message("1", text="/clear"))
    assert (await bench.session())["title"] == "wandering-sparking-otter"
    await bench.put(slug, message("2", text="Why does the login loop?"))
    cursor = await bench.cursor()
    await bench.put(slug, message("2", text="Why does the login loop?"))
    assert await bench.changes(cursor) == []
    row = await bench.session()
    assert row["title"] == "Why does the login loop?"
    assert row["former_titles"] == ["wandering-sparking-otter"]
    await bench.put(SessionWrite(external_id="a", title="brave-falcon"))
    row = await bench.session()
    assert (row["title"], row["former_titles"]) == (
        "Why does the login loop?",
        ["wandering-sparking-otter", "brave-falcon"],
    )


async def test_it_entitles_a_fork_by_its_own_words(bench: Bench) -> None:
    """History that was copied from another session gives no title."""
    copied = message("1", text="What the parent asked", attrs={"copiedFrom": "parent"})
    await bench.put(copied, message("2", text="What the fork asks"))
    assert (await bench.session())["title"] == "What the fork asks"


async def test_it_adopts_a_session_whose_source_was_assumed(bench: Bench) -> None:
    """A message without a source, then one with: one session, of that source."""
    first = await bench.put(message("1"))
    second = await bench.put(message("2", source="claude-code"))
    assert first.session_ids == second.session_ids == []
    row = await bench.session()
    assert (row["source"], row["source_provisional"], row["message_count"]) == ("claude-code", False, 2)


async def test_it_keeps_sources_apart(bench: Bench) -> None:
    """Two named sources with one external id are two sessions."""
    await bench.put(message("1", source="pi"), message("1", source="aider", text="other"))
    pi, aider = await bench.session(source="pi"), await bench.session(source="aider")
    assert pi["id"] != aider["id"]


async def test_it_leaves_deleted_things_deleted(bench: Bench) -> None:
    """A client that sends a deleted session or message again stores nothing, and is told by None."""
    await bench.put(message("1"), message("2"))
    (row, _) = await bench.messages()
    async with bench.db.workspace(bench.workspace_id) as conn:
        assert await messages.delete(conn, bench.workspace_id, row["id"])
    assert (await bench.put(message("1"), message("2"))).message_ids[0] is None
    assert (await bench.session())["message_count"] == 1
    async with bench.db.workspace(bench.workspace_id) as conn:
        await sessions.delete(conn, bench.workspace_id, [row["session_id"]])
    assert (await bench.put(SessionWrite(external_id="a"), message("3"))) == sync.Applied(
        session_ids=[None], message_ids=[None]
    )


async def test_it_makes_one_session_for_requests_at_once(bench: Bench) -> None:
    """Twenty requests that name a new session, half without a source, make one."""
    writes = [message(f"{n}", source="pi" if n % 2 else None) for n in range(20)]
    await asyncio.gather(*(bench.put(write) for write in writes))
    row = await bench.session()
    assert (row["message_count"], row["source"]) == (20, "pi")


async def test_it_survives_batches_that_cross(bench: Bench) -> None:
    """Batches that touch the same sessions and messages in opposite order all end well."""
    there = [message(f"{n}", session_external_id=f"s{n % 3}", text="one") for n in range(30)]
    back = [msgspec.structs.replace(write, text="two") for write in reversed(there)]
    await asyncio.gather(*(bench.put(*batch) for batch in (there, back) * 3))
    for name in ("s0", "s1", "s2"):
        assert (await bench.session(name))["message_count"] == 10


async def test_it_never_brings_back_what_is_deleted_meanwhile(bench: Bench) -> None:
    """Deleting and sending the same messages at once: a message is there or has a tombstone, never both."""

    async def delete(external_id: str) -> None:
        async with bench.db.workspace(bench.workspace_id) as conn:
            session = await sessions.find(conn, bench.workspace_id, "a")
            rows = await messages.page(conn, bench.workspace_id, session["id"], limit=99) if session else []
            for row in rows:
                if row["external_id"] == external_id:
                    await messages.delete(conn, bench.workspace_id, row["id"])

    await bench.put(message("1"), message("2"))
    for turn in range(10):
        sending = [
            bench.put(message("1", text=f"{turn} {n}"), message("2", text=f"{turn} {n}")) for n in range(3)
        ]
        await asyncio.gather(*sending, delete("1"))
    assert [row["external_id"] for row in await bench.messages()] == ["2"]
    assert (await bench.session())["message_count"] == 1


async def test_it_makes_a_session_anew_or_leaves_it_when_it_is_deleted_meanwhile(bench: Bench) -> None:
    """A message for a session that is being deleted is not refused: it is told as deleted."""
    for turn in range(10):
        await bench.put(message("1", session_external_id=f"s{turn}"))
        row = await bench.session(f"s{turn}")

        async def delete(id: int) -> None:
            async with bench.db.workspace(bench.workspace_id) as conn:
                await sessions.delete(conn, bench.workspace_id, [id])

        await asyncio.gather(
            *(bench.put(message(f"{n}", session_external_id=f"s{turn}")) for n in range(2, 5)),
            delete(row["id"]),
        )
        assert (await bench.put(message("9", session_external_id=f"s{turn}"))).message_ids == [None]


async def test_it_keeps_a_title_that_a_person_gave(bench: Bench) -> None:
    """No client's next sync undoes a PATCH; what the client calls it stays searchable."""
    await bench.put(SessionWrite(external_id="a", title="Client's title"))
    row = await bench.session()
    async with bench.db.workspace(bench.workspace_id) as conn:
        await sessions.patch(conn, bench.workspace_id, row["id"], sessions.SessionPatch(title="Mine"))
    await bench.put(SessionWrite(external_id="a", title="Client's title", prompt_tokens=9))
    row = await bench.session()
    assert (row["title"], row["former_titles"], row["prompt_tokens"]) == ("Mine", ["Client's title"], 9)


async def test_it_dates_activity_no_later_than_now(bench: Bench) -> None:
    """A change of an old session is activity now; a message of the future pins nothing to the top."""
    old = NOW - timedelta(days=3)
    await bench.put(SessionWrite(external_id="a", title="One", created_at=old))
    assert (await bench.session())["updated_at"] == old
    await bench.put(SessionWrite(external_id="a", title="Two", created_at=old))
    assert (await bench.session())["updated_at"] == NOW
    await bench.put(message("1", created_at=NOW + timedelta(days=900)), now=NOW + timedelta(hours=1))
    assert (await bench.session())["updated_at"] == NOW + timedelta(hours=1)


async def test_it_labels_messages_while_they_are_sent(bench: Bench) -> None:
    """Labelling takes its locks in the order of sync: neither deadlocks."""
    (id, *_) = (await bench.put(*[message(f"{n}") for n in range(5)])).message_ids
    assert id is not None

    async def label(n: int) -> None:
        async with bench.db.workspace(bench.workspace_id) as conn:
            await messages.patch(conn, bench.workspace_id, id, messages.MessagePatch(notes=f"{n}"))

    await asyncio.gather(
        *(label(n) for n in range(20)),
        *(bench.put(*[message(f"{m}", text=f"{n}") for m in range(5)]) for n in range(20)),
    )


async def test_it_refuses_as_a_whole_what_postgres_refuses(bench: Bench) -> None:
    """A value that no column takes raises Refused, and nothing of the request is stored."""
    with pytest.raises(sync.Refused):
        await bench.put(message("1"), message("2", parts=(Part("text", b'"unfinished'),)))
    async with bench.db.workspace(bench.workspace_id) as conn:
        assert await sessions.find(conn, bench.workspace_id, "a") is None


async def test_it_logs_one_row_a_session_for_a_bulk_statement(bench: Bench) -> None:
    """More than 500 rows in one statement: the log names the session, not each row."""
    cursor = await bench.cursor()
    await bench.put(*[message(f"{n}") for n in range(501)])
    logged = [(c.op, c.row_id) for c in await bench.changes(cursor) if c.tbl == "messages"]
    assert logged == [("I", None)]
