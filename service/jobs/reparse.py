"""Raw lines read again by the parsers of today, so that what was imported earlier is as good as what is imported now.

Rule: stream by stream, each from its beginning; what comes out is stored as an import is, but a message may also become
smaller, and one that is no longer found goes. The same parsers again change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from service.bootstrap import Resources
from service.importers.formats import FORMATS
from service.importers.model import Format, Found, FoundMessage, FoundSession, Line, Place
from service.importers.undated import Dated, Undated
from service.model.imported import ImportedMessage
from service.model.session import SessionWrite
from service.storage.database import Database
from service.storage.importing import imports, raw_chunks
from service.storage.importing.imports import Brought
from service.storage.importing.raw_chunks import Stream

MOST_MESSAGES = 2000
"""Held at once; a message that a parser tells again within so many is stored once."""


class Reparsed(msgspec.Struct, kw_only=True):
    """What was read again so far, and what that changed."""

    streams: int = 0
    of_streams: int = 0
    lines: int = 0
    messages: int = 0
    changed_sessions: int = 0
    new_messages: int = 0
    changed_messages: int = 0
    deleted_messages: int = 0
    skipped_streams: int = 0
    """Of formats that this program does not know."""
    disagreeing_streams: int = 0
    """Streams that disagree: what is kept of them cannot be of one file. They are left as they are."""


class Reading(msgspec.Struct):
    """One stream, while it is read."""

    stream: Stream
    format: Format
    messages: list[ImportedMessage] = []
    sessions: list[SessionWrite] = []
    lines: dict[tuple[str, str], set[int]] = {}
    """Of all messages told so far, by the external ids of session and message: one may be told again."""
    told: set[str] = set()
    """External ids of the sessions."""
    offsets: set[int] = set()
    ids: set[int] = set()
    undated: Undated = msgspec.field(default_factory=Undated)


async def reparse(
    resources: Resources,
    *,
    workspace_id: int,
    format: str | None = None,
    source: str | None = None,
    session: str | None = None,
    formats: Mapping[str, Format] = FORMATS,
    report: Callable[[Reparsed], None] = lambda done: None,
) -> Reparsed:
    """Read a workspace's raw lines again: all, or those of one format, source or session (its external id).

    `report` is told after each stream. Errors: `Refused` when Postgres refuses a value; the streams before it are done.
    """
    async with resources.db.workspace(workspace_id) as conn:
        streams = await raw_chunks.streams(conn, workspace_id, format=format, source=source, session=session)
    done = Reparsed(of_streams=len(streams))
    for stream in streams:
        if (known := formats.get(stream.format)) is None:
            done.skipped_streams += 1
        elif not await raw_chunks.agrees(resources.db, workspace_id, stream.stream):
            done.disagreeing_streams += 1
        else:
            await read_again(resources.db, workspace_id, Reading(stream, known), done)
            resources.bell.ring()
        done.streams += 1
        report(done)
    return done


async def read_again(db: Database, workspace_id: int, reading: Reading, done: Reparsed) -> None:
    """One stream: its messages, then its sessions, then what is no longer there."""
    parser = reading.format.open(Place(reading.stream.path))
    async for offset, _, data in raw_chunks.read(db, workspace_id, reading.stream.stream):
        reading.offsets.add(offset)
        take(reading, parser.feed(Line(offset, data)))
        if len(reading.messages) >= MOST_MESSAGES:
            await store(db, workspace_id, reading, done)
    take(reading, parser.finish())
    keep(reading, reading.undated.rest(None))
    async with db.workspace(workspace_id) as conn:
        elsewhere = await raw_chunks.also_elsewhere(conn, workspace_id, reading.stream.stream)
    whole = [write for write in reading.sessions if write.external_id not in elsewhere]
    parts = [write for write in reading.sessions if write.external_id in elsewhere]
    await store(db, workspace_id, reading, done, sessions=whole)
    await store(db, workspace_id, reading, done, sessions=parts, exact=False)
    async with db.workspace(workspace_id) as conn:
        done.deleted_messages += await imports.forget_unfound(
            conn, workspace_id, reading.stream.stream,
            sessions=reading.told, read=reading.offsets, found=reading.ids,
        )  # fmt: skip
    done.lines += len(reading.offsets)
    done.messages += len(reading.ids)


def take(reading: Reading, found: Iterable[Found]) -> None:
    for item in found:
        if isinstance(item, FoundMessage):
            write = item.write
            if write.source is None:
                write = msgspec.structs.replace(write, source=reading.format.source)
            lines = reading.lines.setdefault((write.session_external_id, write.external_id), set())
            lines.update(item.lines)
            reading.told.add(write.session_external_id)
            keep(reading, reading.undated.add(msgspec.structs.replace(item, write=write)))
        elif isinstance(item, FoundSession):
            named = item.write.source or reading.format.source
            reading.told.add(item.write.external_id)
            reading.sessions.append(msgspec.structs.replace(item.write, source=named))


def keep(reading: Reading, dated: Iterable[Dated]) -> None:
    """Messages that are to be stored, in order."""
    for item, at in dated:
        lines = reading.lines[item.write.session_external_id, item.write.external_id]
        reading.messages.append(
            ImportedMessage(
                write=item.write,
                records=item.records,
                stream=reading.stream.stream,
                lines=tuple(sorted(lines)),
                excerpt=item.excerpt,
                assumed_at=at,
            )
        )


async def store(
    db: Database,
    workspace_id: int,
    reading: Reading,
    done: Reparsed,
    *,
    sessions: Sequence[SessionWrite] = (),
    exact: bool = True,
) -> None:
    """What waits. What was deleted here stays deleted. Not `exact`: these sessions are told by other streams too, and
    what this one tells may be less."""
    if not sessions and not reading.messages:
        return
    imported = await imports.apply(
        db,
        Brought(sessions=sessions, messages=reading.messages),
        workspace_id=workspace_id,
        user_id=None,
        now=datetime.now(UTC),
        exact=reading.stream.stream if exact else None,
    )
    reading.ids.update(id for id in imported.message_ids if id is not None)
    reading.messages.clear()
    done.changed_sessions += imported.new_sessions + imported.changed_sessions
    done.new_messages += imported.new_messages
    done.changed_messages += imported.changed_messages
