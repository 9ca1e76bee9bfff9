"""OpenCode's sessions as transcripts: of its databases, and of the JSON folders before them.

Rule: a session is read from a database; from the folders only where no database beside them has it. A line is a row
(`service/importers/rows.py`): first the session's, then each message's, followed by its parts in their order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from service.collect.model import Mark, Transcript
from service.collect.stores import opencode_files
from service.collect.stores.broken import broken
from service.collect.stores.sqlite_files import SqliteFile, Unusable, columns, kept, require
from service.importers import rows

FORMAT = "opencode"
DATABASES = "opencode*.db"
_TABLES = {
    "session": ("id", "title", "directory", "time_created", "time_updated"),
    "message": ("id", "session_id", "time_created", "time_updated", "data"),
    "part": ("id", "message_id", "session_id", "time_updated", "data"),
}
_LISTED = """
    select s.id, max(s.time_updated, coalesce(m.last, 0), coalesce(p.last, 0), coalesce(n.last, 0)) as last,
           coalesce(m.rows, 0) + coalesce(p.rows, 0) + coalesce(n.rows, 0) as rows
    from session s
    left join (select session_id, count(*) as rows, max(time_updated) as last from message group by 1) m
           on m.session_id = s.id
    left join (select session_id, count(*) as rows, max(time_updated) as last from part group by 1) p
           on p.session_id = s.id
    left join ({second}) n on n.session_id = s.id
    order by s.time_created, s.id
"""
_SECOND = "select session_id, count(*) as rows, max(time_updated) as last from session_message group by 1"
_NO_SECOND = "select null as session_id, 0 as rows, 0 as last where false"
# What OpenCode 2 writes to both tables stands in `message` already; only what came after it is new.
_AFTER = """
    select max(coalesce((select max(time_updated) from message where session_id = ?1), 0),
               coalesce((select max(time_updated) from part where session_id = ?1), 0))
"""


def transcripts(path: Path) -> Iterator[Transcript]:
    """Every session of a database, or of OpenCode's data folder. A database that cannot be read is a transcript
    too, whose `lines` say why: so it is told, and hurts no other."""
    if not path.is_dir():
        yield from (transcript for transcript, _ in _of_database(path))
        return
    known: set[str] = set()
    for database in sorted(path.glob(DATABASES)):
        for transcript, id in _of_database(database):
            known.add(id)
            yield transcript
    yield from opencode_files.transcripts(path, known)


def _of_database(path: Path) -> Iterator[tuple[Transcript, str]]:
    file = kept(path)
    try:
        inode, listed = path.stat().st_ino, _listed(file)
    except (OSError, sqlite3.Error) as error:
        yield broken(FORMAT, path, error), ""
        return
    for id, rows_, last in listed:
        read = partial(_lines, file, id)
        yield Transcript(FORMAT, f"{path}#{id}", "document", Mark(inode, rows_, last), read), id


def _listed(file: SqliteFile) -> list[tuple[str, int, int]]:
    """Each session's id, rows and last update. Sessions without a row have nothing to read."""
    with file.opened() as conn:
        require(conn, file.path, "OpenCode", _TABLES)
        second = _SECOND if columns(conn, "session_message") else _NO_SECOND
        found = conn.execute(_LISTED.format(second=second)).fetchall()
    return [
        (row["id"], row["rows"], int(row["last"] or 0))
        for row in found
        if row["rows"] and isinstance(row["id"], str)
    ]


def _lines(file: SqliteFile, id: str) -> Iterator[bytes]:
    with file.opened() as conn:
        yield from _session(conn, file.path, id)
        yield from _messages(conn, id)
        yield from _second(conn, id)


def _session(conn: sqlite3.Connection, path: Path, id: str) -> Iterator[bytes]:
    row = conn.execute("select * from session where id = ?", (id,)).fetchone()
    if row is None:
        raise Unusable(
            f"{path} has no session {id} any more: it was deleted, and what was imported of it stays."
        )
    yield rows.encode("session", dict(row))
    if "project_id" in row.keys() and columns(conn, "project"):  # noqa: SIM118 - a Row is no mapping
        for project in conn.execute("select * from project where id = ?", (row["project_id"],)):
            yield rows.encode("project", dict(project))


def _messages(conn: sqlite3.Connection, id: str) -> Iterator[bytes]:
    """Messages as OpenCode orders them, each followed by its parts; one message's parts are in memory at a time."""
    for message in conn.execute(
        "select * from message where session_id = ? order by time_created, id", (id,)
    ):
        yield rows.encode("message", dict(message))
        for part in conn.execute("select * from part where message_id = ? order by id", (message["id"],)):
            yield rows.encode("part", dict(part))


def _second(conn: sqlite3.Connection, id: str) -> Iterator[bytes]:
    there = columns(conn, "session_message")
    if not there:
        return
    order = "seq" if "seq" in there else "time_created, id"
    (after,) = conn.execute(_AFTER, (id,)).fetchone()
    query = f"select * from session_message where session_id = ? and time_created > ? order by {order}"
    for row in conn.execute(query, (id, after)):
        yield rows.encode("session_message", dict(row))
