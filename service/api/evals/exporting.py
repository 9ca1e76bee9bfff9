"""Eval sets as files. The file is made whole before its first byte is sent: its head says what it holds.

Rule: memory stays flat whatever the set; the file lies below the home until it is sent (`folders`), and no transaction is
open while a slow reader takes it.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path

from service.api import examples, shapes
from service.api.evals import asking
from service.api.evals.asking import SetAsked, SetBody
from service.api.evals.folders import Folder, sweep
from service.api.evals.making import make
from service.api.evals.selecting import NONE_FIT, Selection, select
from service.api.gate.routes import NDJSON, Answer, Call, route
from service.api.search.asking import SearchAsked
from service.errors import NoRoom, NotFound
from service.exports.formats import MEDIA_TYPES
from service.exports.manifest import header, manifest
from service.exports.model import Case
from service.exports.writing import Writer
from service.model import json_items
from service.privacy.cleaning import Cleaner

CHUNK_BYTES = 256 * 1024
FULL = "The disk below the home is full: make room on it, or export less at once."
DESCRIPTION = (
    "Makes an eval set of marked sessions and turns, or of those that are named. `X-Export-Sessions` and "
    "`X-Export-TestCases` count what is in it, `X-Export-Manifest` is its manifest as JSON: filters, counts, what was "
    "left out and why, what was cut, warnings, and the SHA-256 of the file. The order and the ids of cases "
    "(`session:turn`) are the same each time. An archive holds the manifest too, and a file a split."
)


@route(
    "GET", "/api/export/evals", scope="read", summary="Export an eval set", description=DESCRIPTION, asks=SetAsked,
    gives=NDJSON, gives_too=tuple(MEDIA_TYPES.values()), example=examples.EVAL_SET, errors=(400, 404),
)  # fmt: skip
async def export_set(call: Call, asked: SetAsked) -> Answer:
    return await export(call, asked, None)


@route(
    "POST", "/api/export/evals", scope="read", summary="Export an eval set from a search", asks=SetAsked,
    description="With the body of a search: a set of what it finds, up to its `limit`; with `groupBy` message of the "
    "turns around its hits. " + DESCRIPTION,
    takes=SetBody, gives=NDJSON, gives_too=tuple(MEDIA_TYPES.values()), example=examples.EVAL_SET, example_body=examples.EVAL_SET_BODY,
    errors=(400, 404, 413),
)  # fmt: skip
async def export_search(call: Call, asked: SetAsked) -> Answer:
    return await export(call, *asking.from_body(json_items.read_object(call.body), asked))


async def export(call: Call, asked: SetAsked, search: SearchAsked | None) -> Answer:
    """Errors: `RequestError`; `NotFound` when no session or none of its turns fits."""
    asking.shares(asked)
    selection = await select(call, asked, search)
    home = call.resources.settings.home
    await asyncio.to_thread(sweep, home)
    folder = Folder(home)
    try:
        return await made(call, asked, search, selection, folder)
    except BaseException as error:
        folder.close()
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise NoRoom(FULL) from error
        raise


async def made(
    call: Call, asked: SetAsked, search: SearchAsked | None, selection: Selection, folder: Folder
) -> Answer:  # fmt: skip
    stem = f"backscroll-{asked.format}-{call.now:%Y-%m-%d}"
    writer = Writer(
        folder.path, asked.format, stem=stem, metadata=asked.include_metadata, archive=asked.archive
    )
    cleaner = Cleaner(redact=asked.redact, anonymize=asked.anonymize)

    def add(case: Case) -> None:
        call.desk.room.check()  # Postgres may share the disk
        writer.add(case)

    tally = await make(call, asked, selection, cleaner, add)
    if not tally.cases:
        raise NotFound(NONE_FIT)
    filters, options = asking.plain(asked, search)
    files = await asyncio.to_thread(writer.finish)
    now_ms = shapes.epoch_ms(call.now)
    told = manifest(asked.format, tally, cleaner, files, filters=filters, options=options, now_ms=now_ms)
    path = await asyncio.to_thread(writer.close, told)
    headers = {
        "Content-Disposition": f'attachment; filename="{stem}.{writer.ending}"',
        "Content-Length": str(path.stat().st_size),
        "X-Export-Sessions": str(tally.sessions),
        "X-Export-TestCases": str(tally.cases),
        "X-Export-Manifest": header(told),
    }
    return Answer(b"", headers=headers, media_type=MEDIA_TYPES[writer.ending], stream=sent(path, folder))


async def sent(path: Path, folder: Folder) -> AsyncIterator[bytes]:
    """The file in pieces; the folder goes before the first, and what is open still is read."""
    with path.open("rb") as file:
        folder.close()
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
