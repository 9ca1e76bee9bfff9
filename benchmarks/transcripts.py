"""Transcripts to import: real ones repeated under other session ids, and one long one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.corpus import DATA
from benchmarks.measure import Progress

REAL = DATA / "transcripts"
_UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ANY_UUID = re.compile(_UUID)
_SESSION_ID = re.compile(rb'"(?:sessionId|id|session_id)":"(' + _UUID + rb')"')
_HOMES = ("claude-home", "codex-home")


def homes(root: Path) -> Mapping[str, str]:
    """The variables by which `backscroll import` finds the transcripts under `root`, and none of this machine's."""
    return {
        "HOME": str(root),
        "XDG_DATA_HOME": str(root / "data"),
        "XDG_CONFIG_HOME": str(root / "config"),
        "CLAUDE_CONFIG_DIR": str(root / "claude-home"),
        "CODEX_HOME": str(root / "codex-home"),
    }


def repeat(root: Path, *, times: int) -> int:
    """Write the real transcripts `times` over under `root`, each copy as sessions of its own. Bytes written."""
    files = [path for name in _HOMES for path in sorted((REAL / name).rglob("*.jsonl"))]
    written = 0
    progress = Progress("transcripts", times, "copies")
    for copy in range(times):
        for path in files:
            written += _write_copy(path, root / path.relative_to(REAL), copy)
        progress.at(copy + 1)
    return written


def write_long(folder: Path, *, size_bytes: int) -> Path:
    """One session, as long as asked: the records of a real one again and again, each time under new record ids."""
    longest = max((REAL / "claude-home").rglob("[0-9a-f]*-*.jsonl"), key=lambda found: found.stat().st_size)
    session = longest.stem.encode()
    content = longest.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / longest.name
    with path.open("wb") as file:
        while file.tell() < size_bytes:
            file.write(_renamed(content, file.tell() // len(content), but={session}))
    return path


def _write_copy(path: Path, to: Path, copy: int) -> int:
    content = path.read_bytes()
    ids = {match[1] for match in _SESSION_ID.finditer(content)} | set(_ANY_UUID.findall(path.name.encode()))
    mark = b"%04x" % copy
    for id in ids:
        content = content.replace(id, mark + id[4:])
    folder, name = os.fsencode(to.parent), path.name.encode()
    for id in set(_ANY_UUID.findall(bytes(folder) + name)):
        folder, name = folder.replace(id, mark + id[4:]), name.replace(id, mark + id[4:])
    if not _ANY_UUID.search(name):
        name = mark + b"-" + name if not name.startswith(b"agent-") else b"agent-" + mark + name[6:]
    target = Path(os.fsdecode(folder)) / os.fsdecode(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return len(content)


def _renamed(content: bytes, turn: int, *, but: set[bytes]) -> bytes:
    """Every id of a record and of an answer changed, the session's kept."""
    mark = b"%06x" % turn
    content = _ANY_UUID.sub(lambda found: found[0] if found[0] in but else mark + found[0][6:], content)
    return re.sub(rb'"((?:msg|toolu)_)[0-9A-Za-z]{6}', rb'"\g<1>' + mark, content)
