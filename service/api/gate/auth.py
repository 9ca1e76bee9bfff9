"""Who asks: the bearer key of a request, or the cookie that a browser got for one.

Rule: a key is looked up again after a second at most, so that one that is revoked, or whose member has gone or has
another role, stops within a second; its expiry is compared each time. Unknown, revoked and expired keys get the
same answer. A cookie counts only without the header, and only for our own pages.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec

from service.api.gate import origins, tickets
from service.errors import Forbidden, Unauthorized
from service.storage import people
from service.storage.database import Database
from service.storage.people import Caller

Scope = Literal["ingest", "read", "admin"]
CACHED_S = 1.0
MOST_CACHED = 10_000
LONGEST_KEY = 200
COOKIE = "backscroll_session"
SAFE = ("GET", "HEAD")
NOBODY = Caller(workspace_id=0, user_id=0, key_id=0, scopes=frozenset(), expires_at=None)
"""Who asks where no key is needed."""


class Keys:
    """The keys and cookies that were used within the last second, by hash; also those that open nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[bytes, tuple[float, Caller | None]] = {}

    async def admit(
        self, headers: Mapping[str, str], scope: Scope, *, now: datetime, method: str = "GET"
    ) -> Caller:
        """The caller, if the key opens `scope`. Errors: `Unauthorized`, `Forbidden`."""
        if shows_key(headers) or (ticket := cookie(headers)) is None:
            caller = await self.of_key(bearer(headers), now=now)
        else:
            origins.check_page(headers, writes=method not in SAFE)
            caller = await self.of_ticket(ticket, now=now)
        demand(caller, scope)
        return caller

    async def of_key(self, key: str, *, now: datetime) -> Caller:
        """What a key opens now. Errors: `Unauthorized`."""

        async def look_up() -> Caller | None:
            async with self._db.system() as conn:
                return await people.caller(conn, key)

        caller = None
        if len(key) <= LONGEST_KEY:
            caller = await self._remembered(people.key_sha256(key), look_up)
        return alive(caller, now, "Invalid API key")

    async def of_ticket(self, value: str, *, now: datetime) -> Caller:
        """What a cookie's value opens now. Errors: `Unauthorized`."""

        async def look_up() -> Caller | None:
            ticket = tickets.read(value)
            if ticket is None:
                return None
            async with self._db.system() as conn:
                found = await people.caller_by_id(conn, ticket.workspace_id, ticket.key_id)
            if found is None or not tickets.opens(ticket, found.sha256, of_house=found.cookie_secret):
                return None
            return until(found.caller, datetime.fromtimestamp(ticket.ends_s, UTC))

        caller = None
        if len(value) <= tickets.LONGEST:
            place = hashlib.sha256(b"cookie " + value.encode("utf-8", "surrogatepass")).digest()
            caller = await self._remembered(place, look_up)
        return alive(caller, now, "Invalid or expired token")

    async def _remembered(
        self, place: bytes, look_up: Callable[[], Awaitable[Caller | None]]
    ) -> Caller | None:
        now_s = time.monotonic()
        found = self._known.get(place)
        if found is not None and now_s - found[0] < CACHED_S:
            return found[1]
        caller = await look_up()
        if len(self._known) >= MOST_CACHED:
            self._known.clear()
        self._known[place] = (now_s, caller)  # as of before the look-up: never later than the truth
        return caller


def demand(caller: Caller, scope: Scope) -> None:
    """Errors: `Forbidden`."""
    if scope not in caller.scopes:
        raise Forbidden(
            f"This key lacks the scope `{scope}`: ask the workspace's owner for a key that has it."
        )


def alive(caller: Caller | None, now: datetime, otherwise: str) -> Caller:
    """Errors: `Unauthorized`, in the words of `otherwise`."""
    if caller is None or (caller.expires_at is not None and caller.expires_at <= now):
        raise Unauthorized(otherwise)
    return caller


def until(caller: Caller, ends_at: datetime) -> Caller:
    """The same, ending at `ends_at` or when its key does."""
    return msgspec.structs.replace(caller, expires_at=min(caller.expires_at or ends_at, ends_at))


def shows_key(headers: Mapping[str, str]) -> bool:
    return bool(headers.get("authorization", "").strip())


def bearer(headers: Mapping[str, str]) -> str:
    """The key of the header. Errors: `Unauthorized`, in OpenSync's words.

    >>> bearer({"authorization": "Bearer osk_1"})
    'osk_1'
    """
    scheme, _, key = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized("Missing Authorization header")
    return key_like(key.strip())


def key_like(key: str) -> str:
    """Errors: `Unauthorized`."""
    if not key.startswith("osk_"):
        raise Unauthorized("Invalid or expired token")
    return key


def cookie(headers: Mapping[str, str]) -> str | None:
    """The value of our cookie; None when there is none, and when there are two: one was planted by another's page.

    >>> cookie({"cookie": "a=b; backscroll_session=1.2.3; c=d"}), cookie({"cookie": "x_backscroll_session=1"})
    ('1.2.3', None)
    >>> cookie({"cookie": "backscroll_session=1; backscroll_session=2"}) is None
    True
    """
    pairs = (pair.strip().partition("=") for pair in headers.get("cookie", "").split(";"))
    values = [value for name, _, value in pairs if name == COOKIE and value]
    return values[0] if len(values) == 1 else None
