"""Lines to send, gathered into requests of a good size.

Rule: the order of lines is kept. A file's position stands behind all that was read before it, so that what a service
has of a file is never less than its position says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from service.importers.wire import FileLine, ImportLine, MessageLine

MOST_MESSAGES = 1000
MOST_BYTES = 4 * 1024 * 1024


@dataclass
class Batch:
    """One request: its lines as JSON, and what they are."""

    source: str
    restore: bool = False
    """Whether it brings back what was deleted."""
    lines: list[bytes] = field(default_factory=list)
    messages: int = 0
    size: int = 0
    """Bytes of the lines with their newlines."""
    files: list[FileLine] = field(default_factory=list)
    """The positions that stand in it."""

    @property
    def full(self) -> bool:
        return self.messages >= MOST_MESSAGES or self.size >= MOST_BYTES

    def body(self) -> bytes:
        """NDJSON."""
        return b"".join(line + b"\n" for line in self.lines)

    def halves(self) -> tuple[Batch, Batch]:
        """The same lines in the same order as two requests."""
        middle = len(self.lines) // 2
        first, second = self.lines[:middle], self.lines[middle:]
        return Batch(self.source, self.restore, first), Batch(self.source, self.restore, second)


Sink = Callable[[Batch], None]
"""Takes a batch away; it may wait."""


class Batcher:
    """Gathers lines and hands each full batch to `sink`. A batch has lines of one source."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._encode = sink, msgspec.json.Encoder().encode
        self._batch = Batch("")
        self.restore = False
        """Of the batches that are handed over from now on."""

    @property
    def full(self) -> bool:
        """Whether the next position that is put ends the batch."""
        return self._batch.full

    def put(self, line: ImportLine) -> None:
        if line.source != self._batch.source and not isinstance(line, FileLine):
            self.flush()
            self._batch.source = line.source
        encoded = self._encode(line)
        self._batch.lines.append(encoded)
        self._batch.size += len(encoded) + 1
        self._batch.messages += isinstance(line, MessageLine)
        if isinstance(line, FileLine):
            self._batch.files.append(line)
            if self._batch.full:
                self.flush()

    def flush(self) -> None:
        """Hand over what there is."""
        batch, self._batch = self._batch, Batch(self._batch.source)
        batch.restore = self.restore
        if batch.lines:
            self._sink(batch)
