"""Real SQLite databases as OpenCode and Cursor make them, with made-up words; and what is read of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from service.collect.model import Transcript
from service.importers.model import Format, FoundMessage, Line, Place

T0 = 1_780_000_000_000
OPENCODE = """
    create table project (id text primary key, worktree text not null, name text);
    create table session (id text primary key, project_id text not null, parent_id text, slug text, directory text,
        title text, version text, time_created integer, time_updated integer);
    create table message (id text primary key, session_id text not null, time_created integer, time_updated integer,
        data text not null);
    create table part (id text primary key, message_id text not null, session_id text not null,
        time_created integer, time_updated integer, data text not null);
    create index message_session_idx on message (session_id);
    create index part_message_idx on part (message_id);
    create index part_session_idx on part (session_id);
"""
CURSOR = "create table {} (key text unique on conflict replace, value blob)"


def opened(path: Path, *, wal: bool = True) -> sqlite3.Connection:
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute(f"pragma journal_mode = {'wal' if wal else 'delete'}")
    conn.execute("pragma wal_autocheckpoint = 0")
    return conn


def opencode_database(path: Path, sessions: int = 2, *, wal: bool = True) -> sqlite3.Connection:
    """A database with sessions of a question and an answer with two parts, still open."""
    conn = opened(path, wal=wal)
    conn.executescript(OPENCODE)
    conn.execute("insert into project values ('prj', '/srv/app', 'app')")
    for n in range(1, sessions + 1):
        conn.execute(
            "insert into session values (?, 'prj', null, 's', '/srv/app', ?, '1.0', ?, ?)",
            (f"ses_{n}", f"Talk {n}", T0 + n, T0 + n),
        )
        say(conn, n, 1, "user", f"Question {n}")
        say(conn, n, 2, "assistant", f"Answer {n}", "and more")
    return conn


def say(conn: sqlite3.Connection, session: int, n: int, role: str, *texts: str) -> None:
    id, at = f"msg_{session}_{n}", T0 + session * 1000 + n
    data = json.dumps({"role": role, "time": {"created": at}})
    conn.execute("insert into message values (?, ?, ?, ?, ?)", (id, f"ses_{session}", at, at, data))
    for k, text in enumerate(texts):
        data = json.dumps({"type": "text", "text": text})
        conn.execute(
            "insert into part values (?, ?, ?, ?, ?, ?)",
            (f"prt_{id}_{k}", id, f"ses_{session}", at, at + k, data),
        )


def cursor_database(path: Path, composers: Iterable[str] = ("c1", "c2")) -> sqlite3.Connection:
    """A database with composers of a question and an answer, still open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    conn = opened(path)
    for table in ("cursorDiskKV", "ItemTable"):
        conn.execute(CURSOR.format(table))
    for composer in composers:
        headers = [{"bubbleId": "b1", "type": 1}, {"bubbleId": "b2", "type": 2}]
        put(conn, f"composerData:{composer}", compose(composer, headers))
        put(conn, f"bubbleId:{composer}:b2", {"type": 2, "text": f"Answer of {composer}"})
        put(conn, f"bubbleId:{composer}:b1", {"type": 1, "text": f"Question of {composer}"})
    return conn


def compose(id: str, headers: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"_v": 16, "composerId": id, "name": f"Talk {id}", "createdAt": T0, "lastUpdatedAt": T0 + 5,
            "fullConversationHeadersOnly": headers, **more}  # fmt: skip


def put(conn: sqlite3.Connection, key: str, value: Any, table: str = "cursorDiskKV") -> None:
    text = value if value is None or isinstance(value, str) else json.dumps(value)
    conn.execute(f"insert into {table} values (?, ?)", (key, text))


def texts(format: Format, transcript: Transcript) -> list[str | None]:
    """The words of a transcript's messages, in their order."""
    return [item.write.text for item in found(format, transcript) if isinstance(item, FoundMessage)]


def found(format: Format, transcript: Transcript) -> list[Any]:
    assert transcript.lines is not None
    parser, offset, items = format.open(Place(transcript.path)), 0, []
    for data in transcript.lines():
        assert b"\n" not in data
        items += parser.feed(Line(offset, data))
        offset += len(data) + 1
    return [*items, *parser.finish()]


def by_id(transcripts: Iterable[Transcript]) -> dict[str, Transcript]:
    return {transcript.path.rpartition("#")[2]: transcript for transcript in transcripts}


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below, with its bytes and its time; what a reader leaves behind shows here."""
    return {
        str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=2))
