"""Which session a transcript is, by the name of its file and the first record that says it.

Rule: a file that is named after a session is that session, even if records in it were copied from others. A
file `agent-<id>.jsonl` is the sub-agent of the session whose folder it lies in, else of the one that its
records name.
"""

from __future__ import annotations

import re
from typing import Any

from service.importers import record
from service.importers.model import Place

SOURCE = "claude-code"

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_AGENT = "agent-"


def is_uuid(name: str) -> bool:
    return _UUID.fullmatch(name) is not None


def agent_of(place: Place) -> str | None:
    """The sub-agent whose file this is.

    >>> agent_of(Place("/p/agent-a1.jsonl")), agent_of(Place("/p/notes.jsonl"))
    ('a1', None)
    """
    return place.stem.removeprefix(_AGENT) or None if place.stem.startswith(_AGENT) else None


def session_of_file(place: Place) -> str | None:
    """The session that the file's name or, of a sub-agent, its folder tells; None when only records can tell.

    >>> session_of_file(Place("/p/0b5c0f3e-0000-4000-8000-000000000001/subagents/workflows/w/agent-a1.jsonl"))
    '0b5c0f3e-0000-4000-8000-000000000001'
    """
    if agent_of(place) is None:
        return place.stem if is_uuid(place.stem) else None
    folders = place.folders
    if "subagents" not in folders:
        return None
    above = folders[folders.index("subagents") + 1 :][:1]
    return above[0] if above and is_uuid(above[0]) else None


def session_of_record(values: dict[str, Any]) -> str | None:
    for name in ("sessionId", "session_id", "parentSessionId"):
        if session := record.identifier(values.get(name)):
            return session
    return None


def of_agent(session: str, agent: str) -> str:
    return f"{session}:{_AGENT}{agent}"


def of_sidechain(session: str, root: str) -> str:
    return f"{session}:sidechain-{root}"
