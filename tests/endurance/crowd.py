"""More requests at one moment than a service takes on: which are answered, which refused, and how soon."""

from __future__ import annotations

import asyncio
import collections
import resource
import time
from urllib.parse import urlsplit

import msgspec
import numpy as np

PATIENCE_S = 120.0


class Crowd(msgspec.Struct, frozen=True):
    """What became of it."""

    answers: dict[str, int] = {}
    """By status."""
    refused_ms_p50: float = 0.0
    answered_ms_p99: float = 0.0
    without_retry_after: int = 0
    """Refusals that do not say when to come again."""


class Answer(msgspec.Struct, frozen=True):
    status: str
    took_ms: float
    retry_after: bool


def ask_at_once(url: str, key: str, *, requests: int) -> Crowd:
    """Search with so many connections, all of which ask in the same moment."""
    return told(asyncio.run(_ask(url, key, requests)))


def told(answers: list[Answer]) -> Crowd:
    """
    >>> told([Answer("200", 9.0, False), Answer("503", 2.0, True)])
    Crowd(answers={'200': 1, '503': 1}, refused_ms_p50=2.0, answered_ms_p99=9.0, without_retry_after=0)
    """
    refused = [each.took_ms for each in answers if each.status == "503"]
    taken = [each.took_ms for each in answers if each.status == "200"]
    return Crowd(
        answers=dict(collections.Counter(each.status for each in answers)),
        refused_ms_p50=round(float(np.percentile(refused, 50)), 1) if refused else 0.0,
        answered_ms_p99=round(float(np.percentile(taken, 99)), 1) if taken else 0.0,
        without_retry_after=sum(each.status == "503" and not each.retry_after for each in answers),
    )


async def _ask(url: str, key: str, requests: int) -> list[Answer]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    address = urlsplit(url)
    connections = [
        await asyncio.open_connection(address.hostname or "127.0.0.1", address.port or 80)
        for _ in range(requests)
    ]
    head = (
        f"GET /api/search?q=login+loop HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
    return await asyncio.gather(*(_one(*connection, head) for connection in connections))


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> Answer:
    begun_s = time.perf_counter()
    try:
        writer.write(head)
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.read()
    except (OSError, TimeoutError):
        answer = b""
    finally:
        writer.close()
    took_ms = 1000 * (time.perf_counter() - begun_s)
    words = answer.partition(b"\r\n")[0].split()
    status = words[1].decode() if len(words) > 1 else "no answer"
    return Answer(status, took_ms, b"\r\nretry-after:" in answer.partition(b"\r\n\r\n")[0].lower())
