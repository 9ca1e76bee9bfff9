"""The file of a backup: a zip whose members are tables, and a manifest that says what they are.

    manifest.json          versions, migrations, epoch, and of each member its rows and the sha256 of its bytes
    tables/<name>.zst      rows in the text format of Postgres' COPY, zstd

Rule: the zip's comment is the sha256 of all bytes before it. So a file that was torn, or changed in any byte, is known
before a single row of it is believed. It is written beside its place, readable by its owner alone, and moved there
when it is whole.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import msgspec
import zstandard

from service.errors import BackscrollError, Conflict

FORMAT = 1
MANIFEST = "manifest.json"
BLOCK = 1 << 20
SEAL = hashlib.sha256().digest_size * 2
LEVEL = 3

Report = Callable[[str, int, int], None]
"""Told a step, how much of it is done, and of how much (0: unknown)."""


class BackupError(BackscrollError):
    """A file that cannot be written or is no whole backup."""


class Member(msgspec.Struct, frozen=True, rename="camel"):
    """One table in the file."""

    table: str
    columns: list[str]
    rows: int
    sha256: str
    last_id: int | None = None
    """The last id that was given, be it that its row is gone."""

    @property
    def name(self) -> str:
        return f"tables/{self.table}.zst"


class Manifest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    format: int = FORMAT
    version: str
    """Of the program that wrote it."""
    postgres: str
    created_at: int
    """Epoch milliseconds."""
    system_identifier: int
    restore_count: int
    migrations: dict[str, str]
    """Name to sha256, in order."""
    members: list[Member]
    """In an order in which they can be filled."""

    @property
    def rows(self) -> int:
        return sum(member.rows for member in self.members)


class Hashing:
    """Passes bytes on to a file, and keeps their hash."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._hash = out, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._out.write(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def add(archive: zipfile.ZipFile, name: str, rows: Iterable[bytes]) -> tuple[int, str]:
    """Write a member; how many rows it has, and its hash. One block is held at a time."""
    count = 0
    with archive.open(name, "w", force_zip64=True) as stored:
        out = Hashing(stored)
        compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        with compressor.stream_writer(cast(IO[bytes], out), closefd=False) as packed:
            gathered = bytearray()
            for row in rows:
                count += 1
                gathered += row
                if len(gathered) >= BLOCK:
                    packed.write(bytes(gathered))
                    gathered.clear()
            packed.write(bytes(gathered))
    return count, out.sha256


def unpacked(archive: zipfile.ZipFile, member: Member) -> Iterator[bytes]:
    """The lines of a member in pieces of about a megabyte."""
    with archive.open(member.name) as stored:
        yield from zstandard.ZstdDecompressor().read_to_iter(stored, write_size=BLOCK)


@contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[zipfile.ZipFile]:
    """A zip that stands at `path` when the block has ended well, sealed; else nothing does.

    Errors: `Conflict` when something stands there already, `BackupError` when it cannot be written.
    """
    if path.exists() and not replace:
        raise Conflict(f"{path} is there already: name another file, or say --force to replace it.")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        number = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        with os.fdopen(number, "w+b") as out:
            with zipfile.ZipFile(out, "w") as archive:
                yield archive
                archive.comment = b"0" * SEAL
            out.seek(0)
            seal = hashed(out, os.fstat(number).st_size - SEAL)
            out.seek(-SEAL, os.SEEK_END)
            out.write(seal.encode())
            out.flush()
            os.fsync(number)
        beside.replace(path)
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror or type(error).__name__}.") from error
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path, report: Report) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """A backup whose every byte is as it was written. Errors: `BackupError`, in which case nothing was believed."""
    with opened(path) as file:
        try:
            check_seal(file, path, report)
            archive = zipfile.ZipFile(file)
        except zipfile.BadZipFile as error:
            raise BackupError(f"{path} is no backup of Backscroll.") from error
        except OSError as error:
            raise unreadable(path, error) from error
        with archive:
            yield archive, read_manifest(archive, path)


def opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> BackupError:
    return BackupError(f"{path} cannot be read: {error.strerror or type(error).__name__}.")


def check_seal(file: IO[bytes], path: Path, report: Report) -> None:
    size = os.fstat(file.fileno()).st_size
    if file.read(4) != b"PK\x03\x04":
        raise BackupError(f"{path} is no backup of Backscroll.")
    file.seek(0)
    seal = hashed(file, max(size - SEAL, 0), report)
    if file.read() != seal.encode():
        raise BackupError(
            f"{path} is torn or was changed: its bytes are not those that were written. Nothing was restored; take another copy."
        )


def read_manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    try:
        told = msgspec.json.decode(archive.read(MANIFEST))
        if told.get("format") != FORMAT:
            raise BackupError(f"{path} was written by a newer Backscroll: restore it with that version.")
        return msgspec.convert(told, Manifest)
    except (KeyError, AttributeError, msgspec.MsgspecError) as error:
        raise BackupError(f"{path} is no backup of Backscroll.") from error


def hashed(file: IO[bytes], size: int, report: Report = lambda step, done, total: None) -> str:
    """The hash of the next `size` bytes."""
    found, done = hashlib.sha256(), 0
    while done < size and (block := file.read(min(BLOCK, size - done))):
        found.update(block)
        done += len(block)
        report("checking", done // BLOCK, size // BLOCK)
    return found.hexdigest()
