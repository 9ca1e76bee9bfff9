"""Sessions go when they have been quiet for longer than their workspace keeps them; none does unless it was told to.

They are deleted as a person deletes them: completely, and with tombstones. Their transcripts may still lie on
somebody's disk, and a client may send all it has again: neither brings them back. (`import --restore` does, and as
they are as old as before, they go again with the next look.)
"""

from __future__ import annotations

import re

import msgspec
import structlog

from service.bootstrap import Resources
from service.errors import SettingError
from service.jobs import people
from service.storage import audit, retention
from service.storage.database import Database

log = structlog.get_logger()
MOST_DAYS = 36_500


class Kept(msgspec.Struct, frozen=True, rename="camel"):
    """How long a workspace keeps sessions; `days` None: for good."""

    workspace: str
    days: int | None


async def delete_aged(resources: Resources) -> None:
    """Delete what is too old, in every workspace. Safe to repeat and to cut short: a slice is a transaction."""
    if await delete_all_aged(resources.db):
        resources.bell.ring()


async def delete_all_aged(db: Database) -> int:
    """How many sessions."""
    total = 0
    for workspace_id, days in await retention.keeping(db):
        done = 0
        while some := await one_slice(db, workspace_id, days):
            done += some
        if done:
            log.info("sessions_aged", workspace=workspace_id, sessions=done, days=days)
        total += done
    return total


async def one_slice(db: Database, workspace_id: int, days: int) -> int:
    """Nothing where the workspace was told otherwise meanwhile."""
    async with db.workspace(workspace_id) as conn:
        if await retention.days(conn, workspace_id) != days:
            return 0
        return await retention.delete_some(conn, workspace_id, days)


async def keep(db: Database, name: str, days: str | None) -> Kept:
    """Set how long a workspace keeps sessions (`365`, or `off`), or only look (None). Errors: `NotFound`, `SettingError`."""
    place = await people.find_workspace(db, name)
    async with db.workspace(place.id) as conn:
        if days is not None:
            await retention.keep(conn, place.id, days_of(days))
            await audit.record(conn, place.id, "workspace.retention", place.id)
        return Kept(place.name, await retention.days(conn, place.id))


def days_of(text: str) -> int | None:
    """Errors: `SettingError`.

    >>> days_of("365"), days_of("off")
    (365, None)
    """
    if text == "off":
        return None
    if not re.fullmatch(r"[1-9]\d{0,5}", text, re.ASCII) or int(text) > MOST_DAYS:
        raise SettingError(
            f"Sessions are kept for 1 to {MOST_DAYS} days: --days 365, or --days off for good."
        )
    return int(text)
