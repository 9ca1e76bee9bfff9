"""What Copilot CLI notes of a session beside its events (`session-state/<id>/workspace.yaml`): a summary, which is its
title, and where it ran.

Rule: it tells of a session and makes none; the document is one line. Anything but a flat list of names is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from service.importers import record
from service.importers.clock import from_iso
from service.importers.copilot.event import OF_CONTEXT
from service.importers.model import Found, FoundSession, LeftOut, Line, Place, Resume
from service.importers.running import facts, name, project
from service.model.session import SessionWrite

FILE = "workspace.yaml"
NOT_YAML = "not valid YAML"
MOST_BYTES = 64 * 1024
_TITLES = ("name", "title", "summary")
"""The first that is there."""


class Workspace:
    """A `Parser` (`service/importers/model.py`)."""

    def __init__(self, place: Place, source: str) -> None:
        self._session, self._source = next(iter(place.folders), FILE), source

    def feed(self, line: Line) -> Iterable[Found]:
        told = _read(line.data)
        if told is None:
            return [LeftOut(line.offset, NOT_YAML)]
        title = next((said for key in _TITLES if (said := name(told.get(key)))), None)
        branch = {ours: told.get(theirs) for theirs, ours in OF_CONTEXT.items()}
        where = project(told.get("cwd"))
        write = SessionWrite(
            external_id=record.identifier(told.get("id")) or self._session,
            source=self._source,
            title=title,
            project_path=where.get("project_path"),
            project_name=where.get("project_name"),
            created_at=from_iso(told.get("created_at")),
            attrs=facts(branch, branch) or None,
            announced=True,
        )
        return [FoundSession(write, (line.offset,))]

    def finish(self) -> Iterable[Found]:
        return []

    def resume(self, end: int) -> Resume:
        return Resume(end, {})


def _read(data: bytes) -> dict[str, Any] | None:
    """Its members, times as text; None where it is no such document."""
    if len(data) > MOST_BYTES:
        return None
    try:
        told = yaml.load(data, yaml.BaseLoader)  # strings, lists and mappings alone
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
