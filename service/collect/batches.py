"""Lines to send, gathered into requests of a good size.

Rule: the order of lines is kept. A file's position stands behind all that was read before it, so that what a service
has of a file is never less than its position says. A batch ends with a position if one comes in time, so that little is
sent again after a cut; a document, whose only position is at its end, is cut anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from service.importers.wire import FileLine, ImportLine, MessageLine

MOST_MESSAGES = 1000
MOST_BYTES = 4 * 1024 * 1024


class Encoded(NamedTuple):
    """A line as JSON, and what it is."""

    data: bytes
    is_message: bool = False
    file: FileLine | None = None


@dataclass
class Batch:
    """One request."""

    source: str
    restore: bool = False
    """Whether it brings back what was deleted."""
    lines: list[Encoded] = field(default_factory=list)
    messages: int = 0
    size: int = 0
    """Bytes of the lines with their newlines."""
    files: list[FileLine] = field(default_factory=list)
    """The positions that stand in it."""

    @property
    def full(self) -> bool:
        """Whether it is to end with the next position."""
        return self.messages >= MOST_MESSAGES or self.size >= MOST_BYTES

    @property
    def overfull(self) -> bool:
        """Whether it is to end at once."""
        return self.messages >= 2 * MOST_MESSAGES or self.size >= 2 * MOST_BYTES

    def add(self, line: Encoded) -> None:
        self.lines.append(line)
        self.messages += line.is_message
        self.size += len(line.data) + 1
        if line.file is not None:
            self.files.append(line.file)

    def body(self) -> bytes:
        """NDJSON."""
        return b"".join(line.data + b"\n" for line in self.lines)

    def halves(self) -> tuple[Batch, Batch]:
        """The same lines in the same order as two requests."""
        halves = Batch(self.source, self.restore), Batch(self.source, self.restore)
        middle = len(self.lines) // 2
        for number, line in enumerate(self.lines):
            halves[number >= middle].add(line)
        return halves


Sink = Callable[[Batch], None]
"""Takes a batch away; it may wait."""


class Batcher:
    """Gathers lines and hands each full batch to `sink`. A batch has lines of one source."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._encode = sink, msgspec.json.Encoder().encode
        self._batch = Batch("")
        self.restore = False
        """Of the batches that are handed over from now on."""

    def put(self, line: ImportLine) -> None:
        file = line if isinstance(line, FileLine) else None
        if file is None and (self._batch.overfull or line.source != self._batch.source):
            self.flush()
        if file is None or not self._batch.lines:
            self._batch.source = line.source
        self._batch.add(Encoded(self._encode(line), isinstance(line, MessageLine), file))
        if file is not None and self._batch.full:
            self.flush()

    def flush(self) -> None:
        """Hand over what there is."""
        batch, self._batch = self._batch, Batch(self._batch.source)
        batch.restore = self.restore
        if batch.lines:
            self._sink(batch)
