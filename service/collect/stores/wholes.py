"""Files that are read whole although they look like logs: what they are, and their lines.

Droid keeps a session's tokens and model in `<id>.settings.json` beside its log, and writes the log's first line anew
when the title changes: both are one document, the settings its last line. Codex packs rollouts that rest for long
(`.jsonl.zst`).
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path

import zstandard

from service.collect.model import Mark, Transcript
from service.collect.reading import LONGEST_BYTES

SETTINGS = ".settings.json"
PACKED = ".zst"


def transcript(format: str, path: str, found: os.stat_result) -> Transcript | None:
    """The file as a document with its lines; None where it is as any other. Errors: OSError."""
    mark = Mark(found.st_ino, found.st_size, found.st_mtime_ns // 1_000_000)
    if path.endswith(PACKED):
        return Transcript(format, path, "document", mark, lambda: _unpacked(path), packed=True)
    settings = path.removesuffix(".jsonl") + SETTINGS
    if format == "droid" and os.path.exists(settings):
        beside = os.stat(settings)
        both = Mark(
            mark.inode, mark.size + beside.st_size, max(mark.mtime_ms, beside.st_mtime_ns // 1_000_000)
        )
        return Transcript(format, path, "document", both, lambda: _with_settings(path, settings))
    return None


def log_of(path: str) -> str:
    """The log that settings belong to; any other file is itself.

    >>> log_of("/x/5.settings.json"), log_of("/x/5.jsonl")
    ('/x/5.jsonl', '/x/5.jsonl')
    """
    return path.removesuffix(SETTINGS) + ".jsonl" if path.endswith(SETTINGS) else path


def _with_settings(path: str, settings: str) -> Iterator[bytes]:
    with Path(path).open("rb") as file:
        # A last line without its newline is still being written: it comes with the next change.
        yield from (line[:-1] for line in file if line.endswith(b"\n"))
    yield Path(settings).read_bytes().replace(b"\n", b" ")


def _unpacked(path: str) -> Iterator[bytes | None]:
    """Its lines, None for one that is too long to be held. Errors: OSError where it is no zstd, or torn."""
    try:
        with Path(path).open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            buffered = io.BufferedReader(stream, 1 << 20)
            while line := buffered.readline(LONGEST_BYTES):
                if len(line) == LONGEST_BYTES and not line.endswith(b"\n"):
                    _pass_over(buffered)
                    yield None
                else:
                    yield line.rstrip(b"\n")
    except zstandard.ZstdError as error:
        raise OSError(errno.EIO, "it is no zstd file, or torn") from error


def _pass_over(file: io.BufferedIOBase) -> None:
    """The rest of a line."""
    while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
        continue
