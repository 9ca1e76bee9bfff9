"""Raw lines of transcripts: kept as they lay on disk, in chunks, so that a better parser can read them again.

Rule: what was deleted stays deleted. A line that a deleted message was read from is cut out of its chunk and leaves a
tombstone, and a chunk that comes again is stored without it.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from service.model import zstd
from service.model.imported import RawChunk
from service.storage.arrays import array, columns
from service.storage.database import Connection, Database
from service.storage.importing import repeats
from service.storage.queries import load

SQL = load("raw_chunks")
CHUNK_COLUMNS = {
    "session_id": "int8", "stream": "text", "first_offset": "int8", "format": "text", "path": "text", "offsets": "text",
    "sizes": "text", "bytes_sha256": "bytea", "zstd": "bytea",
}  # fmt: skip
Place = tuple[int, str]
"""Session id and stream."""


class Stream(msgspec.Struct, frozen=True):
    """The content of a file, of which there are raw lines."""

    stream: str
    format: str
    path: str
    """Where it lay when it was read last."""


class Stored(msgspec.Struct, frozen=True):
    bytes_sha256: bytes
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def size(self) -> int:
        return sum(self.sizes)


class Changes(msgspec.Struct):
    """What is to be written of a request's chunks."""

    put: list[tuple[int, RawChunk]] = []
    drop: list[tuple[int, str, int]] = []
    """Session id, stream, first offset of chunks that a document written anew no longer has, or that a longer one
    holds too."""

    @property
    def touched(self) -> set[int]:
        return {session for session, _ in self.put} | {session for session, *_ in self.drop}


async def differing(conn: Connection, workspace_id: int, chunks: Sequence[tuple[int, RawChunk]]) -> Changes:
    """Which chunks, by their session's id, are new, longer than what is stored, or a document that differs."""
    if not chunks:
        return Changes()
    places = sorted({(session, chunk.stream) for session, chunk in chunks})
    anew = {(session, chunk.stream) for session, chunk in chunks if chunk.whole}
    whole = [each for each in chunks if each[1].whole]
    near = [(session, chunk) for session, chunk in chunks if (session, chunk.stream) not in anew]
    stored: dict[Place, dict[int, Stored]] = {place: {} for place in places}
    for statement, wanted in (("stored_whole", whole), ("stored_near", near)):
        if not wanted:
            continue
        params = {
            "workspace_id": workspace_id,
            "session_id": array("int8", [session for session, _ in wanted]),
            "stream": array("text", [chunk.stream for _, chunk in wanted]),
            "first": array("int8", [chunk.offsets[0] for _, chunk in wanted]),
            "last": array("int8", [chunk.offsets[-1] for _, chunk in wanted]),
        }
        for row in await (await conn.execute(SQL[statement], params)).fetchall():
            known = Stored(row["bytes_sha256"], tuple(row["offsets"]), tuple(row["sizes"]))
            stored[row["session_id"], row["stream"]][row["first_offset"]] = known
    changes = decide(chunks, stored)
    return await _without_covered(conn, workspace_id, changes, stored)


def decide(chunks: Sequence[tuple[int, RawChunk]], stored: Mapping[Place, Mapping[int, Stored]]) -> Changes:
    """Pure: the same bytes are nothing new, fewer neither, unless they are a document written anew."""
    changes = Changes()
    whole = {(session, chunk.stream) for session, chunk in chunks if chunk.whole}
    latest = {(session, chunk.stream, chunk.offsets[0]): chunk for session, chunk in chunks}
    for (session, stream, first), chunk in latest.items():
        known = stored.get((session, stream), {}).get(first)
        if known is not None and known.bytes_sha256 == chunk.bytes_sha256:
            continue
        if known is None or (session, stream) in whole or sum(chunk.sizes) > known.size:
            changes.put.append((session, chunk))
    for session, stream in sorted(whole):
        changes.drop += [
            (session, stream, first)
            for first in stored.get((session, stream), {})
            if (session, stream, first) not in latest
        ]
    return changes


async def _without_covered(
    conn: Connection, workspace_id: int, changes: Changes, stored: Mapping[Place, Mapping[int, Stored]]
) -> Changes:
    """The changes so that no line is kept twice: a chunk that holds all of a stored one takes its place, one whose
    lines a stored one holds is nothing new. Two that differ in a byte of a line both stay."""
    near: dict[tuple[int, str, int], Stored] = {}
    for session, chunk in changes.put:
        for first, known in stored[session, chunk.stream].items():
            if first != chunk.offsets[0] and (_holds(chunk, known) or _holds(known, chunk)):
                near[session, chunk.stream, first] = known
    for key in changes.drop:
        near.pop(key, None)
    if not near:
        return changes
    kept: dict[Place, dict[int, dict[int, bytes]]] = {}
    for row in await (await conn.execute(SQL["bytes"], _keys(workspace_id, near))).fetchall():
        lines = lines_of(row["offsets"], row["sizes"], row["zstd"])
        kept.setdefault((row["session_id"], row["stream"]), {})[row["first_offset"]] = dict(lines)
    put, drop = [], list(changes.drop)
    replaced = {(session, chunk.stream, chunk.offsets[0]) for session, chunk in changes.put}
    for session, chunk in changes.put:
        mine = dict(lines_of(chunk.offsets, chunk.sizes, chunk.data))
        others = {
            key: lines
            for first, lines in kept.get((session, chunk.stream), {}).items()
            if (key := (session, chunk.stream, first)) not in replaced
        }
        if any(mine.items() <= lines.items() for lines in others.values()):
            continue
        put.append((session, chunk))
        drop += [key for key, lines in others.items() if lines.items() <= mine.items()]
    return Changes(put, sorted(set(drop)))


