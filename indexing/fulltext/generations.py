"""Generations of a text index: which directory is current, how one replaces another, whether one is whole.

A generation is a tantivy index in a directory of its own, named `<format>-<random>`. The file CURRENT names the
one that is read and written; a rename puts it in place. Reindexing fills a new generation beside the current one.

The file CURSOR of a generation says up to where it is complete. It is written after the commit that made it so, and
read before the index is: it can be behind the index, which repeats work, and never before it, which would skip some.
It is no document of the index: tantivy begins to merge small segments with the one that the next cursor takes away,
and then throws the merge away, at every commit anew.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import struct
import zlib
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Protocol

from tantivy import Index

from indexing.fulltext.schema import FORMAT, with_analyzers

_MAGIC = 1337
_TAIL = struct.Struct(
    "<II"
)  # tantivy ends every file with {"crc": …}, the length of that, and its magic number


class IndexDamaged(Exception):
    """The text index cannot be read: its files are torn or gone. Build it anew with `backscroll reindex`."""


class Generation(Protocol):
    """What can be swapped in: a writer that has committed."""

    @property
    def path(self) -> Path: ...


def swap(directory: Path, writer: Generation) -> None:
    """Make the writer's generation the current one, and take the others away.

    Commit first. A reader that still has an old generation open keeps reading it (its files are mapped) until it
    refreshes. Close the old generation's writer before or after, but put nothing into it any more.
    """
    _write(directory / "CURRENT", writer.path.name)
    remove_others(directory, keep=writer.path)


def cursor(path: Path) -> str:
    """Up to where a generation is complete; "" for a new one, and where that is lost: then all is compared."""
    try:
        return (path / "CURSOR").read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def set_cursor(path: Path, cursor: str) -> None:
    """Say up to where a generation is complete, once all of it is committed."""
    _write(path / "CURSOR", cursor)


def current(directory: Path) -> Path | None:
    """The generation in use; None before the first, or when another version of the program made it."""
    try:
        name = (directory / "CURRENT").read_text().strip()
    except FileNotFoundError:
        return None
    return directory / name if name.startswith(f"{FORMAT}-") else None


def create(directory: Path) -> Path:
    """An empty directory for a new generation."""
    path = directory / f"{FORMAT}-{secrets.token_hex(8)}"
    path.mkdir(parents=True)
    return path


def remove_others(directory: Path, *, keep: Path) -> None:
    """Take away every generation but one, and drafts that a crash left."""
    for path in (*directory.iterdir(), *keep.glob("CURSOR.*")):
        if path.is_dir() and path != keep and path.name.partition("-")[0].isdecimal():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith(("CURRENT.", "CURSOR.")):
            path.unlink(missing_ok=True)


def opened(path: Path) -> Index:
    """The index in a generation's directory. Errors: `IndexDamaged` when a file is missing or torn."""
    try:
        index = with_analyzers(Index.open(str(path)))
        index.reload()
        return index
    except (OSError, ValueError) as error:
        raise IndexDamaged(IndexDamaged.__doc__) from error


def verify(path: Path) -> None:
    """Compare every file with the checksum at its end (a gigabyte takes a second). Errors: `IndexDamaged`."""
    try:
        segments = json.loads((path / "meta.json").read_bytes())["segments"]
        whole = all(_is_whole(path / name) for segment in segments for name in _files(segment))
    except (OSError, ValueError, KeyError) as error:
        raise IndexDamaged(IndexDamaged.__doc__) from error
    if not whole:
        raise IndexDamaged(IndexDamaged.__doc__)


def _files(segment: dict[str, Any]) -> list[str]:
    """The names of a segment's files. tantivy itself does not miss positions that are gone."""
    name = segment["segment_id"].replace("-", "")
    deletes = [f"{name}.{segment['deletes']['opstamp']}.del"] if segment["deletes"] else []
    return [f"{name}.{kind}" for kind in ("fast", "fieldnorm", "idx", "pos", "store", "term")] + deletes


def _is_whole(file: Path) -> bool:
    # Mapped, not read: the largest files are as large as all texts together.
    with (
        file.open("rb") as opened,
        mmap(opened.fileno(), 0, access=ACCESS_READ) as mapped,
        memoryview(mapped) as content,
    ):
        if len(content) < _TAIL.size:
            return False
        length, magic = _TAIL.unpack(content[-_TAIL.size :])
        end = len(content) - _TAIL.size - length
        if magic != _MAGIC or end < 0:
            return False
        return bool(json.loads(bytes(content[end : -_TAIL.size]))["crc"] == zlib.crc32(content[:end]))


def _write(file: Path, text: str) -> None:
    """Put a file in the place of another, at once and for good."""
    # Without the fsyncs a crash can leave the new name on the disk and not what it names.
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    with draft.open("w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
