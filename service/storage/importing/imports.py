"""What an import brings: sessions, messages with their records, raw lines and file positions, in one transaction.

Rule: a file's position is stored only with what was read. The transcript has the last word on what it tells; how its
messages meet those that a client has brought is decided in `twins.py`. The same again writes nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from service.model.imported import FilePosition, ImportedMessage, RawChunk
from service.model.session import SessionWrite
from service.privacy import writes
from service.privacy.cleaning import Cleaner
from service.storage import audit, privacy
from service.storage.arrays import array
from service.storage.attempts import in_one_transaction
from service.storage.batch import Batch, session_writes
from service.storage.database import Connection, Database
from service.storage.importing import import_files, meeting, raw_chunks
from service.storage.queries import load
from service.storage.resolve import Found, Missing, Ref, Target
from service.storage.sync_rows import Key, merge

SQL = load("imports")
Fate = Literal["stored", "waiting", "deleted", "unknown"]
"""Of one item: stored (or there already and the same), announced of a session that is not here yet, deleted here
earlier, or of a session that is not here."""


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What a request brings."""

    sessions: Sequence[SessionWrite] = ()
    messages: Sequence[ImportedMessage] = ()
    chunks: Sequence[RawChunk] = ()
    files: Sequence[FilePosition] = ()


class Imported(msgspec.Struct, kw_only=True):
    """What became of it: fates by place, and how many rows were really made or altered."""

    sessions: list[Fate] = []
    messages: list[Fate] = []
    chunks: list[Fate] = []
    message_ids: list[int | None] = []
    """By place; None: it was deleted here."""
    new_sessions: int = 0
    changed_sessions: int = 0
    new_messages: int = 0
    changed_messages: int = 0
    new_raw_lines: int = 0
    """In chunks that were stored now."""


async def apply(
    db: Database,
    brought: Brought,
    *,
    workspace_id: int,
    user_id: int | None,
    now: datetime,
    restore: bool = False,
    exact: str | None = None,
) -> Imported:
    """Store it in one transaction. `restore`: lift the tombstones of what it names. `exact`: the stream that a better
    parser has read again, whose messages may also become smaller.

    Errors: `Refused` when Postgres refuses a value (nothing of the request is stored; send items apart).
    """

    async def work(conn: Connection) -> Imported:
        batch = Batch(
            conn,
            workspace_id=workspace_id,
            user_id=user_id,
            now=now,
            transcript=True,
            exact=exact is not None,
        )
        if by := await privacy.cleaner(conn, workspace_id):
            clean, unkept = await asyncio.to_thread(cleaned, brought, by)
            imported = await asked(batch, clean)
            for place in unkept:
                imported.chunks.insert(place, "stored")
            return imported
        return await asked(batch, brought)

    async def asked(batch: Batch, brought: Brought) -> Imported:
        if restore and await lift(batch, brought):
            await audit.record(batch.conn, workspace_id, "workspace.restore", workspace_id, user_id=user_id)
        return await store(batch, brought, exact=exact)

    return await in_one_transaction(db, workspace_id, work)


def cleaned(brought: Brought, by: Cleaner) -> tuple[Brought, list[int]]:
    """Without what the workspace does not want stored, and the places of raw chunks of which nothing is left, ascending."""
    chunks = [writes.chunk(each, by) for each in brought.chunks]
    clean = Brought(
        sessions=[writes.session(each, by) for each in brought.sessions],
        messages=[writes.imported(each, by) for each in brought.messages],
        chunks=[each for each in chunks if each is not None],
        files=[writes.position(each, by) for each in brought.files],
    )
    return clean, [place for place, each in enumerate(chunks) if each is None]


