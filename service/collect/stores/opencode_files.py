"""OpenCode's sessions of before its database: folders of small JSON files, read as the rows that they became.

    storage/session/<project>/<session>.json   storage/message/<session>/<message>.json   storage/part/<message>/<part>.json
    project/<name>/storage/session/info/<session>.json   .../session/message/<session>/...   .../session/part/<session>/<message>/...
"""  # fmt: skip

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from service.collect.model import Mark, Transcript
from service.importers import rows

FORMAT = "opencode"


class _Store(NamedTuple):
    """Where a session's messages lie, and a message's parts."""

    messages: Path
    parts: Callable[[str], Path]


def transcripts(data: Path, known: set[str]) -> Iterator[Transcript]:
    """Every session of the data folder that is not `known`; of two with one id the first counts, the newer layout's."""
    seen = set(known)
    for file, store in _sessions(data):
        if file.stem in seen:
            continue
        seen.add(file.stem)
        read = partial(_lines, file, store)
        if (mark := _mark(file, store)).size > 1:
            yield Transcript(FORMAT, f"{file}#{file.stem}", "document", mark, read)


def _sessions(data: Path) -> Iterator[tuple[Path, _Store]]:
    for storage in (data / "storage", data):
        for file in sorted(storage.glob("session/*/ses_*.json")):
            if file.parent.name not in ("info", "message", "part"):
                yield file, _Store(storage / "message" / file.stem, (storage / "part").joinpath)
    for storage in (data / "storage", *sorted(data.glob("project/*/storage"))):
        for file in sorted(storage.glob("session/info/*.json")):
            parts = storage / "session" / "part" / file.stem
            yield file, _Store(storage / "session" / "message" / file.stem, parts.joinpath)


def _mark(file: Path, store: _Store) -> Mark:
    """The number of files, and when the last of them was written."""
    stats = [file.stat()]
    for message in _listed(store.messages):
        stats.append(message.stat())
        stats += [part.stat() for part in _listed(store.parts(_id(message)))]
    return Mark(stats[0].st_ino, len(stats), max(stat.st_mtime_ns for stat in stats) // 1_000_000)


def _lines(file: Path, store: _Store) -> Iterator[bytes]:
    id = file.stem
    yield rows.encode("session", {"id": id, "data": file.read_bytes()})
    for message in _listed(store.messages):
        own = {"id": _id(message), "session_id": id}
        yield rows.encode("message", {**own, "data": _read(message)})
        for part in _listed(store.parts(_id(message))):
            columns = {"id": _id(part), "message_id": own["id"], "session_id": id}
            yield rows.encode("part", {**columns, "data": _read(part)})


def _listed(folder: Path) -> Sequence[os.DirEntry[str]]:
    """The JSON files of a folder by name: OpenCode's ids ascend with time."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (entry for entry in entries if entry.name.endswith(".json")), key=lambda entry: entry.name
            )
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _id(entry: os.DirEntry[str]) -> str:
    return entry.name.removesuffix(".json")


def _read(entry: os.DirEntry[str]) -> bytes:
    return Path(entry.path).read_bytes()
