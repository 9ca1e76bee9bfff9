"""After thousands of crossing commits, cut readers, killed processes and a restart of Postgres, every answer is right."""

from __future__ import annotations

import os
import time
from pathlib import Path

import live_soak
from live_soak import Api, Postgres, Soak

from service.storage import people
from service.storage.database import open_database
from service.storage.migrations import migrate

COMMITS = int(os.environ.get("LIVE_SOAK_COMMITS", "10000"))
"""`make live-soak` asks for 100,000."""
SEED = int(os.environ.get("LIVE_SOAK_SEED", "7"))
NOTHING_TO_LOSE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "deadlock_timeout": "50ms",
}


async def test_it_ends_with_what_plain_reads_give(home: Path, tmp_path: Path) -> None:
    """16 writers (held, rolled back), 12 readers who are cut at random, the API killed twice, Postgres restarted: no
    reader's answers differ from a final read."""
    postgres = Postgres(home.parent, NOTHING_TO_LOSE)
    url = postgres.server.url
    try:
        migrate(url)
        db = await open_database(url, pool_size=2)
        workspace_id, user_id = await people.create_workspace(db, name="soak", user="soak")
        key = people.new_key()
        async with db.workspace(workspace_id) as conn:
            await people.create_key(conn, workspace_id, user_id, key=key)
        await db.close()
        soak, api = Soak(url, workspace_id, key, commits=COMMITS, seed=SEED), Api(url, tmp_path)
        started_s = time.monotonic()
        try:
            ended = await live_soak.run(soak, api, postgres.restart)
        finally:
            api.kill()
        print(f"{soak.done} commits, {soak.cuts} cuts, {time.monotonic() - started_s:.0f} s")
        assert soak.done >= COMMITS
        assert soak.cuts > live_soak.READERS
        assert sum(bool(each["messages"].result.get("messages")) for each in ended) > 2, (
            "nothing was left to compare"
        )
    finally:
        postgres.server.stop()
