"""A stream: some subscriptions of one reader, what it has been told of each, and the next bytes for it.

**No queue.** A stream keeps, for each subscription, the version that it was told last, and which have news. What it
sends is made when the socket takes it: the deltas since then where there are at most two, else the whole. A reader that
does not read costs its socket's buffer and nothing more, however much is written meanwhile.

**The token.** `id:` is what a reader resumes with, so it must not promise what was not received. The last event of a
payload carries the snapshot up to which all subscriptions are told; the events before it carry what was promised
before. Who is cut off between two events of one tick gets both again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from service.live.entries import Entry
from service.model import snapshot
from service.model.snapshot import Snapshot

NOTHING_SEEN = "3:3:"


class Reader(msgspec.Struct, frozen=True):
    """Whose stream it is: it ends with its key."""

    workspace_id: int
    user_id: int
    key_id: int
    expires_at: datetime | None = None


class Subscription:
    """One query of a stream."""

    __slots__ = ("entry", "name", "ready", "reset", "stream", "version")

    def __init__(self, stream: Stream, entry: Entry, id: str) -> None:
        self.stream, self.entry = stream, entry
        self.name = msgspec.json.encode(id)
        self.version: int | None = None
        """What it was told last; None: nothing yet."""
        self.reset = ""
        """Why what the reader holds is void; told before the whole."""
        self.ready = False
        """Its first tick has come: until then nobody knows what the reader holds."""

    def events(self) -> list[tuple[str, bytes]]:
        """What is to be told now."""
        if not self.ready or self.entry.answer is None:
            return []
        news = self.entry.since(self.version)
        self.version = self.entry.version
        if self.reset:
            news.insert(0, ("reset", b'"reason":%s}' % msgspec.json.encode(self.reset)))
            self.reset = ""
        return news


class Stream:
    """What one connection is told."""

    def __init__(
        self, reader: Reader, *, resume: str = "", retry_ms: int = 0, errors: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.reader = reader
        self.resume = resume
        """The token that the reader came with; "" when it holds nothing."""
        self.subscriptions: list[Subscription] = []
        self.revoked = self.closed = False
        self.token = resume
        """What was promised last."""
        self._retry_ms = retry_ms
        self._errors = list(errors)
        self._news: set[Subscription] = set()
        self._wake = asyncio.Event()

    def seen(self, epoch: str) -> Snapshot | None:
        """The snapshot that the reader came with; None when it is none of this database."""
        match = snapshot.TOKEN.fullmatch(self.resume)
        if match is None or match[1] != epoch:
            return None
        found = snapshot.parse(match[2])
        return found if found.is_sound else None

    def has_news(self, subscription: Subscription) -> None:
        """To be followed by `look`."""
        self._news.add(subscription)

    def look(self) -> None:
        """Wake whoever waits for bytes."""
        self._wake.set()

    def revoke(self) -> None:
        """Nothing more is told but that; what was about to be is not."""
        self._news.clear()
        self._errors.clear()
        self.revoked = True
        self._wake.set()

    def close(self) -> None:
        self.closed = True
        self._wake.set()

    async def wait(self) -> None:
        """Until there may be something to tell."""
        await self._wake.wait()
        self._wake.clear()

    @property
    def is_told(self) -> bool:
        """Whether each subscription has been answered."""
        return all(each.version is not None for each in self.subscriptions)

    def payload(self, reached: Callable[[Stream], str]) -> tuple[bytes, int]:
        """The bytes that tell all news (b"": none), and how many events. `reached`: the token for the last one."""
        if self.revoked:
            return b"event: revoked\ndata: {}\n\n", 1
        if not all(each.ready for each in self.subscriptions):
            return b"", 0
        told = [
            b'event: error\ndata: {"id":%s,"error":%s}\n'
            % (msgspec.json.encode(id), msgspec.json.encode(error))
            for id, error in self._errors
        ]
        self._errors.clear()
        for subscription in self.subscriptions:
            if subscription in self._news:
                head = b'data: {"id":%s,' % subscription.name
                told += [
                    b"event: %s\n%s%s\n" % (kind.encode(), head, body) for kind, body in subscription.events()
                ]
        self._news.clear()
        if not told:
            return b"", 0
        before, self.token = self.token, reached(self)
        kept = b"id: %s\n\n" % (before or blank(self.token)).encode()
        if self._retry_ms:
            told[0] = b"retry: %d\n%s" % (self._retry_ms, told[0])
            self._retry_ms = 0
        return kept.join(told) + b"id: %s\n\n" % self.token.encode(), len(told)


def blank(token: str) -> str:
    """The token of the same database that promises nothing.

    >>> blank("c.a1-0.5:9:5,7")
    'c.a1-0.3:3:'
    """
    return f"{token.rpartition('.')[0]}.{NOTHING_SEEN}"


def seconds_until(moment: datetime | None, *, now_s: float | None = None) -> float:
    """How long until a moment; for ever where there is none."""
    if moment is None:
        return float("inf")
    return moment.timestamp() - (time.time() if now_s is None else now_s)
