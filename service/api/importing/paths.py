"""/api/import: where `backscroll import` sends what it found on a machine, and asks how far it has read there."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from service.api import examples, shapes
from service.api.gate import auth, body, cursors, params
from service.api.gate.params import Cursor
from service.api.gate.routes import Answer, Call, answer, route, written
from service.api.importing import lines
from service.api.importing.storing import ImportStored, store
from service.importers.wire import FileLine, MessageLine, RawLine, SessionLine
from service.model import sources
from service.storage.importing import import_files

LARGE_BYTES = 64 * 1024
LINES = (SessionLine, MessageLine, RawLine, FileLine)
ZSTD = ("application/zstd", "application/x-zstd")


class ImportAsked(msgspec.Struct, rename="camel"):
    restore: Annotated[
        bool,
        Meta(
            description="Bring back what was deleted here, as far as the request names it. Takes the scope `admin`, as deleting does."
        ),
    ] = False


class FilesAsked(msgspec.Struct, rename="camel"):
    machine: params.Name | None = None
    source: params.Name | None = None
    limit: Annotated[int, Meta(ge=0, le=5000)] = 1000
    cursor: Cursor = None


class ReadFile(FileLine, tag="file", rename="camel", omit_defaults=True, kw_only=True):
    """A file's position as it was sent, and when."""

    read_at: int


class ReadFiles(msgspec.Struct, rename="camel"):
    workspace: str
    """Which one the key opens."""
    files: list[ReadFile]
    next_cursor: str | UnsetType = UNSET


@route(
    "POST", "/api/import", scope="ingest", summary="Import transcripts", asks=ImportAsked, takes=LINES, gives=ImportStored,
    description=(
        "NDJSON, plain or as zstd (`Content-Encoding: zstd`): sessions, messages with the ids of their records, raw lines, "
        "positions in files; the schema shows one line. All of it in one transaction, or in parts where the database refuses a "
        "value; each bad line is told in `errors` and hurts no other. The same again changes nothing. What a client has synced of the same session is met, not doubled."
    ),
    example_body=examples.IMPORT_MESSAGE, example=examples.IMPORT_STORED, errors=(400, 413),
)  # fmt: skip
async def import_transcripts(call: Call, asked: ImportAsked) -> Answer:
    if asked.restore:  # it undoes what only an admin may do
        auth.demand(call.caller, "admin")
    found = await read(call)
    stored = await store(call, found, restore=asked.restore)
    call.desk.meters.imported(stored.made)
    return await written(call, stored)


@route(
    "GET", "/api/import/files", scope="ingest", summary="List imported files", asks=FilesAsked, gives=ReadFiles,
    description="How far the files of each machine were read, by machine and path.",
    example={"workspace": "local", "files": [examples.IMPORT_FILE], "nextCursor": "8fJ2xk1Qeyj0Ijoi"}, errors=(400,),
)  # fmt: skip
async def list_imported_files(call: Call, asked: FilesAsked) -> Answer:
    order = f"import files {asked.machine} {asked.source}"
    after = cursors.decode(asked.cursor, import_files.Place, of=order) if asked.cursor else None
    source = sources.canonical(asked.source) if asked.source else None
    async with call.rows(still=True) as conn:
        name = await import_files.workspace_name(conn, call.workspace_id)
        rows = await import_files.page(
            conn, call.workspace_id, machine=asked.machine, source=source, limit=asked.limit + 1, after=after
        )
    listed = ReadFiles(name, [shown(row) for row in rows[: asked.limit]])
    if len(rows) > len(listed.files) > 0:
        last = listed.files[-1]
        listed.next_cursor = cursors.encode(import_files.Place(last.machine, last.path), of=order)
    return answer(listed)


async def read(call: Call) -> lines.Lines:
    """The lines of the body. A large one is read in a thread: others are answered meanwhile."""
    limit_bytes = call.resources.settings.body_limit_bytes
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    packed = kind in ZSTD and call.headers.get("content-encoding", "").strip().lower() != "zstd"
    text = await body.unfolded(call.body, body.unpacked_zstd if packed else None, limit_bytes=limit_bytes)
    if len(text) < LARGE_BYTES:
        return lines.read(text, limit_bytes=limit_bytes)
    return await asyncio.to_thread(lines.read, text, limit_bytes=limit_bytes)


def shown(row: dict[str, Any]) -> ReadFile:
    return ReadFile(**row | {"inode": int(row["inode"]), "read_at": shapes.epoch_ms(row["read_at"])})
