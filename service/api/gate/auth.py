"""Who asks: the bearer key of a request, looked up by its hash.

Rule: a key is looked up again after a second at most, so that a revoked one stops within a second; its expiry is
compared each time. Unknown, revoked and expired keys get the same answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from service.errors import Forbidden, Unauthorized
from service.storage import people
from service.storage.database import Database
from service.storage.people import Caller

Scope = Literal["ingest", "read", "admin"]
CACHED_S = 1.0
MOST_CACHED = 10_000
NOBODY = Caller(workspace_id=0, user_id=0, key_id=0, scopes=frozenset(), expires_at=None)
"""Who asks where no key is needed."""


class Keys:
    """The keys that were used within the last second, by hash; also those that open nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[bytes, tuple[float, Caller | None]] = {}

    async def admit(self, headers: Mapping[str, str], scope: Scope, *, now: datetime) -> Caller:
        """The caller, if the key opens `scope` (`admin` opens all). Errors: `Unauthorized`, `Forbidden`."""
        caller = await self._caller(bearer(headers))
        if caller is None or (caller.expires_at is not None and caller.expires_at <= now):
            raise Unauthorized("Invalid API key")
        if scope not in caller.scopes and "admin" not in caller.scopes:
            raise Forbidden(
                f"This key lacks the scope `{scope}`: ask the workspace's owner for a key that has it."
            )
        return caller

    async def _caller(self, key: str) -> Caller | None:
        sha256, now_s = people.key_sha256(key), time.monotonic()
        found = self._known.get(sha256)
        if found is not None and now_s - found[0] < CACHED_S:
            return found[1]
        async with self._db.system() as conn:
            caller = await people.caller(conn, key)
        if len(self._known) >= MOST_CACHED:
            self._known.clear()
        self._known[sha256] = (now_s, caller)  # as of before the look-up: never later than the truth
        return caller


def bearer(headers: Mapping[str, str]) -> str:
    """The key of the header. Errors: `Unauthorized`, in OpenSync's words.

    >>> bearer({"authorization": "Bearer osk_1"})
    'osk_1'
    """
    scheme, _, key = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized("Missing Authorization header")
    if not key.strip().startswith("osk_"):
        raise Unauthorized("Invalid or expired token")
    return key.strip()