async def store(batch: Batch, brought: Brought, *, exact: str | None = None) -> Imported:
    session_refs = [Ref(write.external_id, write.source) for write in brought.sessions]
    message_refs = [ref_of(message) for message in brought.messages]
    chunk_refs = [Ref(chunk.session_external_id, chunk.source) for chunk in brought.chunks]
    told = {ref for ref, write in zip(session_refs, brought.sessions, strict=True) if not write.announced}
    announced = {*session_refs} - told
    targets = await batch.resolve(
        [*told, *message_refs],
        brought.sessions,
        also=[*announced, *chunk_refs],
        begun=beginnings(brought.messages),
    )
    keys = [
        key_of(batch, targets[ref], each) for ref, each in zip(message_refs, brought.messages, strict=True)
    ]
    folded = fold(zip(keys, brought.messages, strict=True))
    refused = [message for key, message in zip(keys, brought.messages, strict=True) if key is None]
    chunks = kept_chunks(batch, brought.chunks, [targets[ref] for ref in chunk_refs], refused)
    lines = lines_of(zip(keys, brought.messages, strict=True))
    anew = {(session_id, chunk.stream) for session_id, chunk in chunks if chunk.whole}
    anew |= {(key[0], stream) for key, stream in lines if stream == exact}
    raw = raw_chunks.Changes()

    async def changed_chunks() -> set[int]:
        nonlocal raw
        raw = await raw_chunks.differing(batch.conn, batch.common["workspace_id"], chunks)
        return raw.touched

    written = await batch.write(
        session_writes(session_refs, brought.sessions, targets),
        targets,
        lambda: meeting.of_transcripts(batch, folded, lines=lines, anew=anew, exact=exact),
        also_touched=changed_chunks,
    )
    await raw_chunks.write(batch.conn, batch.common["workspace_id"], raw)
    await import_files.put(batch.conn, batch.common["workspace_id"], brought.files, now=batch.now)
    new = sum(row["inserted"] for row in written.rows.values())
    met = written.met
    ids = met.ids | {key: row["id"] for key, row in written.rows.items()}
    await forget_lines(batch, complete(brought, chunks, raw), told=ids.values())
    return Imported(
        sessions=[
            "waiting" if ref in announced and isinstance(targets[ref], Missing) else fate(targets[ref])
            for ref in session_refs
        ],
        messages=["deleted" if key is None else "stored" for key in keys],
        chunks=[fate(targets[ref]) for ref in chunk_refs],
        message_ids=[None if key is None else ids[met.renamed.get(key, key)] for key in keys],
        new_sessions=len(batch.made),
        changed_sessions=len(written.sessions - batch.made),
        new_messages=new,
        changed_messages=len(written.rows) - new,
        new_raw_lines=sum(len(chunk.offsets) for _, chunk in raw.put),
    )


async def forget_unfound(
    conn: Connection,
    workspace_id: int,
    stream: str,
    *,
    sessions: Collection[str],
    read: set[int],
    found: set[int],
) -> int:
    """Delete what a better parser no longer finds in a stream, of which it has `read` these lines; how many.

    Only of `sessions` (external ids), of which it still tells: what another keeps here may be of another file. A
    message of which a line is no longer kept stays: nobody can say that it is not there.
    """
    params: dict[str, Any] = {"workspace_id": workspace_id, "stream": stream}
    params["session_external_ids"] = sorted(sessions)

    async def unfound() -> list[dict[str, Any]]:
        rows = await (await conn.execute(SQL["of_stream_alone"], params)).fetchall()
        return [row for row in rows if row["id"] not in found and read.issuperset(row["offsets"])]

    if not (gone := await unfound()):
        return 0
    locked = sorted({row["session_id"] for row in gone})
    await conn.execute(SQL["lock_sessions_of"], params | {"session_ids": array("int8", locked)})
    # Somebody may have written beside one of them before the lock was had.
    ids = [row["id"] for row in await unfound() if row["session_id"] in locked]
    deleted = await (await conn.execute(SQL["forget"], params | {"ids": array("int8", ids)})).fetchall()
    params["session_ids"] = array("int8", [row["session_id"] for row in deleted])
    await conn.execute(SQL["count_forgotten"], params)
    return len(deleted)


def complete(
    brought: Brought, chunks: Sequence[tuple[int, RawChunk]], raw: raw_chunks.Changes
) -> set[tuple[int, str]]:
    """Documents that were written anew and that this request tells whole: session ids and streams."""
    told = Counter(message.stream for message in brought.messages)
    ended = {file.stream for file in brought.files if told[file.stream] == file.messages}
    return {
        (session_id, chunk.stream)
        for session_id, chunk in chunks
        if chunk.whole and chunk.stream in ended and session_id in raw.touched
    }


async def forget_lines(batch: Batch, places: Collection[tuple[int, str]], *, told: Iterable[int]) -> None:
    """Messages that are no longer in a document keep no offsets there: other messages lie there now."""
    if not places:
        return
    asked = batch.common | {"session_ids": array("int8", sorted({session_id for session_id, _ in places}))}
    there = await (await batch.conn.execute(SQL["lines_of_sessions"], asked)).fetchall()
    still = set(told)
    gone = [row for row in there if (row["session_id"], row["stream"]) in places and row["id"] not in still]
    if gone:
        params = batch.common | {
            "message_id": array("int8", [row["id"] for row in gone]),
            "stream": array("text", [row["stream"] for row in gone]),
        }
        await batch.conn.execute(SQL["forget_lines"], params)