def _holds(outer: RawChunk | Stored, inner: RawChunk | Stored) -> bool:
    """Whether it has all the lines of the other, as far as their offsets and sizes tell."""
    if len(inner.offsets) > len(outer.offsets) or inner.offsets[-1] > outer.offsets[-1]:
        return False
    return (
        dict(zip(inner.offsets, inner.sizes, strict=True)).items()
        <= dict(zip(outer.offsets, outer.sizes, strict=True)).items()
    )


def _keys(workspace_id: int, keys: Iterable[tuple[int, str, int]]) -> dict[str, Any]:
    listed = list(keys)
    return {
        "workspace_id": workspace_id,
        "session_id": array("int8", [session for session, _, _ in listed]),
        "stream": array("text", [stream for _, stream, _ in listed]),
        "first_offset": array("int8", [first for _, _, first in listed]),
    }


async def write(conn: Connection, workspace_id: int, changes: Changes) -> None:
    """Under the sessions' locks."""
    if changes.drop:
        await conn.execute(SQL["drop"], _keys(workspace_id, changes.drop))
    if changes.put:
        rows = [_row(session, chunk) for session, chunk in changes.put]
        await conn.execute(SQL["put"], {"workspace_id": workspace_id} | columns(rows, CHUNK_COLUMNS))


def without(chunk: RawChunk, gone: Collection[int]) -> RawChunk | None:
    """The chunk without the lines at these offsets; None where none is left."""
    if not gone or not set(chunk.offsets) & set(gone):
        return chunk
    lines = [
        (offset, line)
        for offset, line in lines_of(chunk.offsets, chunk.sizes, chunk.data)
        if offset not in gone
    ]
    if not lines:
        return None
    data = b"".join(line for _, line in lines)
    return msgspec.structs.replace(
        chunk,
        offsets=tuple(offset for offset, _ in lines),
        sizes=tuple(len(line) for _, line in lines),
        data=zstd.packed(data),
        bytes_sha256=hashlib.sha256(data).digest(),
    )


