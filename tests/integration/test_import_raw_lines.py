"""Raw lines that come in pieces, again, or at once: each kept once, none lost, and none left of what was deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from import_bench import SOURCE, STREAM, Bench, chunk, found, new_bench, position, waits

from service.model import zstd
from service.model.imported import RawChunk
from service.model.session import SessionWrite
from service.storage.database import open_database
from service.storage.importing import raw_chunks

SESSION = SessionWrite(external_id="s", source=SOURCE)
LINES = {0: b"aaaa", 10: b"bbbb", 20: b"cccc", 30: b"dddd"}


@pytest.fixture
async def bench(any_database_url: str) -> AsyncIterator[Bench]:
    db = await open_database(any_database_url, pool_size=4)
    yield await new_bench(db)
    await db.close()


async def kept(bench: Bench) -> dict[tuple[str, int], dict[int, bytes]]:
    """The lines of all chunks, by stream and first offset."""
    return {
        (row["stream"], row["first_offset"]): dict(
            raw_chunks.lines_of(row["offsets"], row["sizes"], row["zstd"])
        )
        for row in await bench.rows("raw_chunks")
    }


def piece(*offsets: int) -> RawChunk:
    return chunk({offset: LINES[offset] for offset in offsets})


async def test_it_cuts_lines_of_every_stream_that_told_a_message(bench: Bench) -> None:
    """A message that two streams tell in one request leaves no line in either when it is deleted."""
    await bench.bring(
        SESSION,
        found("a", "secret", records=["a"], lines=[0], stream="aa"),
        found("a", "secret", records=["a"], lines=[7], stream="bb"),
        chunk({0: b"secret in aa", 20: b"x"}, stream="aa"),
        chunk({7: b"secret in bb", 30: b"y"}, stream="bb"),
    )
    await bench.delete("a")
    assert await kept(bench) == {("aa", 20): {20: b"x"}, ("bb", 30): {30: b"y"}}


def document(*lines: tuple[str, bytes]) -> list[Any]:
    """A document of messages, one a line, in one request."""
    at, laid, items = 0, {}, []
    for minute, (name, data) in enumerate(lines):
        if name:
            items.append(found(name, name.upper(), records=[name], lines=[at], minute=minute))
        laid[at] = data
        at += len(data) + 1
    messages = len(items)
    return [SESSION, *items, chunk(laid, whole=True), position(messages=messages)]


async def test_it_notes_anew_where_a_rewritten_document_has_its_messages(bench: Bench) -> None:
    """Where another message lay before, one lies now: deleting the other cuts its own line alone."""
    lines = [("a", b"{aaaaaaaa}"), ("b", b"{bbbbbbbb}")]
    await bench.bring(*document(("", b"{headings}"), *lines))
    await bench.bring(*document(*lines))
    assert sorted(row["offsets"] for row in await bench.rows("message_lines")) == [[0], [11]]
    cursor = await bench.cursor()
    await bench.bring(*document(*lines))
    assert await bench.changes(cursor) == []
    await bench.delete("a")
    assert await kept(bench) == {(STREAM, 11): {11: b"{bbbbbbbb}"}}


async def test_it_forgets_where_messages_lay_that_a_document_has_no_longer(bench: Bench) -> None:
    """A message that was taken out of a document stays, and cuts no line of another when it is deleted."""
    await bench.bring(*document(("a", b"{aaaaaaaa}"), ("b", b"{bbbbbbbb}")))
    await bench.bring(*document(("b", b"{bbbbbbbb}")))
    assert len(await bench.messages()) == 2
    await bench.delete("a")
    assert await kept(bench) == {(STREAM, 0): {0: b"{bbbbbbbb}"}}


async def test_it_notes_lines_of_documents_that_come_in_several_requests(bench: Bench) -> None:
    """Where a request does not tell all of a document, the lines of what others told are kept."""
    one, two = found("a", "A", lines=[0]), found("b", "B", lines=[10], minute=1)
    await bench.bring(SESSION, one)
    await bench.bring(two, msgspec.structs.replace(piece(0, 10), whole=True), position(messages=2))
    await bench.delete("a")
    assert await kept(bench) == {(STREAM, 10): {10: b"bbbb"}}


async def test_it_keeps_the_longer_of_chunks_that_come_at_once(bench: Bench) -> None:
    """A shorter one that was compared before the longer was there, and had to wait, takes nothing away."""
    await bench.bring(SESSION)
    session = await bench.session()
    async with bench.db.workspace(bench.workspace_id) as conn:
        await conn.execute("select from sessions for no key update")
        bringing = asyncio.create_task(bench.bring(piece(0)))
        await waits(conn, bringing)
        await raw_chunks.write(
            conn, bench.workspace_id, raw_chunks.Changes([(session["id"], piece(0, 10, 20))])
        )
    assert (await bringing).new_raw_lines == 0
    assert await kept(bench) == {(STREAM, 0): {at: LINES[at] for at in (0, 10, 20)}}


async def test_it_keeps_each_line_once(bench: Bench) -> None:
    """Single lines and then all of them are one chunk; single ones that come again are nothing new."""
    for at in LINES:
        await bench.bring(SESSION, piece(at))
    assert (await bench.bring(piece(*LINES))).new_raw_lines == 4
    assert await kept(bench) == {(STREAM, 0): LINES}
    for at in LINES:
        assert (await bench.bring(piece(at))).new_raw_lines == 0
    assert (await bench.bring(piece(10, 20))).new_raw_lines == 0
    assert await kept(bench) == {(STREAM, 0): LINES}


async def test_it_keeps_chunks_that_say_something_else(bench: Bench) -> None:
    """Other bytes at the same offsets, and lines that only overlap, are not the same lines."""
    await bench.bring(SESSION, piece(10), chunk({20: b"CCCC"}), piece(30))
    await bench.bring(piece(0, 10, 20))
    await bench.bring(chunk({10: b"BBBB"}))
    assert await kept(bench) == {
        (STREAM, 0): {at: LINES[at] for at in (0, 10, 20)},
        (STREAM, 10): {10: b"BBBB"},
        (STREAM, 20): {20: b"CCCC"},
        (STREAM, 30): {30: b"dddd"},
    }


async def test_it_looks_at_few_chunks_of_a_long_stream(bench: Bench) -> None:
    """Whatever a stream has, one chunk is compared with those that it may overlap, found by the key."""
    await bench.bring(SESSION)
    session = (await bench.session())["id"]
    frame = zstd.packed(b"x")
    async with bench.db.workspace(bench.workspace_id) as conn:
        await conn.execute(
            """insert into raw_chunks
            select %s, %s, 'ab12', n * 100, 'lines', '/t', array[n * 100], array[1], sha256('x'), %s
            from generate_series(0, 4999) n""",
            [bench.workspace_id, session, frame],
        )
        params = {"workspace_id": bench.workspace_id, "session_id": [session], "stream": [STREAM]}
        params |= {"first": [250_050], "last": [250_150]}
        explained = "explain (analyze, costs off, timing off) " + raw_chunks.SQL["stored_near"]  # type: ignore[operator]
        rows = await (await conn.execute(explained, params)).fetchall()  # type: ignore[arg-type]
        near = await (await conn.execute(raw_chunks.SQL["stored_near"], params)).fetchall()
    plan = "\n".join(str(next(iter(row.values()))) for row in rows)
    assert sorted(row["first_offset"] for row in near) == [250_000, 250_100]
    assert "Removed by Filter" not in plan, plan
    assert "Seq Scan on raw_chunks" not in plan, plan
