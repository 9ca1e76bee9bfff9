"""Prices all usage anew, with a line of progress."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from indexing.dates import parse_ms
from service.bootstrap import open_resources
from service.errors import RequestError
from service.jobs import rollup
from service.jobs.price_file import PriceFile
from service.settings import Settings
from service.storage.usage.marks import EVER


def run(settings: Settings, *, since: str | None, quiet: bool) -> int:
    """How many hours were priced. Errors: `RequestError` for a date that is none; `DatabaseError`."""
    begin = moment(since)
    return asyncio.run(reprice(settings, begin))


async def reprice(settings: Settings, since: datetime) -> int:
    resources = await open_resources(settings)
    try:
        return await rollup.rebuild(resources.db, PriceFile(settings.price_file).read(), since=since)
    finally:
        await resources.close()


def moment(since: str | None) -> datetime:
    """
    >>> moment("2026-01-31").isoformat()
    '2026-01-31T00:00:00+00:00'
    """
    if since is None:
        return EVER
    ms = parse_ms(since, now_ms=round(datetime.now(UTC).timestamp() * 1000))
    if ms is None:
        raise RequestError("--since must be a date, such as 2026-01-31 or 90d.")
    return datetime.fromtimestamp(ms / 1000, UTC)