async def lift(batch: Batch, brought: Brought) -> int:
    """Forget that what this request names was deleted; how much of it was."""
    named = {
        *(("session", s.source or "", s.external_id, s.external_id) for s in brought.sessions),
        *(("session", *session_of(m), m.write.session_external_id) for m in brought.messages),
        *(("message", *session_of(m), name) for m in brought.messages for name in m.names),
        *(
            ("line", c.source, c.session_external_id, raw_chunks.tombstone(c.stream, offset))
            for c in brought.chunks
            for offset in c.offsets
        ),
    }
    rows = sorted(named | {("session", "", *rest) for kind, _, *rest in named if kind == "session"})
    names = ("kind", "source", "session_external_id", "external_id")
    params = {name: array("text", [row[place] for row in rows]) for place, name in enumerate(names)}
    return (await batch.conn.execute(SQL["lift_tombstones"], batch.common | params)).rowcount


def session_of(message: ImportedMessage) -> tuple[str, str]:
    return message.write.source or "", message.write.session_external_id


def ref_of(message: ImportedMessage) -> Ref:
    return Ref(message.write.session_external_id, message.write.source)


def beginnings(messages: Sequence[ImportedMessage]) -> dict[Ref, datetime]:
    """When the first of each session's messages was said: a session made from them begins there."""
    begun: dict[Ref, datetime] = {}
    for message in messages:
        at, ref = message.write.created_at, ref_of(message)
        if at is not None:
            begun[ref] = min(at, begun.get(ref, at))
    return begun


def key_of(batch: Batch, target: Target, message: ImportedMessage) -> Key | None:
    """None: it, or its session, was deleted here."""
    if not isinstance(target, Found):
        return None
    if batch.tombstones and batch.is_gone(target, message.write.session_external_id, message.names):
        return None
    return target.id, message.write.external_id


def fold(
    keyed: Iterable[tuple[Key | None, ImportedMessage]],
) -> dict[Key, ImportedMessage]:
    """A message that comes twice as one: the later, unless it is an older snapshot; the records of both."""
    folded: dict[Key, ImportedMessage] = {}
    for key, message in keyed:
        if key is None:
            continue
        earlier = folded.get(key)
        folded[key] = message if earlier is None else together(earlier, message)
    return folded


def together(earlier: ImportedMessage, later: ImportedMessage) -> ImportedMessage:
    older = later.excerpt if later.excerpt != earlier.excerpt else set(later.names) < set(earlier.names)
    write = earlier.write if older else merge(earlier.write, later.write)
    if earlier.excerpt and not later.excerpt:
        write = later.write
    return msgspec.structs.replace(
        earlier,
        write=write,
        excerpt=earlier.excerpt and later.excerpt,
        records=tuple(dict.fromkeys((*earlier.records, *later.records))),
    )


def lines_of(keyed: Iterable[tuple[Key | None, ImportedMessage]]) -> dict[tuple[Key, str], set[int]]:
    """Where each message lies, in every stream that tells it."""
    lines: dict[tuple[Key, str], set[int]] = {}
    for key, message in keyed:
        if key is not None and message.stream is not None and message.lines:
            lines.setdefault((key, message.stream), set()).update(message.lines)
    return lines


def kept_chunks(
    batch: Batch,
    chunks: Sequence[RawChunk],
    targets: Sequence[Target],
    refused: Sequence[ImportedMessage],
) -> list[tuple[int, RawChunk]]:
    """Those of sessions that are here, by id, without lines that were deleted and those of refused messages."""
    deleted = {(session, name) for kind, _, session, name in batch.tombstones if kind == "line"}
    deleted |= {
        (message.write.session_external_id, raw_chunks.tombstone(message.stream, offset))
        for message in refused
        if message.stream is not None
        for offset in message.lines
    }
    kept: list[tuple[int, RawChunk]] = []
    for chunk, target in zip(chunks, targets, strict=True):
        if not isinstance(target, Found):
            continue
        gone = {
            offset
            for offset in (chunk.offsets if deleted else ())
            if (chunk.session_external_id, raw_chunks.tombstone(chunk.stream, offset)) in deleted
        }
        if (left := raw_chunks.without(chunk, gone)) is not None:
            kept.append((target.id, left))
    return kept


def fate(target: Target) -> Fate:
    if isinstance(target, Found):
        return "stored"
    return "unknown" if isinstance(target, Missing) else "deleted"
