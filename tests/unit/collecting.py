"""A store in memory that takes what an import sends, and files that grow, for tests of what runs beside them."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from service.collect.find import Finder, given
from service.collect.importing import Import, Positions
from service.collect.patience import Patience
from service.collect.summary import OfSource
from service.importers.wire import FileLine, ImportLine, MessageLine, RawLine, SessionLine

SESSION = "0b0e7a52-3c1f-4d21-9a53-000000000001"


class Store:
    """Keeps what lines say, as the service does; a raw line that comes twice with other bytes is a fault."""

    def __init__(self) -> None:
        self.sessions: dict[str, SessionLine] = {}
        self.messages: dict[tuple[str, str], MessageLine] = {}
        self.raw: dict[tuple[str, str, int], bytes] = {}
        self.files: Positions = {}
        self.requests: list[int] = []
        """Messages in each."""
        self.lines = 0

    def __call__(self, body: bytes, restore: bool) -> dict[str, Any]:
        lines = [msgspec.json.decode(line, type=ImportLine) for line in body.splitlines()]
        self.requests.append(sum(isinstance(line, MessageLine) for line in lines))
        self.lines += len(lines)
        counts: Counter[str] = Counter()
        for line in lines:
            self._take(line, counts)
        return {"ok": True, **counts, "errors": []}

    def _take(self, line: ImportLine, counts: Counter[str]) -> None:
        if isinstance(line, SessionLine):
            if line.announced and line.external_id not in self.sessions:
                return
            state = "changedSessions" if line.external_id in self.sessions else "newSessions"
            counts[state] += self.sessions.get(line.external_id) != line
            self.sessions[line.external_id] = line
        elif isinstance(line, MessageLine):
            key = (line.session_external_id, line.external_id)
            line = msgspec.structs.replace(line, stream=None)
            state = "changedMessages" if key in self.messages else "newMessages"
            counts[state] += self.messages.get(key) != line
            self.messages[key] = line
        elif isinstance(line, RawLine):
            self._take_raw(line)
        else:
            self.files[line.path] = line

    def _take_raw(self, line: RawLine) -> None:
        data = zstandard.ZstdDecompressor().decompress(base64.b64decode(line.zstd))
        assert sum(line.sizes) == len(data)
        if line.whole:
            gone = [key for key in self.raw if key[:2] == (line.session_external_id, line.stream)]
            for key in gone:
                del self.raw[key]
        for offset, size in zip(line.offsets, line.sizes, strict=True):
            key = (line.session_external_id, line.stream, offset)
            assert self.raw.get(key, data[:size]) == data[:size]
            self.raw[key], data = data[:size], data[size:]

    def raw_text(self, stream: str) -> bytes:
        """All lines of a stream, in their order."""
        own = sorted((key[2], data) for key, data in self.raw.items() if key[1] == stream)
        return b"".join(data + b"\n" for _, data in own)

    def texts(self) -> list[str]:
        """Of the messages, in the order of their arrival."""
        return [message.text_content or "" for message in self.messages.values()]

    def read(
        self, *paths: Path, known: Positions | None = None, format: str | None = None, **options: Any
    ) -> OfSource:
        """Import from paths, going on from what is stored unless `known` says otherwise."""
        known = dict(self.files) if known is None else known
        run = Import("machine", known, post=options.pop("post", self), **options)
        finder = Finder(run.unreadable)
        with run:
            run.read(list(finder.at(given(map(str, paths), format, run.unreadable))))
        total = OfSource()
        for of in run.summary.sources.values():
            total.files += of.files
            total.left_out += of.left_out
            for name in ("sessions", "messages", "new_messages", "changed_messages", "new_sessions", "lines"):
                setattr(total, name, getattr(total, name) + getattr(of, name))
        self.unreadable = run.summary.unreadable
        self.errors = run.summary.errors
        return total


def said(number: int, text: str | None = None, session: str = SESSION) -> bytes:
    """A prompt in a Claude Code transcript, with its newline."""
    record = {
        "type": "user",
        "uuid": f"{session[:8]}-0000-0000-0000-{number:012}",
        "parentUuid": None,
        "sessionId": session,
        "timestamp": f"2026-05-01T10:{number // 60 % 60:02}:{number % 60:02}.000Z",
        "cwd": "/src/shop",
        "message": {"role": "user", "content": text or f"prompt {number}"},
    }
    return json.dumps(record).encode() + b"\n"


def all_said(numbers: Iterable[int]) -> bytes:
    return b"".join(map(said, numbers))


def rewrite(file: Path, data: bytes) -> None:
    """Write the file anew in place, a second later."""
    before = file.stat()
    file.write_bytes(data)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))


def file_of(store: Store) -> FileLine:
    """The one file that was read."""
    (file,) = store.files.values()
    return file


def no_patience() -> Patience:
    return Patience(threading.Event(), 0.0)
