"""Reads one transcript: its new lines through the parser of its format, what is found to the batches.

Rule: a position says how far everything was sent. In the midst of a log it stands where the earliest message begins that
may still grow; at its end, behind the last line. A document has a position at its end only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import msgspec

from service.collect import positions
from service.collect.batches import MOST_BYTES, MOST_MESSAGES, Batcher
from service.collect.findings import END, Findings
from service.collect.model import Mark, Transcript
from service.collect.reading import LONGEST_BYTES, lines, tail_sha256
from service.importers.formats import FORMATS
from service.importers.model import LeftOut, Line, Parser, Place, Resume
from service.importers.wire import FileLine

LONGEST_DOCUMENT_BYTES = 64 * 1024 * 1024
TOO_LONG = f"longer than {LONGEST_BYTES // 1024**2} MB"
TOO_LONG_DOCUMENT = f"longer than {LONGEST_DOCUMENT_BYTES // 1024**2} MB"

Progress = Callable[[int, int], None]
"""Is told how many bytes and messages more are done."""


class Outcome(msgspec.Struct):
    """What one reading brought; counts of what is new."""

    sessions: int = 0
    messages: int = 0
    lines: int = 0
    left_out: dict[str, int] = {}


class Reader:
    """Reads transcripts of one machine into batches. Without `raw` no raw lines go out, for a trial."""

    def __init__(
        self, machine: str, batcher: Batcher, *, progress: Progress | None = None, raw: bool = True
    ) -> None:
        self._machine, self._batcher, self._raw = machine, batcher, raw
        self._progress = progress or (lambda size, messages: None)

    def read(self, transcript: Transcript, known: FileLine | None) -> Outcome:
        """What is new in it, after what was known of it. Errors: `databases.ERRORS`, as far as reading it goes."""
        if transcript.kind == "document":
            return self._document(transcript)
        with Path(transcript.path).open("rb") as file:
            now = os.fstat(file.fileno())
            mark = Mark(now.st_ino, now.st_size, now.st_mtime_ns // 1_000_000)
            return self._log(file, msgspec.structs.replace(transcript, mark=mark), known)

    def _log(self, file: BinaryIO, transcript: Transcript, known: FileLine | None) -> Outcome:
        format = FORMATS[transcript.format]
        start = positions.of_log(file, transcript, known, format.version)
        findings = Findings(
            format,
            transcript.path,
            start,
            self._batcher.put,
            raw=self._raw,
            mtime_ms=transcript.mark.mtime_ms,
        )
        parser = format.open(Place(transcript.path), start.state)
        end = settled = start.offset
        for line in lines(file, start.offset, transcript.mark.size):
            _feed(parser, findings, line.offset, line.data, TOO_LONG)
            end = line.end
            if end - settled >= MOST_BYTES or findings.unsettled >= MOST_MESSAGES:
                resume, place = parser.resume(end), file.tell()
                self._settle(findings, before=max(resume.offset, start.known), size=end - settled)
                if findings.first or findings.dropped:
                    self._put_position(file, transcript, findings, resume, max(resume.offset, start.known))
                settled = end
                file.seek(place)
        resume = parser.resume(end)
        _finish(parser, findings)
        if findings.first is None and (start.known or findings.dropped):
            # What the parser waits with is new again when the file has grown.
            self._settle(findings, before=max(resume.offset, start.known), size=end - settled)
            end = resume.offset
        else:
            self._settle(findings, size=end - settled)
            if findings.first is None:
                end, resume = 0, Resume(0, {})  # read whole when its session has begun
        self._put_position(file, transcript, findings, resume, max(end, start.known), complete=True)
        return _outcome(findings)

    def _document(self, transcript: Transcript) -> Outcome:
        format, mark = FORMATS[transcript.format], transcript.mark
        start, found = positions.of_document(transcript, _lines_of(transcript))
        findings = Findings(
            format,
            transcript.path,
            start,
            self._batcher.put,
            whole=True,
            raw=self._raw,
            mtime_ms=mark.mtime_ms,
        )
        parser, sha, offset = format.open(Place(transcript.path)), hashlib.sha256(), 0
        for data in found:
            _feed(parser, findings, offset, data, TOO_LONG if transcript.lines else TOO_LONG_DOCUMENT)
            sha.update(data or b"")
            offset += len(data or b"") + 1
        _finish(parser, findings)
        self._settle(findings, size=mark.size)
        self._batcher.put(
            findings.position(
                Resume(0, {}), machine=self._machine, inode=mark.inode, size=mark.size, mtime_ms=mark.mtime_ms,
                offset=offset, tail_sha256=sha.hexdigest(),
            )
        )  # fmt: skip
        return _outcome(findings)

    def _settle(self, findings: Findings, *, before: float = END, size: int) -> None:
        done = findings.messages
        findings.settle(before)
        self._progress(size, findings.messages - done)

    def _put_position(
        self, file: BinaryIO, transcript: Transcript, findings: Findings, resume: Resume, offset: int, *,
        complete: bool = False,
    ) -> None:  # fmt: skip
        mark = transcript.mark
        self._batcher.put(
            findings.position(
                resume, machine=self._machine, inode=mark.inode, offset=offset, tail_sha256=tail_sha256(file, offset),
                # In the midst of a file it must look changed to who comes back after a cut.
                size=mark.size if complete else offset, mtime_ms=mark.mtime_ms if complete else 0,
            )
        )  # fmt: skip


def _feed(parser: Parser, findings: Findings, offset: int, data: bytes | None, too_long: str) -> None:
    if data is not None and not data.strip():
        return
    findings.line(offset, data)
    if data is None:
        findings.add(LeftOut(offset, too_long))
    else:
        for found in parser.feed(Line(offset, data)):
            findings.add(found)


def _finish(parser: Parser, findings: Findings) -> None:
    for found in parser.finish():
        findings.add(found)


def _lines_of(transcript: Transcript) -> Iterable[bytes | None]:
    """A document's lines; None for one that is too long."""
    if transcript.lines is not None:
        yield from transcript.lines()
    elif transcript.mark.size > LONGEST_DOCUMENT_BYTES:
        yield None
    else:
        yield Path(transcript.path).read_bytes()


def _outcome(findings: Findings) -> Outcome:
    return Outcome(findings.sessions, findings.messages, findings.lines, dict(findings.left_out))
