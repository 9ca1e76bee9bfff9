"""`backscroll doctor`: looks at everything that can be wrong, says what it means, and mends what is simple.

    finding.py    what it says of one thing
    home.py       the disk, the key file, the models: needs no database
    database.py   versions, migrations, row-level security, partitions, followers, vectors
    rows.py       counts, and messages without passages
    words.py      the text index and how far it is behind

Reads only, and may run beside a busy service. `repair` repeats what the worker does anyway, so it is safe to repeat.
"""

from __future__ import annotations

from datetime import UTC, datetime

from service.errors import DatabaseUnavailable
from service.jobs.doctor import database, home, rows, words
from service.jobs.doctor.finding import Finding, fail, ok
from service.jobs.sweep import mend_vectors
from service.postgres import database_url
from service.settings import Settings
from service.storage import migrations
from service.storage.change_log import keep_partitions
from service.storage.database import open_database

__all__ = ["Finding", "examine", "repair"]


async def examine(settings: Settings) -> list[Finding]:
    """Every check in a fixed order; those that need a database are left out when it does not answer or is not ours."""
    findings = home.examine(settings)
    try:
        url = database_url(settings)
        state = migrations.status(url)
    except DatabaseUnavailable as error:
        return [*findings, fail("database", "it does not answer", str(error))]
    findings.append(database.judge_migrations(state))
    if findings[-1].state == "fail":
        return findings
    db = await open_database(url, pool_size=2, name="backscroll-doctor")
    try:
        findings += await database.examine(db, settings, now=datetime.now(UTC))
        findings += await rows.examine(db)
        findings.append(await words.examine(db, settings))
    finally:
        await db.close()
    return findings


async def repair(settings: Settings) -> list[Finding]:
    """Migrate, make partitions, close the key file, count and split again, queue missing vectors, drop orphaned ones; what
    was done.

    Errors: `DatabaseUnavailable`, `MigrationError`.
    """
    url = database_url(settings)
    done = [ok("migrations", f"applied {name}") for name in migrations.migrate(url)]
    made, _ = keep_partitions(url, now=datetime.now(UTC), keep_hours=settings.change_log_hours)
    if made:
        done.append(ok("partitions", f"made up to {max(made)}"))
    home.close_key_file(settings)
    db = await open_database(url, pool_size=2, name="backscroll-doctor")
    try:
        done += await rows.repair(db)
        await mend_vectors(db)
    finally:
        await db.close()
    done.append(ok("vectors", "queued what was missing, deleted what was left over"))
    return done + await words.repair(settings)
