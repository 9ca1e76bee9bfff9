"""Backups of older schemas, on a disk without room, and for those who still hold a token of before."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from saved import fill, place_of, rows, settings, write

from service.jobs import backup as jobs
from service.jobs.archive import BackupError
from service.live.feed import NOTHING_SEEN, Feed
from service.model import snapshot
from service.storage import migrations
from service.storage.database import open_database
from service.storage.migrations import migrate

NO_MOUNT = "needs the right to mount a small file system"


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A file system of its own with so much room. Skips where this user may not mount one."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(NO_MOUNT)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_it_leaves_nothing_of_a_backup_that_has_no_room(database_url: str, tmp_path: Path) -> None:
    """A full disk is one sentence; nothing stands under the file's name or beside it, and what stood there stays."""
    asyncio.run(fill(database_url))
    with small_disk(tmp_path / "disk", "12k") as disk:
        with pytest.raises(BackupError, match="No space left"):
            jobs.backup(database_url, disk / "b")
        assert list(disk.iterdir()) == []
        (disk / "b").write_text("the one of before")
        with pytest.raises(BackupError, match="No space left"):
            jobs.backup(database_url, disk / "b", replace=True)
        assert [(each.name, each.read_text()) for each in disk.iterdir()] == [("b", "the one of before")]


def test_it_restores_a_backup_of_an_older_schema(
    database_url: str, any_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the older schema lacks takes its defaults, all else comes back row by row, and the schema is today's."""
    asyncio.run(fill(database_url))
    older = [each for each in migrations.known() if each.name < "0008"]
    with psycopg.connect(database_url) as conn:
        conn.execute("delete from migrations where name >= '0008'")
        conn.execute("alter table workspaces drop column retention_days")
        conn.execute("drop table audit_log, workers cascade")
    with monkeypatch.context() as then:
        then.setattr(migrations, "known", lambda: older)
        jobs.backup(database_url, tmp_path / "b")
    jobs.restore(settings(any_database_url, tmp_path), tmp_path / "b")
    assert migrate(any_database_url) == []
    assert all(each.applied for each in migrations.status(any_database_url))
    restored = rows(any_database_url)
    assert restored["audit_log"] == []
    for (workspace,) in restored["workspaces"]:
        assert workspace.pop("retention_days") is None
    with psycopg.connect(database_url) as conn:
        for name in restored.keys() - {"audit_log"}:
            assert (
                restored[name]
                == conn.execute(
                    f"select to_jsonb(t) - 'changed_xid' - 'xid' from {name} t order by 1"
                ).fetchall()
            ), name


async def test_it_starts_streams_of_before_anew(database_url: str, tmp_path: Path) -> None:
    """Whoever resumes with a token of before the restore gets a tick with a gap, of the new epoch, and goes on from it."""
    await fill(database_url)
    db = await open_database(database_url, pool_size=2)
    token = await db.token()
    await db.close()
    await asyncio.to_thread(jobs.backup, database_url, tmp_path / "b")
    await asyncio.to_thread(jobs.restore, settings(database_url, tmp_path), tmp_path / "b", force=True)
    db = await open_database(database_url, pool_size=2)
    async with Feed(database_url) as feed:
        tick = await feed.now(token)
        assert (tick.gap, tick.since, tick.changes) == (True, NOTHING_SEEN, [])
        assert (tick.epoch, tick.epoch in token) == (db.epoch, False)
        snapshot.parse_token(tick.token, epoch=db.epoch)
        await write(db, place_of(database_url), ["after"], session="after")
        later = await feed.now(tick.token)
        assert (later.gap, {change.tbl for change in later.changes}) == (False, {"sessions", "messages"})
    await db.close()
