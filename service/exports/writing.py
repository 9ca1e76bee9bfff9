"""Cases into a file, one at a time: memory stays flat, and a hash and a count of each file are known at the end.

Rule: the bytes depend on the cases alone. In an archive each split is a file of its own, and the manifest lies beside.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import BinaryIO

import msgspec

from analytics.files import parquet_of_lines
from service.exports.formats import ENDINGS, FORMATS, FormatName, parquet
from service.exports.formats.filesystem import file_name
from service.exports.manifest import File, Manifest
from service.exports.model import Case

CHUNK_BYTES = 1 << 20
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Of every file in an archive: the same set is the same bytes."""
README = """# An eval set, exported by Backscroll

{cases} cases of {sessions} sessions in the format `{format}`. `manifest.json` says what was asked for, what was left out and
why, what was cut, and the SHA-256 of each file. Sessions of real work: look at it before you share it.
"""


class Sheet:
    """One file of records."""

    def __init__(self, path: Path, format: FormatName) -> None:
        self.path, self.cases = path, 0
        self._format = FORMATS[format]
        self._list = self._format.layout == "list"
        self._file: BinaryIO = path.open("wb")

    def add(self, case: Case, *, metadata: bool) -> None:
        record = msgspec.json.encode(self._format.record(case, metadata))
        between = (b",\n" if self.cases else b"[\n") if self._list else b""
        self._file.write(between + record + (b"" if self._list else b"\n"))
        self.cases += 1

    def close(self) -> None:
        if self._list:
            self._file.write(b"\n]\n" if self.cases else b"[]\n")
        self._file.close()
        if self._format.layout == "parquet":
            lines = self.path.rename(self.path.with_suffix(".lines"))
            parquet_of_lines(lines, self.path, parquet.COLUMNS)
            lines.unlink()


class Writer:
    """Cases in, one file out: `close` gives it. `folder` is empty, and goes with everything in it when all is sent."""

    def __init__(self, folder: Path, format: FormatName, *, stem: str, metadata: bool, archive: bool) -> None:
        self.format, self._folder, self._stem, self._metadata = format, folder, stem, metadata
        self._texts = FORMATS[format].layout == "texts"
        self.archive = archive or self._texts
        self._sheets: dict[str, Sheet] = {}
        self._zip: zipfile.ZipFile | None = None
        self._files: list[File] = []
        self._taken: set[str] = set()
        if self.archive:
            self._zip = zipfile.ZipFile(folder / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED)

    @property
    def ending(self) -> str:
        return "zip" if self.archive else ENDINGS[FORMATS[self.format].layout]

    def add(self, case: Case) -> None:
        if self._texts:
            text = FORMATS[self.format].record(case, self._metadata).encode()
            name = "/".join(filter(None, ("cases", case.split, file_name(case.id, self._taken))))
            self._pack(name, text, cases=1)
            return
        name = case.split if self.archive else ""
        if name not in self._sheets:
            self._sheets[name] = self._sheet(name)
        self._sheets[name].add(case, metadata=self._metadata)

    def _sheet(self, split: str) -> Sheet:
        ending = ENDINGS[FORMATS[self.format].layout]
        return Sheet(self._folder / f"{split or self._stem}.{ending}", self.format)

    def finish(self) -> list[File]:
        """Close what holds cases; what stands in the manifest."""
        if not self._sheets and not self._texts:
            self._sheets[""] = self._sheet("")
        for _, sheet in sorted(self._sheets.items()):
            sheet.close()
            size, digest = measured(sheet.path)
            self._files.append(File(sheet.path.name, size, digest, sheet.cases))
            if self._zip:
                self._copy(sheet.path)
                sheet.path.unlink()
        return self._files

    def close(self, manifest: Manifest) -> Path:
        """The one file that is sent."""
        if self._zip is None:
            (sheet,) = self._sheets.values()
            return sheet.path
        self._pack("manifest.json", msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        told = README.format(
            cases=manifest.counts.test_cases, sessions=manifest.counts.sessions, format=manifest.format
        )
        self._pack("README.md", told.encode())
        self._zip.close()
        return self._folder / f"{self._stem}.zip"

    def _copy(self, path: Path) -> None:
        assert self._zip is not None
        entry = zipfile.ZipInfo(path.name, EPOCH)
        entry.compress_type = zipfile.ZIP_DEFLATED
        with path.open("rb") as file, self._zip.open(entry, "w", force_zip64=True) as packed:
            shutil.copyfileobj(file, packed, CHUNK_BYTES)

    def _pack(self, name: str, data: bytes, *, cases: int = 0) -> None:
        assert self._zip is not None
        entry = zipfile.ZipInfo(name, EPOCH)
        entry.compress_type = zipfile.ZIP_DEFLATED
        self._zip.writestr(entry, data)
        if cases:
            self._files.append(File(name, len(data), hashlib.sha256(data).hexdigest(), cases))


def measured(path: Path) -> tuple[int, str]:
    """Size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()
