"""The first start: a user `local`, its personal workspace, and a key for it in a file that only its owner reads.

Safe to repeat: every start looks whether the key file is there, private, and known to the database. A file that was
lost, or belongs to another database (one that was restored), is written anew with a new key.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from service.postgres.home import write_private
from service.storage import people
from service.storage.database import Database, open_database

LOCAL = "local"
"""The name of the user and of its workspace."""


def prepare(url: str, key_file: Path) -> bool:
    """See to it that `key_file` holds a key of the user `local`, mode 0600; whether a new one was made."""
    kept = read(key_file)
    key = asyncio.run(usable_key(url, kept))
    if key != kept:
        write_private(key_file, key + "\n")
    key_file.chmod(0o600)
    return key != kept


def read(key_file: Path) -> str:
    """The key in the file; "" when there is none."""
    try:
        return key_file.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""


async def usable_key(url: str, kept: str) -> str:
    """`kept` when the database knows it, else a new key of the user `local`."""
    db = await open_database(url, pool_size=2, name="backscroll-start")
    try:
        async with db.system() as conn:
            if kept and await people.caller(conn, kept) is not None:
                return kept
        workspace_id, user_id = await local_workspace(db)
        key = people.new_key()
        async with db.workspace(workspace_id) as conn:
            await people.create_key(conn, workspace_id, user_id, key=key, name="the key file of this home")
        return key
    finally:
        await db.close()


async def local_workspace(db: Database) -> tuple[int, int]:
    """The ids of the workspace and of its user; made when missing."""
    async with db.system() as conn:
        workspace_id, user_id = await people.find_workspace(conn, LOCAL), await people.find_user(conn, LOCAL)
    if workspace_id is None or user_id is None:
        return await people.create_workspace(db, name=LOCAL, user=LOCAL)
    async with db.workspace(workspace_id) as conn:  # a start that was cut short may not have come this far
        await conn.execute(
            people.SQL["add_member"], {"workspace_id": workspace_id, "user_id": user_id, "role": "owner"}
        )
    return workspace_id, user_id
