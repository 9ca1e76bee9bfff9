"""Rankings that further pages are cut from, kept for ten minutes, so that pages neither skip nor repeat.

Rule: they are in the memory of the process that made them, within 64 MB; when that is full the oldest go. A cursor
that this process does not know, because it is old or of another process, is refused: then search again. Where several
API processes serve one address, let the balancer keep a client at one of them.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict

import msgspec

from indexing.fusion import Fused
from indexing.model import Counts, Term
from indexing.search import Group, ModeUsed
from service.errors import RequestError

KEPT_S = 600.0
MOST_BYTES = 64 * 1024 * 1024


class Kept(msgspec.Struct, kw_only=True, frozen=True):
    """What pages are made of; of `sessions` and `messages` one is empty."""

    workspace_id: int
    terms: tuple[Term, ...]
    sessions: list[Group]
    messages: list[Fused]
    counts: Counts
    mode_used: ModeUsed
    fallback_reason: str
    corrections: dict[str, str] = {}
    vector_weight: float = 0.0
    whole: bool = False
    """Holds all that pages can show, not the candidates only."""

    @property
    def length(self) -> int:
        return max(len(self.sessions), len(self.messages))

    @property
    def goes_on(self) -> bool:
        """Does more match than stands here?"""
        return not self.whole and self.counts.total > self.length


class Cursor(msgspec.Struct, frozen=True):
    ranking: str
    first: int
    """How many results the pages before showed."""


ENCODE = msgspec.msgpack.Encoder()
DECODE = msgspec.msgpack.Decoder(Kept)


class Rankings:
    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    def keep(self, ranking: Kept) -> str:
        """The name under which it can be had again."""
        name, packed, now_s = secrets.token_urlsafe(12), ENCODE.encode(ranking), time.monotonic()
        self._kept[name] = (now_s, packed)
        self._bytes += len(packed)
        while self._bytes > MOST_BYTES or now_s - next(iter(self._kept.values()))[0] > KEPT_S:
            _, (_, old) = self._kept.popitem(last=False)
            self._bytes -= len(old)
        return name

    def get(self, name: str, *, workspace_id: int) -> Kept:
        """Errors: `RequestError` when it is not kept any more, or never was for this workspace.

        >>> Rankings().get("x", workspace_id=1)
        Traceback (most recent call last):
        service.errors.RequestError: This cursor is no longer kept: search again.
        """
        made_s, packed = self._kept.get(name, (0.0, b""))
        found = DECODE.decode(packed) if packed and time.monotonic() - made_s <= KEPT_S else None
        if found is None or found.workspace_id != workspace_id:
            raise RequestError("This cursor is no longer kept: search again.")
        return found