def lines_of(offsets: Sequence[int], sizes: Sequence[int], frame: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of a chunk with their offsets."""
    data = zstd.unpacked(frame, limit_bytes=sum(sizes))
    start = 0
    for offset, size in zip(offsets, sizes, strict=True):
        yield offset, data[start : start + size]
        start += size


async def forget_message(conn: Connection, workspace_id: int, message_id: int) -> None:
    """Cut the lines that a message was read from out of their chunks, for good. Under its session's lock."""
    params = {"workspace_id": workspace_id, "message_id": message_id}
    rows = await (await conn.execute(SQL["chunks_of_message"], params)).fetchall()
    await conn.execute(SQL["bury_lines"], params)
    for row in rows:
        await cut(conn, workspace_id, row, set(row["gone"]))


async def forget_repeats(
    conn: Connection, workspace_id: int, session_ids: Sequence[int], said: Sequence[str], *, page: int = 8
) -> None:
    """Cut lines that repeat what a message says, in these sessions, and that are not another message's own words.
    Under the sessions' locks, when the message's own lines are cut."""
    params = {"workspace_id": workspace_id, "session_ids": array("int8", session_ids), "limit": page}
    place: dict[str, Any] = {"session_id": -1, "stream": "", "first_offset": -1}
    words = repeats.probes(said)
    more = bool(said)
    while more:
        rows = await (await conn.execute(SQL["page_of_sessions"], params | place)).fetchall()
        more = len(rows) == page
        for row in rows:
            place = {name: row[name] for name in place}
            told = await asyncio.to_thread(_repeating, row, said, words)
            if not told:
                continue
            asked = {"workspace_id": workspace_id, "stream": row["stream"], "lines": array("int8", told)}
            owners = await (
                await conn.execute(SQL["owners"], asked | {"session_ids": params["session_ids"]})
            ).fetchall()
            own = {
                line
                for owner in owners
                if repeats.among(said, owner["text"], owner["parts"])
                for line in owner["offsets"]
            }
            if gone := set(told) - own:
                names = [tombstone(row["stream"], line) for line in sorted(gone)]
                buried = {"session_id": row["session_id"], "names": array("text", names)}
                await conn.execute(SQL["bury_repeats"], asked | buried)
                await cut(conn, workspace_id, row, gone)


def _repeating(row: Mapping[str, Any], said: Sequence[str], words: Sequence[bytes] | None) -> list[int]:
    """Offsets of a chunk's lines that repeat it."""
    found = [
        (offset, line)
        for offset, line in lines_of(row["offsets"], row["sizes"], row["zstd"])
        if words is None or any(word in line for word in words)
    ]
    return [offset for offset, line in found if repeats.repeats(line, said)]


async def cut(conn: Connection, workspace_id: int, row: Mapping[str, Any], gone: Collection[int]) -> None:
    """Take lines out of a stored chunk."""
    changes, first = Changes(), row["first_offset"]
    chunk = without(_chunk(row), gone)
    if chunk is None or chunk.offsets[0] != first:
        changes.drop.append((row["session_id"], row["stream"], first))
    if chunk is not None:
        changes.put.append((row["session_id"], chunk))
    await write(conn, workspace_id, changes)


def tombstone(stream: str, offset: int) -> str:
    """
    >>> tombstone("ab12", 512)
    'ab12:512'
    """
    return f"{stream}:{offset}"


async def streams(
    conn: Connection, workspace_id: int, *, format: str | None, source: str | None, session: str | None
) -> list[Stream]:
    """Of a workspace, or those of one format, one source, or one session's external id."""
    params = {"workspace_id": workspace_id, "format": format, "source": source, "session": session}
    rows = await (await conn.execute(SQL["streams"], params)).fetchall()
    return [Stream(row["stream"], row["format"], row["path"]) for row in rows]


async def also_elsewhere(conn: Connection, workspace_id: int, stream: str) -> set[str]:
    """External ids of the sessions of a stream that have lines in another one too."""
    params = {"workspace_id": workspace_id, "stream": stream}
    rows = await (await conn.execute(SQL["also_elsewhere"], params)).fetchall()
    return {row["external_id"] for row in rows}


async def read(
    db: Database, workspace_id: int, stream: str, *, page: int = 16
) -> AsyncIterator[tuple[int, str, bytes]]:
    """A stream's lines in order, each once: offset, external id of the session that keeps it, bytes.

    Of a stream that `agrees`: where two chunks differ, one of them is read."""
    last = -1
    async for offset, session, line in copies(db, workspace_id, stream, page=page):
        if offset > last:
            last = offset
            yield offset, session, line


async def agrees(db: Database, workspace_id: int, stream: str) -> bool:
    """Whether all that is kept of a stream can be of one file: the same bytes at one offset, and no line that begins
    within another."""
    at, known, end = -1, b"", 0
    async for offset, _, line in copies(db, workspace_id, stream):
        if line != known if offset == at else offset < end:
            return False
        at, known, end = offset, line, offset + len(line)
    return True


async def copies(
    db: Database, workspace_id: int, stream: str, *, page: int = 16
) -> AsyncIterator[tuple[int, str, bytes]]:
    """A stream's lines in order, each as often as sessions and chunks keep it.

    No transaction is open between pages, and no more chunks in memory than a page and those that overlap.
    """
    waiting: list[tuple[int, int, str, bytes, Iterator[tuple[int, bytes]]]] = []
    turn, after = 0, (-1, -1)
    more = True
    while more:
        params = {"workspace_id": workspace_id, "stream": stream, "limit": page}
        params |= {"first_offset": after[0], "session_id": after[1]}
        async with db.workspace(workspace_id) as conn:
            rows = await (await conn.execute(SQL["page"], params)).fetchall()
        more = len(rows) == page
        for row in rows:
            after = (row["first_offset"], row["session_id"])
            lines = lines_of(row["offsets"], row["sizes"], row["zstd"])
            turn += 1
            _push(waiting, turn, row["external_id"], lines)
        until = after[0] if more else None
        while waiting and (until is None or waiting[0][0] < until):
            offset, number, session, line, lines = heapq.heappop(waiting)
            yield offset, session, line
            _push(waiting, number, session, lines)


def _push(
    waiting: list[tuple[int, int, str, bytes, Iterator[tuple[int, bytes]]]],
    turn: int,
    session: str,
    lines: Iterator[tuple[int, bytes]],
) -> None:
    """`turn` is unique among those that wait, so that lines are never compared."""
    if (line := next(lines, None)) is not None:
        heapq.heappush(waiting, (line[0], turn, session, line[1], lines))


def _row(session_id: int, chunk: RawChunk) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "stream": chunk.stream,
        "first_offset": chunk.offsets[0],
        "format": chunk.format,
        "path": chunk.path,
        "offsets": _spaced(chunk.offsets),
        "sizes": _spaced(chunk.sizes),
        "bytes_sha256": chunk.bytes_sha256,
        "zstd": chunk.data,
    }


def _chunk(row: Mapping[str, Any]) -> RawChunk:
    return RawChunk(
        session_external_id=row["external_id"],
        source=row["source"],
        format=row["format"],
        stream=row["stream"],
        path=row["path"],
        offsets=tuple(row["offsets"]),
        sizes=tuple(row["sizes"]),
        data=row["zstd"],
        bytes_sha256=row["bytes_sha256"],
    )


def _spaced(numbers: Iterable[int]) -> str:
    """Arrays of arrays are rectangles in Postgres: each goes as text."""
    return " ".join(map(str, numbers))
