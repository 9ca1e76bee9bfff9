"""How far files of people's machines were read. A position is stored in the transaction of what was read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from service.model.imported import FilePosition
from service.storage.arrays import columns
from service.storage.database import Connection
from service.storage.queries import load

SQL = load("import_files")
FILE_COLUMNS = {
    "machine": "text", "path": "text", "source": "text", "format": "text", "stream": "text", "inode": "text",
    "size": "int8", "mtime_ms": "int8", "offset": "int8", "tail_sha256": "text", "resume_offset": "int8", "state": "text",
    "parser_version": "int4", "sessions": "int8", "messages": "int8", "lines": "int8", "left_out": "text",
}  # fmt: skip


class Place(msgspec.Struct, frozen=True):
    """The last row of a page."""

    machine: str
    path: str


async def put(conn: Connection, workspace_id: int, files: Sequence[FilePosition], *, now: datetime) -> None:
    """Store positions, the last of each file. The same again writes nothing."""
    latest = {(file.machine, file.path): file for file in files}
    if not latest:
        return
    rows = [_row(latest[key]) for key in sorted(latest)]
    params = {"workspace_id": workspace_id, "now": now} | columns(rows, FILE_COLUMNS)
    changed = await (await conn.execute(SQL["changed"], params)).fetchall()
    if changed:
        keys = {(row["machine"], row["path"]) for row in changed}
        rows = [row for row in rows if (row["machine"], row["path"]) in keys]
        await conn.execute(SQL["put"], params | columns(rows, FILE_COLUMNS))


async def page(
    conn: Connection,
    workspace_id: int,
    *,
    machine: str | None = None,
    source: str | None = None,
    limit: int,
    after: Place | None = None,
) -> list[dict[str, Any]]:
    """Up to `limit` positions by machine and path, `state` and `left_out` as values."""
    params = {
        "workspace_id": workspace_id,
        "machine": machine,
        "source": source,
        "limit": limit,
        "after_machine": after.machine if after else None,
        "after_path": after.path if after else None,
    }
    return await (await conn.execute(SQL["page"], params)).fetchall()


async def workspace_name(conn: Connection, workspace_id: int) -> str:
    row = await (await conn.execute(SQL["workspace_name"], {"workspace_id": workspace_id})).fetchone()
    assert row is not None, "a key goes with its workspace"
    return str(row["name"])


def _row(file: FilePosition) -> dict[str, Any]:
    row = msgspec.structs.asdict(file)
    return row | {
        "inode": str(file.inode),
        "state": msgspec.json.encode(file.state).decode(),
        "left_out": msgspec.json.encode(file.left_out).decode(),
    }
