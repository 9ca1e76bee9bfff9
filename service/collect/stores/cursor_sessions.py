"""Cursor's sessions as transcripts: the composers of its window, and the chats of its command line.

Rule: a composer's rows come in the order of its own list of bubbles. Cursor's database is one for all composers, large
and written to at any moment: it is copied before a composer is read, once for all of them, and only when one changed.

    User/globalStorage/state.vscdb           cursorDiskKV: composerData:<composer>, bubbleId:<composer>:<bubble>
    User/workspaceStorage/*/state.vscdb      ItemTable: which composers belong to the folder in workspace.json
    ~/.cursor/chats/<folder>/<chat>/store.db (cursor_chats.py)
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from service.collect.model import Mark, Transcript
from service.collect.stores import cursor_chats
from service.collect.stores.broken import broken
from service.collect.stores.sqlite_files import SqliteFile, Unusable, columns, kept, require
from service.importers import rows

FORMAT = "cursor"
_TABLES = {"cursorDiskKV": ("key", "value")}
_COMPOSER, _BUBBLE = "composerData:", "bubbleId:"
_COMPOSERS = (
    "select key, value from cursorDiskKV where key >= 'composerData:' and key < 'composerData;' order by key"
)
_VALUE = "select value from cursorDiskKV where key = ?"
_KEYS = "select key from cursorDiskKV where key >= ? and key < ? order by rowid"
_LAST = 8
"""Bubbles at a composer's end that are looked at for changes."""
_SECRET = re.compile(r'("\w*[eE]ncryptionKey"\s*:\s*)"(?:[^"\\]|\\.)*"')


class _Bubble(NamedTuple):
    id: str
    header: Any
    inside: Any
    """The bubble itself, where the composer's row has it."""


def transcripts(path: Path) -> Iterator[Transcript]:
    """Every session of a `state.vscdb` or a `store.db`, of Cursor's folder `User`, or of `~/.cursor`.

    A database that cannot be read is a transcript too, whose `lines` say why: so it is told, and hurts no other.
    """
    database = path / "globalStorage" / "state.vscdb"
    if path.name == "store.db" or (path / "chats").is_dir():
        yield from cursor_chats.transcripts(path)
    elif not path.is_dir() or database.exists():
        yield from _composers(database if path.is_dir() else path)


def _composers(path: Path) -> Iterator[Transcript]:
    file, folders = kept(path), _folders(path.parent.parent / "workspaceStorage")
    try:
        inode = path.stat().st_ino
        with file.opened() as conn:
            require(conn, path, "Cursor", _TABLES)
            listed = [(key, _mark(conn, inode, key, value)) for key, value in conn.execute(_COMPOSERS)]
    except (OSError, sqlite3.Error) as error:
        yield broken(FORMAT, path, error)
        return
    for key, mark in listed:
        if mark is not None:
            id = key.removeprefix(_COMPOSER)
            read = partial(_lines, file, id, folders.get(id))
            yield Transcript(FORMAT, f"{path}#{id}", "document", mark, read)


def _mark(conn: sqlite3.Connection, inode: int, key: str, value: Any) -> Mark | None:
    """Of a composer: the sizes of its row and last bubbles, and when Cursor says that it changed. None: no talk."""
    if not value:
        return None
    data = _decoded(value)
    listed = _listed(data)
    if isinstance(data, dict) and not listed:
        return None
    prefix, size = f"{_BUBBLE}{key.removeprefix(_COMPOSER)}:", len(_text(value))
    for bubble in listed[-_LAST:]:
        size += len(_text(_value(conn, prefix + bubble.id) or ""))
    times = [data.get(name) for name in ("lastUpdatedAt", "createdAt")] if isinstance(data, dict) else []
    return Mark(inode, size, next((int(time) for time in times if isinstance(time, int | float)), 0))


