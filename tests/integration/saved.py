"""A database that is worth a backup, and what two databases are compared by."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from planted import plant, tables

from service.model.message import MessageWrite
from service.settings import Settings
from service.storage import people, sync
from service.storage.database import Database, open_database

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
MANY = 600
"""Messages: more than one statement logs one by one."""
DERIVED = {"change_log", "embedding_queue"}


async def fill(url: str) -> None:
    db = await open_database(url, pool_size=2)
    made = [await people.create_workspace(db, name=name, user=name) for name in ("a", "b")]
    async with db.system() as conn:
        await conn.execute("insert into embedding_models (name, dimension, status) values ('m', 2, 'active')")
    for workspace_id, user_id in made:
        await plant(db, workspace_id, user_id)
    await write(db, made[0], [f"m{n}" for n in range(MANY)], session="many")
    await db.close()


async def write(db: Database, place: tuple[int, int], ids: list[str], *, session: str) -> None:
    writes = [
        MessageWrite(
            session_external_id=session,
            external_id=id,
            role="user",
            text=f"porcupine\t{id}\\N\n\\.\n\u00fc\U0001f600",
        )
        for id in ids
    ]
    await sync.apply(db, workspace_id=place[0], user_id=place[1], now=NOW, sessions=[], messages=writes)


def place_of(url: str) -> tuple[int, int]:
    """The first workspace and its owner."""
    with psycopg.connect(url) as conn:
        found = conn.execute("select workspace_id, user_id from members order by 1").fetchone()
    assert found is not None
    return found[0], found[1]


def rows(url: str) -> dict[str, list[Any]]:
    """Every row of every table, but for transaction ids, what follows the tables, and lines that tell of backups.

    The URL is a superuser's.
    """
    names = [name for name in [*tables(url), "users", "embedding_models"] if name not in DERIVED]
    with psycopg.connect(url) as conn:
        found = {
            name: conn.execute(
                f"select to_jsonb(t) - 'changed_xid' - 'xid' from {name} t order by 1"
            ).fetchall()
            for name in names
        }
    found["audit_log"] = [
        (line,) for (line,) in found["audit_log"] if not line["action"].startswith("backup.")
    ]
    return found


def acts(url: str) -> list[str]:
    """What the audit log tells of backups."""
    with psycopg.connect(url) as conn:
        lines = conn.execute(
            "select action from audit_log where action like 'backup.%' order by id"
        ).fetchall()
    return [action for (action,) in lines]


def settings(url: str, home: Path) -> Settings:
    return Settings(home=home, database_url=url, embedding_model="none")
