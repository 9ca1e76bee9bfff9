"""Sends batches while the next is made: a thread with a short queue, so that memory stays flat on any file.

Rule: a batch is sent until it is answered. What may pass (no connection, 429, 503) is tried again, a batch that is
refused as a whole is sent in halves until the line is found that is at fault; that one is told, and the rest is kept.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from service.collect.batches import Batch
from service.collect.patience import Patience
from service.errors import Forbidden, NotFound, RequestError, Unauthorized

WAITING_BATCHES = 2
ABANDONED_AFTER_S = 5.0

Json = dict[str, Any]
Post = Callable[[bytes, bool], Json]
"""Sends lines, and whether they bring back what was deleted."""
Heard = Callable[[Batch, Json], None]


class Sender:
    """Takes batches; `with` sends the last ones at the end. Errors of taking: why an earlier one could not be sent."""

    def __init__(self, post: Post, heard: Heard, patience: Patience) -> None:
        self._post, self._heard, self._patience = post, heard, patience
        self._queue: queue.Queue[Batch | None] = queue.Queue(WAITING_BATCHES)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def __call__(self, batch: Batch) -> None:
        """Take a batch; waits while `WAITING_BATCHES` wait."""
        while True:
            self._raise()
            try:
                return self._queue.put(batch, timeout=0.2)
            except queue.Full:
                continue

    def drain(self) -> None:
        """Wait until all that was taken is answered."""
        self._queue.join()
        self._raise()

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._patience.stop.set()
            with suppress(queue.Full):
                self._queue.put_nowait(None)
            self._thread.join(ABANDONED_AFTER_S)  # it may hang in a request, and ends with the process
            return
        self._queue.put(None)
        self._thread.join()
        self._raise()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            try:
                if self._failure is None and not self._patience.stop.is_set():
                    self._deliver(batch)
            except Exception as error:
                # Raised to whoever gives batches: a thread that ended would be waited for.
                self._failure = error
            finally:
                self._queue.task_done()

    def _deliver(self, batch: Batch) -> None:
        try:
            self._heard(batch, self._patience.call(lambda: self._post(batch.body(), batch.restore)))
        except (Unauthorized, Forbidden, NotFound):
            raise
        except RequestError as error:
            if len(batch.lines) == 1:
                # Without the line: a position that was refused is none.
                self._heard(Batch(batch.source), {"errors": [str(error)]})
                return
            for half in batch.halves():
                self._deliver(half)
