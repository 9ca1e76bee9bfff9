"""An import: transcripts in, what is new of them to the service, a summary out.

with Import(machine, positions, post=client.import_lines) as run:
    run.read(transcripts)
print(run.summary)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from service.collect import positions
from service.collect.batches import Batch, Batcher
from service.collect.model import Transcript
from service.collect.patience import Patience
from service.collect.reader import Outcome, Progress, Reader
from service.collect.sending import Json, Post, Sender
from service.collect.stores.databases import ERRORS, words
from service.collect.summary import FileState, Summary
from service.importers.formats import FORMATS
from service.importers.wire import FileLine

Positions = dict[str, FileLine]
"""How far each file is read, by path."""
Told = Callable[[Transcript, Outcome], None]
"""Is told what each reading of a transcript brought."""
NO_VERSION = -1
"""Of no parser: nothing that is known of a file counts."""


class Import:
    """One run, or one that goes on and on. Without `post` it is a trial: read and counted, nothing sent."""

    def __init__(
        self, machine: str, known: Positions, *, post: Post | None, anew: bool = False,
        patience: Patience | None = None,
    ) -> None:  # fmt: skip
        self.summary = Summary()
        self.known = known
        """Kept up to date as the service answers."""
        self.anew = anew
        """Whether to read all from the beginning."""
        self.progress: Progress = lambda size, messages: None
        self.told: Told = lambda transcript, brought: None
        patience = patience or Patience(threading.Event())
        self._stop = patience.stop
        self._sender = Sender(post, self._heard, patience) if post else None
        self._batcher = Batcher(self._sender or (lambda batch: None))
        self._reader = Reader(
            machine, self._batcher, progress=lambda *more: self.progress(*more), raw=post is not None
        )

    def read(self, transcripts: Iterable[Transcript]) -> None:
        """Read what is new in them. A batch brings back what was deleted when all is read `anew`. Errors: `BackscrollError` when the service cannot be reached or refuses all."""
        self._batcher.restore = self.anew
        for transcript in transcripts:
            if self._stop.is_set():
                return
            self._one(transcript)
        self._batcher.flush()

    def drain(self) -> None:
        """Wait until the service answered all that was read."""
        self._batcher.flush()
        if self._sender:
            self._sender.drain()

    def unreadable(self, path: str, why: str) -> None:
        self.summary.unreadable[path] = why

    def _one(self, transcript: Transcript) -> None:
        counts = self.summary.of(FORMATS[transcript.format].source)
        known = self.known.get(transcript.path)
        state = state_of(transcript, known, anew=self.anew)
        if known and self.anew:
            known = msgspec.structs.replace(known, parser_version=NO_VERSION)
        if state != "unchanged":
            try:
                brought = self._reader.read(transcript, known)
            except ERRORS as error:
                return self.unreadable(transcript.path, words(error))
            counts.add(brought)
            counts.read_bytes += transcript.mark.size
            self.told(transcript, brought)
        counts.files[state] += 1
        return None

    def _heard(self, batch: Batch, answer: Json) -> None:
        """In the sender's thread: the answer to a batch."""
        counts = self.summary.of(batch.source)
        counts.new_sessions += answer.get("newSessions", 0)
        counts.changed_sessions += answer.get("changedSessions", 0)
        counts.new_messages += answer.get("newMessages", 0)
        counts.changed_messages += answer.get("changedMessages", 0)
        self.summary.refused(list(answer.get("errors") or []))
        for file in batch.files:
            self.known[file.path] = file

    def __enter__(self) -> Import:
        if self._sender:
            self._sender.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        if kind is None:
            self._batcher.flush()
        if self._sender:
            self._sender.__exit__(kind, *rest)


def state_of(transcript: Transcript, known: FileLine | None, *, anew: bool = False) -> FileState:
    """What is known of a transcript, as far as can be told without opening it."""
    if known is None:
        return "new"
    version = NO_VERSION if anew else FORMATS[transcript.format].version
    return "unchanged" if positions.is_unchanged(transcript, known, version) else "changed"


def size_to_read(transcripts: Iterable[Transcript], known: Positions, *, anew: bool = False) -> int:
    """In bytes, as the progress counts them."""
    total = 0
    for transcript in transcripts:
        before = known.get(transcript.path)
        if state_of(transcript, before, anew=anew) != "unchanged":
            goes_on = (
                before and not anew and transcript.kind == "log" and before.offset <= transcript.mark.size
            )
            total += transcript.mark.size - (before.offset if before and goes_on else 0)
    return total
