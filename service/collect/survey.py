"""What was found on this machine, tool by tool, and what of it waits to be read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.collect import positions
from service.collect.model import Transcript
from service.collect.places import Spot
from service.importers.formats import FORMATS
from service.importers.wire import FileLine

Positions = Mapping[str, FileLine]


@dataclass
class OfTool:
    """One tool's places and what lies there; sizes in bytes."""

    source: str
    looked: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    sessions: int = 0
    size: int = 0
    waiting: int = 0
    """Transcripts that are new or changed."""
    waiting_size: int = 0
    read_at_ms: int | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        told = {
            "source": self.source,
            "looked": self.looked,
            "files": len(self.files),
            "sessions": self.sessions,
            "bytes": self.size,
            "waiting": self.waiting,
            "waitingBytes": self.waiting_size,
        }
        return told | ({"lastReadAt": self.read_at_ms} if self.read_at_ms is not None else {})


def survey(
    spots: Iterable[Spot], transcripts: Iterable[Transcript], known: Positions, read_at_ms: Mapping[str, int]
) -> list[OfTool]:
    """In the order of the places. `known` and `read_at_ms` are by path, as the service says; empty where it is not asked.

    Sessions are those that were read from a file, and one for each that was not read yet and has something in it.
    """
    tools: dict[str, OfTool] = {}
    for spot in spots:
        if spot.format in FORMATS:
            tool = tools.setdefault(spot.format, OfTool(FORMATS[spot.format].source))
            tool.looked.append(spot.root)
    for transcript in transcripts:
        tool = tools.setdefault(transcript.format, OfTool(FORMATS[transcript.format].source))
        file = transcript.path.partition("#")[0] if transcript.lines else transcript.path
        if file not in tool.files:
            tool.files.add(file)
            tool.size += _size(file, transcript)
        _count(tool, transcript, known.get(transcript.path), read_at_ms.get(transcript.path))
    return list(tools.values())


def _count(tool: OfTool, transcript: Transcript, known: FileLine | None, read_at_ms: int | None) -> None:
    tool.sessions += known.sessions if known else int(transcript.mark.size > 0 and not _is_note(transcript))
    tool.read_at_ms = max((at for at in (tool.read_at_ms, read_at_ms) if at is not None), default=None)
    if not positions.is_unchanged(transcript, known, FORMATS[transcript.format].version):
        tool.waiting += 1
        done = known.offset if known and known.offset <= transcript.mark.size else 0
        tool.waiting_size += 0 if transcript.lines else transcript.mark.size - done


def _is_note(transcript: Transcript) -> bool:
    """Whether it tells of a session that lies beside it."""
    return transcript.path.endswith(".yaml")


def _size(file: str, transcript: Transcript) -> int:
    """Of a file itself: the mark of a database's session counts rows."""
    if transcript.lines is None:
        return transcript.mark.size
    try:
        return os.stat(file).st_size
    except OSError:
        return 0
