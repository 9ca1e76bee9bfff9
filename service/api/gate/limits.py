"""How often a key may ask: a bucket of a minute's requests that refills steadily. Per process.

Rule: no limit for loopback; what came through a proxy is not loopback, wherever the proxy runs.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping

import msgspec

from service.errors import TooMany

PROXY_HEADERS = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
MOST_BUCKETS = 100_000


class Bucket(msgspec.Struct):
    left: float
    at_s: float


class Limits:
    """Buckets by key and family of requests."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[int, str], Bucket] = {}

    def take(self, key_id: int, family: str, *, per_minute: int, now_s: float) -> None:
        """Count one request. `per_minute` 0: no limit. Errors: `TooMany`, with the seconds until there is room.

        >>> limits = Limits()
        >>> for _ in range(3):
        ...     limits.take(1, "sync", per_minute=2, now_s=0.0)
        Traceback (most recent call last):
        service.errors.TooMany: This key may ask 2 times a minute here: try again in 30 s.
        """
        if per_minute <= 0:
            return
        bucket = self._buckets.get((key_id, family))
        if bucket is None:
            if len(self._buckets) >= MOST_BUCKETS:
                self._buckets.clear()
            bucket = self._buckets[key_id, family] = Bucket(per_minute, now_s)
        bucket.left = min(per_minute, bucket.left + (now_s - bucket.at_s) * per_minute / 60)
        bucket.at_s = now_s
        if bucket.left < 1:
            wait_s = math.ceil((1 - bucket.left) * 60 / per_minute)
            raise TooMany(
                f"This key may ask {per_minute:,} times a minute here: try again in {wait_s} s.",
                retry_after_s=wait_s,
            )
        bucket.left -= 1


def is_loopback(client: tuple[str, int] | None, headers: Mapping[str, str]) -> bool:
    """Whether the caller itself sits on this machine.

    >>> is_loopback(("127.0.0.1", 5), {}), is_loopback(("127.0.0.1", 5), {"x-forwarded-for": "9.9.9.9"})
    (True, False)
    """
    if client is None or any(name in headers for name in PROXY_HEADERS):
        return False
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
