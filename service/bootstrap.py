"""Everything a process needs, opened once: the one place where adapters are chosen.

`open_resources` is called by the API, the worker and the command line's upkeep; what they get is closed by
`Resources.close`. The URL comes from the setting, or from the embedded Postgres that `serve` runs.
"""

from __future__ import annotations

import msgspec

from service.errors import DatabaseUnavailable
from service.postgres import running_url
from service.settings import Settings
from service.storage.database import Database, open_database


class Resources(msgspec.Struct, kw_only=True):
    """What API handlers and jobs are given."""

    settings: Settings
    url: str
    """Of the database, with the owner's role: for migrations, partitions and index builds only."""
    db: Database

    async def close(self) -> None:
        await self.db.close()


async def open_resources(settings: Settings) -> Resources:
    """Errors: `DatabaseUnavailable` when there is no database to talk to."""
    url = database_url(settings)
    return Resources(settings=settings, url=url, db=await open_database(url, pool_size=settings.pool_size))


def database_url(settings: Settings) -> str:
    """The setting, or the embedded Postgres that runs under this home."""
    url = settings.database_url or running_url(settings.home)
    if url is None:
        raise DatabaseUnavailable(
            f"No Postgres runs under {settings.home}: start `backscroll serve`, or set BACKSCROLL_DATABASE_URL."
        )
    return url
