"""The chats of Cursor's command line as transcripts: one small database each, `~/.cursor/chats/<folder>/<chat>/store.db`.

Rule: `meta` names the root of a tree of blobs; its leaves that are JSON are the messages, in the order of the tree. A
blob is named by the hash of what it holds; one that links to others lists their hashes (`0A 20`, then 32 bytes, each).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec

from service.collect.model import Mark, Transcript
from service.collect.stores.broken import broken
from service.collect.stores.sqlite_files import SqliteFile, require
from service.importers import rows

FORMAT = "cursor"
_TABLES = {"meta": ("key", "value"), "blobs": ("id", "data")}
_LINKS = re.compile(rb"(?:\x0a\x20.{32})+", re.DOTALL)
_LINK_BYTES = 34


def transcripts(path: Path) -> Iterator[Transcript]:
    """The chat of a `store.db`, or every one of `~/.cursor`."""
    for database in sorted(path.glob("chats/*/*/store.db")) if path.is_dir() else [path]:
        try:
            stat, wal = database.stat(), _size(database.with_name("store.db-wal"))
        except OSError as error:
            yield broken(FORMAT, database, error)
            continue
        mark = Mark(stat.st_ino, stat.st_size + wal[0], max(stat.st_mtime_ns, wal[1]) // 1_000_000)
        read = partial(_lines, database)
        yield Transcript(FORMAT, f"{database}#{database.parent.name}", "document", mark, read)


def _lines(path: Path) -> Iterator[bytes]:
    with SqliteFile(path).opened(copy=True) as conn:
        require(conn, path, "Cursor's command line", _TABLES)
        root = None
        for row in conn.execute("select key, value from meta order by key"):
            yield rows.encode("meta", dict(row))
            root = root or _root(row["value"])
        messages = list(_messages(conn, root)) if root is not None else []
        # A tree that cannot be walked: what is there, in the order in which it was stored.
        for id in messages or _all(conn):
            yield rows.encode("blobs", {"id": id, "data": _blob(conn, id)})


def _root(value: str | bytes) -> str | None:
    """The root's hash in the session's metadata: JSON in hexadecimal, or plain."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    try:
        data = msgspec.json.decode(bytes.fromhex(text))
    except ValueError:
        try:
            data = msgspec.json.decode(text)
        except ValueError:
            return None
    found = data.get("latestRootBlobId") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None


def _messages(conn: sqlite3.Connection, root: str) -> Iterator[str]:
    """Hashes of the messages in their order. A stack of our own, and each link walked once: a tree has no end else."""
    waiting, walked = [root], set[str]()
    while waiting:
        id = waiting.pop()
        data = _blob(conn, id)
        if data is None:
            continue
        if data.lstrip().startswith(b"{"):
            yield id
        elif id not in walked and (found := _LINKS.match(data)):
            walked.add(id)
            links = found[0]
            waiting += reversed(
                [links[at + 2 : at + _LINK_BYTES].hex() for at in range(0, len(links), _LINK_BYTES)]
            )


def _all(conn: sqlite3.Connection) -> Iterator[str]:
    found = conn.execute("select id, data from blobs order by rowid")
    yield from (row["id"] for row in found if _bytes(row["data"]).lstrip().startswith(b"{"))


def _blob(conn: sqlite3.Connection, id: str) -> bytes | None:
    row = conn.execute("select data from blobs where id = ?", (id,)).fetchone()
    return None if row is None else _bytes(row["data"])


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value or "").encode()


def _size(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns
