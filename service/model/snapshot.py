"""Snapshots of the database as text, and the one token form that the outside sees: `c.<epoch>.<pg_snapshot>`.

A pg_snapshot `xmin:xmax:xip,...` says which transactions it sees: all below xmin, and those below xmax that
are not in the list. https://www.postgresql.org/docs/current/functions-info.html (table 9.86)
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from service.errors import RequestError

SNAPSHOT = re.compile(r"(\d{1,20}):(\d{1,20}):((?:\d{1,20}(?:,\d{1,20})*)?)")
TOKEN = re.compile(r"c\.([0-9a-f]{1,16}-\d{1,10})\.(" + SNAPSHOT.pattern + ")")


class Snapshot(msgspec.Struct, frozen=True):
    xmin: int
    xmax: int
    xip: frozenset[int]
    """Transactions below xmax that were still running."""

    def contains(self, token: Snapshot) -> bool:
        """Whether everything that `token` sees is seen here too.

        >>> parse("5:9:5,7").contains(parse("5:8:5,7")), parse("5:9:5,7").contains(parse("6:8:7"))
        (True, False)
        """
        return self.xmax >= token.xmax and all(xid in token.xip for xid in self.xip if xid < token.xmax)

    def sees(self, xid: int) -> bool:
        """Whether a committed transaction was committed for this snapshot.

        >>> [parse("5:9:5,7").sees(xid) for xid in (4, 5, 6, 9)]
        [True, False, True, False]
        """
        return xid < self.xmax and xid not in self.xip

    def sees_all(self, xids: Collection[int]) -> bool:
        """`sees` of each."""
        return max(xids, default=0) < self.xmax and self.xip.isdisjoint(xids)

    @property
    def is_sound(self) -> bool:
        """Whether Postgres would take it.

        >>> parse("5:9:5,7").is_sound, parse("9:5:").is_sound
        (True, False)
        """
        in_order = 0 < self.xmin <= self.xmax < 2**63
        return in_order and all(self.xmin <= xid < self.xmax for xid in self.xip)

    def __str__(self) -> str:
        """As Postgres writes it."""
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, sorted(self.xip)))}"


def parse(text: str) -> Snapshot:
    """Errors: ValueError for what is no pg_snapshot."""
    match = SNAPSHOT.fullmatch(text)
    if match is None:
        raise ValueError(f"not a pg_snapshot: {text[:60]!r}")
    xmin, xmax, xip = match.groups()
    return Snapshot(int(xmin), int(xmax), frozenset(int(x) for x in xip.split(",") if x))


def token(epoch: str, snapshot: str) -> str:
    """
    >>> token("a1-0", "5:9:5,7")
    'c.a1-0.5:9:5,7'
    """
    return f"c.{epoch}.{snapshot}"


def parse_token(text: str, *, epoch: str) -> Snapshot:
    """The snapshot of a client's token. Errors: `RequestError` when it is malformed or of another database.

    >>> parse_token("c.a1-0.5:9:5,7", epoch="a1-0").xmax
    9
    """
    match = TOKEN.fullmatch(text)
    if match is None or not parse(match[2]).is_sound:
        raise RequestError("The commit token is malformed: pass on what X-Commit said, unchanged.")
    if match[1] != epoch:
        raise RequestError("The commit token is of another database: leave it out and read again.")
    return parse(match[2])
