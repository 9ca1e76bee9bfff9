"""Raw lines read again: the same parser changes nothing, a better one mends, and nothing that is not the stream's goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from import_bench import NOW, SOURCE, STREAM, Bench, chunk, client, found, new_bench, waits

from service.bootstrap import Resources, open_resources
from service.importers.model import Format, Found, FoundMessage, FoundSession, Line, Place, Resume, State
from service.jobs.reparse import Reparsed, reparse
from service.model.message import MessageWrite
from service.model.session import SessionWrite
from service.settings import Settings
from service.storage import messages
from service.storage.importing import imports

LINES = [
    b'["u1","user","Why?"]',
    b'["a1","assistant","Hm."]',
    b'["a2","assistant","Because."]',
    b'["x","user","rubbish"]',
]


class Parser:
    """Lines of [id, role, text]; a better one joins what the assistant says at a stretch and leaves rubbish out."""

    def __init__(self, *, better: bool) -> None:
        self._better = better
        self._open: FoundMessage | None = None
        self._count = 0

    def feed(self, line: Line) -> Iterable[Found]:
        id, role, text = msgspec.json.decode(line.data)
        self._count += 1
        at = NOW + timedelta(minutes=self._count)
        write = MessageWrite(session_external_id="s", external_id=id, role=role, text=text, created_at=at)
        one = FoundMessage(write, (id,), (line.offset,))
        if not self._better:
            return [one]
        if text == "rubbish":
            return []
        if self._open and role == "assistant":
            earlier = self._open
            joined = msgspec.structs.replace(earlier.write, text=f"{earlier.write.text}\n\n{text}")
            self._open = FoundMessage(joined, (*earlier.records, id), (*earlier.lines, line.offset))
            return []
        if role == "assistant":
            self._open = one
            return []
        return [one]

    def finish(self) -> Iterable[Found]:
        rest: list[Found] = [self._open] if self._open else []
        return [*rest, FoundSession(SessionWrite(external_id="s", title=f"{self._count} lines"))]

    def resume(self, end: int) -> Resume:
        return Resume(end, {})


def parsed_by(*, better: bool) -> dict[str, Format]:
    def open_parser(place: Place, state: State | None = None) -> Parser:
        assert place.path == "/t/session.jsonl"
        return Parser(better=better)

    return {"lines": Format("lines", SOURCE, open_parser)}


@pytest.fixture
async def resources(database_url: str, tmp_path: Path) -> AsyncIterator[Resources]:
    opened = await open_resources(Settings(home=tmp_path, database_url=database_url, embedding_model="none"))
    yield opened
    await opened.close()


@pytest.fixture
async def bench(resources: Resources) -> Bench:
    """A workspace with a session as the first parser reads it, in two chunks that overlap."""
    bench = await new_bench(resources.db)
    parser, offset, lines, items = Parser(better=False), 0, {}, []
    for data in LINES:
        for item in parser.feed(Line(offset, data)):
            assert isinstance(item, FoundMessage)
            write = msgspec.structs.replace(item.write, source=SOURCE)
            items.append(found("x", lines=item.lines, records=item.records))
            items[-1] = msgspec.structs.replace(items[-1], write=write)
        lines[offset] = data
        offset += len(data) + 1
    (last,) = parser.finish()
    assert isinstance(last, FoundSession)
    offsets = list(lines)
    await bench.bring(
        msgspec.structs.replace(last.write, source=SOURCE), *items,
        chunk({at: lines[at] for at in offsets[:3]}), chunk({at: lines[at] for at in offsets[2:]}),
    )  # fmt: skip
    return bench


async def again(resources: Resources, bench: Bench, *, better: bool, **which: Any) -> Reparsed:
    return await reparse(
        resources, workspace_id=bench.workspace_id, formats=parsed_by(better=better), **which
    )


async def test_it_changes_nothing_with_the_same_parser(resources: Resources, bench: Bench) -> None:
    """Every line is read once, every message found, and no row is written."""
    cursor = await bench.cursor()
    told: list[int] = []
    done = await again(resources, bench, better=False, report=lambda so_far: told.append(so_far.streams))
    assert (done.streams, done.lines, done.messages, told) == (1, 4, 4, [1])
    assert (done.changed_sessions, done.new_messages, done.changed_messages, done.deleted_messages) == (
        0,
        0,
        0,
        0,
    )
    assert await bench.changes(cursor) == []


async def test_it_stores_what_a_better_parser_finds(resources: Resources, bench: Bench) -> None:
    """Messages that are one become one and keep their id; what is none goes without a tombstone; then nothing changes."""
    ids = [row["id"] for row in await bench.messages()]
    done = await again(resources, bench, better=True)
    assert (done.new_messages, done.changed_messages, done.deleted_messages) == (0, 1, 1)
    rows = await bench.messages()
    assert [(row["id"], row["text"]) for row in rows] == [(ids[0], "Why?"), (ids[1], "Hm.\n\nBecause.")]
    cursor = await bench.cursor()
    done = await again(resources, bench, better=True)
    assert (done.changed_messages, done.deleted_messages) == (0, 0)
    assert await bench.changes(cursor) == []
    assert await bench.rows("tombstones") == []


async def test_it_goes_back_to_smaller_messages(resources: Resources, bench: Bench) -> None:
    """A parser that splits what another had joined brings each message back."""
    before = await bench.facts()
    await again(resources, bench, better=True)
    await again(resources, bench, better=False)
    assert await bench.facts() == before


@pytest.mark.parametrize("part", ["client", "label", "stream"])
async def test_it_keeps_what_somebody_else_has_a_part_in(
    resources: Resources, bench: Bench, part: str
) -> None:
    """A message that a client brought too, that was labelled, or that another stream holds is not deleted."""
    if part == "client":
        await bench.sync(client("x", "rubbish"))
    elif part == "label":
        await bench.label("x", notes="mine")
    else:
        await bench.bring(
            found(
                "x",
                "rubbish",
                records=["x"],
                lines=[5],
                stream="other",
                created_at=NOW + timedelta(minutes=4),
            )
        )
    assert (await again(resources, bench, better=True)).deleted_messages == 0
    assert len(await bench.messages()) == 3


@pytest.mark.parametrize("other", [{0: b'["u9","user","Else."]'}, {5: b"within another line"}])
async def test_it_leaves_streams_alone_that_disagree(
    resources: Resources, bench: Bench, other: dict[int, bytes]
) -> None:
    """Lines of two files under one name are read as neither: it is counted, and nothing is written or forgotten."""
    await bench.bring(
        found("u9", "Else.", session_external_id="t", lines=list(other)), chunk(other, session="t")
    )
    cursor = await bench.cursor()
    done = await again(resources, bench, better=True)
    assert (done.disagreeing_streams, done.streams, done.lines, done.deleted_messages) == (1, 1, 0, 0)
    assert await bench.changes(cursor) == []


async def test_it_keeps_messages_of_sessions_that_it_does_not_find(
    resources: Resources, bench: Bench
) -> None:
    """A file that begins as this one does, of which another session was made, loses none of its messages."""
    first = {0: LINES[0]}
    await bench.bring(found("m", "Why?", session_external_id="t", lines=[0]), chunk(first, session="t"))
    assert (await again(resources, bench, better=False)).deleted_messages == 0
    assert await bench.said("t") == [("user", "Why?")]


async def test_it_tells_a_split_message_apart_for_good(resources: Resources, bench: Bench) -> None:
    """Names and lines go with their part: what is imported later joins nothing, and deleting one part keeps the other."""
    await again(resources, bench, better=True)
    await again(resources, bench, better=False)
    before = await bench.facts()
    ids = {row["external_id"]: row["id"] for row in await bench.messages()}
    names = {row["record_id"]: row["message_id"] for row in await bench.rows("message_records")}
    assert (names["a1"], names["a2"]) == (ids["a1"], ids["a2"])
    at = len(LINES[0]) + 1
    offsets = {"a1": [at], "a2": [at + len(LINES[1]) + 1]}
    noted = {row["message_id"]: row["offsets"] for row in await bench.rows("message_lines")}
    assert {name: noted[ids[name]] for name in offsets} == offsets
    later = found("a2", "Because.", "assistant", records=["a2"], lines=offsets["a2"])
    later = msgspec.structs.replace(
        later, write=msgspec.structs.replace(later.write, created_at=NOW + timedelta(minutes=3))
    )
    await bench.bring(later)
    assert await bench.facts() == before


async def test_it_forgets_nothing_that_is_labelled_meanwhile(resources: Resources, bench: Bench) -> None:
    """What somebody writes beside a message while it waits for the session's lock is seen under it."""
    ids = {row["id"] for row in await bench.messages() if row["external_id"] != "x"}
    (x,) = [row["id"] for row in await bench.messages() if row["external_id"] == "x"]

    async def forget() -> int:
        async with bench.db.workspace(bench.workspace_id) as conn:
            return await imports.forget_unfound(
                conn, bench.workspace_id, STREAM, sessions={"s"}, read=set(range(999)), found=ids
            )

    async with bench.db.workspace(bench.workspace_id) as conn:
        await messages.patch(conn, bench.workspace_id, x, messages.MessagePatch(notes="mine"))
        forgetting = asyncio.create_task(forget())
        await waits(conn, forgetting)
    assert await forgetting == 0
    assert len(await bench.messages()) == 4


