"""What `reparse` does, between the terminal and `service/jobs/reparse.py`."""

from __future__ import annotations

import asyncio

from service.bootstrap import open_resources
from service.cli import progress
from service.errors import SettingError
from service.importers.formats import FORMATS, named
from service.jobs import people
from service.jobs import reparse as job
from service.settings import Settings


def run(
    settings: Settings, *, source: str | None, session: str | None, workspace: str | None, quiet: bool
) -> job.Reparsed:
    """Read a workspace's raw lines again. Errors: `BackscrollError`."""
    format = None if source is None else named(source)
    if source is not None and format is None:
        raise SettingError(f"--source takes one of {', '.join(sorted(FORMATS))}, not {source!r}.")

    async def read_again(shown: progress.Shown) -> job.Reparsed:
        resources = await open_resources(settings)
        try:
            found = await people.find_workspace(resources.db, workspace)
            return await job.reparse(
                resources,
                workspace_id=found.id,
                format=format.name if format else None,
                session=session,
                report=lambda done: shown("files", done.streams, done.of_streams),
            )
        finally:
            await resources.close()

    with progress.shown(quiet=quiet) as shown:
        return asyncio.run(read_again(shown))
