"""What a process' live queries did so far, for /metrics."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

CLOSED = ("revoked", "expired", "stalled")
"""Why we end a stream."""


class Figures(msgspec.Struct):
    """Counts since the start; `streams` and `entries` are those of now."""

    streams: int = 0
    ticks: int = 0
    tick_s: float = 0.0
    """Spent in ticks."""
    statements: int = 0
    """Asked of Postgres by ticks, without those that begin and end a transaction."""
    events: int = 0
    bytes: int = 0
    lag_s: float = 0.0
    """From the oldest change of the last tick that had some to its answers."""
    held_s: float = 0.0
    """For how long the oldest running transaction has been the same: one that is held, or prepared and forgotten."""
    closed: dict[str, int] = {}
    """Streams that we ended, by reason."""

    def tick(self, took_s: float) -> None:
        self.ticks += 1
        self.tick_s += took_s

    def sent(self, events: int, size: int) -> None:
        self.events += events
        self.bytes += size

    def lag(self, written_at: datetime) -> None:
        self.lag_s = (datetime.now(UTC) - written_at).total_seconds()

    def ended(self, reason: str) -> None:
        self.closed[reason] = self.closed.get(reason, 0) + 1