async def test_it_keeps_messages_whose_lines_are_gone(resources: Resources, bench: Bench) -> None:
    """After a message was deleted with its line, the others stay, and it stays away."""
    await bench.delete("x")
    assert (await again(resources, bench, better=False)).new_messages == 0
    async with bench.db.workspace(bench.workspace_id) as conn:
        await conn.execute("delete from raw_chunks where first_offset > 0")
    done = await again(resources, bench, better=False)
    assert (done.deleted_messages, len(await bench.messages())) == (0, 3)


async def test_it_reads_what_it_is_asked_for(resources: Resources, bench: Bench) -> None:
    """One format, source or session; a format that nobody knows is counted and left alone."""
    await bench.bring(found("m", "x", session_external_id="t"), chunk({0: b"?"}, session="t", stream="ff"))
    async with bench.db.workspace(bench.workspace_id) as conn:
        await conn.execute("update raw_chunks set format = 'strange' where stream = 'ff'")
    assert (await again(resources, bench, better=False, session="s")).streams == 1
    assert (await again(resources, bench, better=False, format="lines")).lines == 4
    assert (await again(resources, bench, better=False, source="pi")).of_streams == 0
    done = await again(resources, bench, better=False)
    assert (done.of_streams, done.skipped_streams) == (2, 1)