def _lines(file: SqliteFile, composer: str, folder: str | None) -> Iterator[bytes]:
    with file.opened(copy=True) as conn:
        value = _value(conn, _COMPOSER + composer)
        if value is None:
            raise Unusable(f"{file.path} has no composer {composer} any more: what was imported of it stays.")
        if folder is not None:
            yield rows.encode("workspace", {"folder": folder})
        # The keys with which Cursor encrypts are nobody's business.
        yield _row(_COMPOSER + composer, _SECRET.sub(r'\1""', _text(value)))
        yield from _bubbles(conn, composer, _decoded(value))


def _bubbles(conn: sqlite3.Connection, composer: str, data: Any) -> Iterator[bytes]:
    """Each bubble of the list, from its row or from within the composer's; then those that the list has no more."""
    prefix = f"{_BUBBLE}{composer}:"
    # Ids may hold what `like` takes for a pattern: a range of keys, whose end is the byte after the colon.
    stored = [key for (key,) in conn.execute(_KEYS, (prefix, prefix[:-1] + ";"))]
    if not isinstance(data, dict):
        for key in stored:
            yield _row(key, _value(conn, key))
        return
    listed: set[str] = set()
    for bubble in _listed(data):
        key = prefix + bubble.id
        listed.add(key)
        value = _value(conn, key)
        if value is None and bubble.inside is not None:
            value = msgspec.json.encode(bubble.inside)
        yield _row(key, value, header=msgspec.json.encode(bubble.header))
    for key in stored:
        if key not in listed:
            yield rows.encode("unlisted", {"key": key, "value": _value(conn, key)})


def _listed(data: Any) -> list[_Bubble]:
    """What the composer lists, in its order. Old versions keep the bubbles within: in a map, or as the list itself."""
    if not isinstance(data, dict):
        return []
    within = data.get("conversationMap")
    within = within if isinstance(within, dict) else {}
    headers, whole = data.get("fullConversationHeadersOnly"), data.get("conversation")
    if isinstance(headers, list) and headers:
        found = [(header, within.get(_id(header))) for header in headers]
    else:
        found = [({}, bubble) for bubble in whole] if isinstance(whole, list) else []
    return [_Bubble(_id(header) or _id(inside), header, inside) for header, inside in found]


def _id(bubble: Any) -> str:
    id = bubble.get("bubbleId") if isinstance(bubble, dict) else None
    return id if isinstance(id, str) else ""


def _row(key: str, value: Any, **more: bytes) -> bytes:
    return rows.encode("cursorDiskKV", {"key": key, "value": value, **more})


def _value(conn: sqlite3.Connection, key: str) -> Any:
    row = conn.execute(_VALUE, (key,)).fetchone()
    return None if row is None else row["value"]


def _folders(storage: Path) -> dict[str, str]:
    """The folder of each composer that a workspace names. One that cannot be read names none."""
    found: dict[str, str] = {}
    for about in sorted(storage.glob("*/workspace.json")):
        try:
            said = _decoded(about.read_bytes())
            folder = said.get("folder") or said.get("workspace") if isinstance(said, dict) else None
            if isinstance(folder, str):
                found |= dict.fromkeys(_of_workspace(about.with_name("state.vscdb")), folder)
        except (OSError, sqlite3.Error):
            continue
    return found


def _of_workspace(path: Path) -> Iterator[str]:
    with SqliteFile(path).opened() as conn:
        if not {"key", "value"} <= columns(conn, "ItemTable"):
            return
        row = conn.execute("select value from ItemTable where key = 'composer.composerData'").fetchone()
    data = _decoded(row["value"]) if row is not None else None
    if not isinstance(data, dict):
        return
    listed = data.get("allComposers")
    ids = (
        [one.get("composerId") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    )
    for name in ("selectedComposerIds", "lastFocusedComposerIds"):
        ids += data[name] if isinstance(data.get(name), list) else []
    yield from (id for id in ids if isinstance(id, str))


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _decoded(value: Any) -> Any:
    try:
        return msgspec.json.decode(value)
    except (ValueError, RecursionError, TypeError):
        return None
