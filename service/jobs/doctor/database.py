"""The database: versions, migrations, row-level security, partitions, followers, vectors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from service.client import read_key
from service.errors import SettingError
from service.jobs.doctor.finding import Finding, fail, ok, warn
from service.settings import Settings
from service.storage import doctor, embeddings, people, workers
from service.storage.database import Connection, Database
from service.storage.doctor import Follower
from service.storage.migrations import Status
from service.storage.workers import Worker

REPAIR = "Run `backscroll doctor --repair`."
LEAST_DAYS_AHEAD = 2
STUCK_S = 24 * 3600.0


async def examine(db: Database, settings: Settings, *, now: datetime) -> list[Finding]:
    async with db.system() as conn:
        postgres, vector = await doctor.versions(conn)
        findings = [
            ok("database", f"Postgres {postgres} with pgvector {vector} at epoch {db.epoch}"),
            judge_row_security(await doctor.unprotected_tables(conn)),
            judge_partitions(await doctor.last_partition(conn), today=now.astimezone(UTC).date()),
            judge_followers(await doctor.followers(conn)),
            judge_workers(await workers.seen(conn)),
            judge_vector_indexes(
                await doctor.damaged_vector_indexes(conn), missing=await missing_vector_index(conn)
            ),
        ]
    return [*findings, await examine_key(db, settings), await examine_vectors(db)]


async def examine_key(db: Database, settings: Settings) -> Finding:
    """Whether this database knows the key of the key file."""
    try:
        key = read_key(settings)
    except SettingError as error:
        return warn("key", "there is none to look for", str(error))
    async with db.system() as conn:
        caller = await people.caller(conn, key)
    if caller is None:
        return fail(
            "key",
            "this database does not know the key of the key file",
            "Restart `backscroll serve`: it writes a new one.",
        )
    return ok("key", "known, with the scopes " + ", ".join(sorted(caller.scopes)))


async def examine_vectors(db: Database) -> Finding:
    async with db.system() as conn:
        workspaces, model = await people.workspace_ids(conn), await embeddings.active(conn)
    if model is None:
        return warn("vectors", "no model yet", "The worker chooses it at its first start; is it running?")
    waiting = missing = orphaned = 0
    for workspace_id in workspaces:
        async with db.workspace(workspace_id) as conn:
            waiting += await embeddings.waiting(conn, workspace_id)
            missing += await doctor.missing_vectors(conn, workspace_id)
            orphaned += await doctor.orphaned_vectors(conn, workspace_id)
    return judge_vectors(waiting=waiting, missing=missing, orphaned=orphaned)


def judge_migrations(state: Sequence[Status]) -> Finding:
    """
    >>> judge_migrations([Status("0001_a", applied=True), Status("0002_b", applied=False)]).found
    'not applied: 0002_b'
    """
    if changed := [m.name for m in state if m.changed]:
        return fail(
            "migrations",
            f"changed after they were applied: {', '.join(changed)}",
            "Install the version of Backscroll that wrote this database.",
        )
    if waiting := [m.name for m in state if not m.applied]:
        return fail("migrations", f"not applied: {', '.join(waiting)}", "Run `backscroll migrate`.")
    return ok("migrations", f"all {len(state)} applied")


def judge_row_security(unprotected: Sequence[str]) -> Finding:
    if unprotected:
        return fail(
            "row security",
            f"not in force on {', '.join(unprotected)}",
            "Workspaces could see each other: stop the service and restore the policies of migration 0006.",
        )
    return ok("row security", "forced on every table of a workspace")


def judge_partitions(last: date | None, *, today: date) -> Finding:
    """
    >>> judge_partitions(date(2026, 1, 8), today=date(2026, 1, 1)).found
    '7 days ahead'
    """
    ahead = (last - today).days if last else -1
    if ahead < LEAST_DAYS_AHEAD:
        return warn(
            "partitions", "the change log has too few ahead", f"A running service makes them. {REPAIR}"
        )
    return ok("partitions", f"{ahead} days ahead")


def judge_followers(followers: Sequence[Follower]) -> Finding:
    """
    >>> judge_followers([Follower("words", still_s=2.0, is_behind=True, is_too_old=False)]).found
    'words'
    """
    names = ", ".join(f.name for f in followers)
    if too_old := [f.name for f in followers if f.is_too_old]:
        return warn(
            "change log",
            f"too short for {', '.join(too_old)}",
            "They compare with the tables when they run; start the worker.",
        )
    if stuck := [f.name for f in followers if f.is_behind and f.still_s > STUCK_S]:
        return warn(
            "change log",
            f"behind, and unmoved for a day: {', '.join(stuck)}",
            "They hold the change log back for a week at most; start the worker of that machine, if it is wanted.",
        )
    return ok("change log", names or "nobody follows it yet")


def judge_workers(heard: list[Worker]) -> Finding:
    """
    >>> judge_workers([Worker("a:1", 75.0, 0)]).found
    'no worker has worked for 75 s'
    """
    found = workers.said_of(heard)
    if any(worker.works for worker in heard):
        return ok("worker", found)
    return warn(
        "worker", found, "Nothing is indexed meanwhile: start `backscroll serve` or `backscroll worker`."
    )


async def missing_vector_index(conn: Connection) -> str:
    """The name of the active model's index when it is not there, else ""."""
    model = await embeddings.active(conn)
    if model is None or await doctor.has_vector_index(conn, embeddings.index_name(model.id)):
        return ""
    return embeddings.index_name(model.id)


def judge_vector_indexes(damaged: Sequence[str], *, missing: str = "") -> Finding:
    if missing:
        return warn(
            "vector index",
            f"{missing} is not there, so that a search by meaning reads every vector",
            "The worker builds it at its start.",
        )
    if damaged:
        return warn(
            "vector index",
            f"its build was broken off: {', '.join(damaged)}",
            "The worker builds it again at its start.",
        )
    return ok("vector index", "whole")


def judge_vectors(*, waiting: int, missing: int, orphaned: int) -> Finding:
    """
    >>> judge_vectors(waiting=3, missing=0, orphaned=0).found
    '3 texts wait for one'
    """
    if missing or orphaned:
        return warn(
            "vectors",
            f"{missing} texts have none and do not wait for one, {orphaned} vectors are left over",
            REPAIR,
        )
    return ok("vectors", f"{waiting} texts wait for one" if waiting else "every text has one")
