"""A request's body, read whole before anything else happens, so that a slow client holds no connection to Postgres.

Rule: the limit counts what comes in and what it unpacks to, so that neither a body without a length nor a small
gzip of a large nothing fills the memory.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Mapping
from functools import partial

from litestar.types import Receive

from service.errors import RequestError, TooLarge
from service.model import zstd

LARGE_BYTES = 256 * 1024
"""Takes milliseconds to unpack: others are answered meanwhile."""
Unpack = Callable[[bytes, int], bytes]
"""Bytes and how many they may unfold to; errors: `RequestError`, `TooLarge`."""


async def read(receive: Receive, headers: Mapping[str, str], *, limit_bytes: int) -> bytes:
    """The body, unpacked. Errors: `TooLarge`; `RequestError` for an encoding that we do not know."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise RequestError(
            f"The content encoding {encoding[:40]!r} is not known: send the body plain, as gzip or as zstd."
        )
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > limit_bytes:
        raise too_large(limit_bytes)
    packed = await received(receive, limit_bytes=limit_bytes)
    return await unfolded(packed, ENCODINGS[encoding], limit_bytes=limit_bytes)


async def unfolded(packed: bytes, unpack: Unpack | None, *, limit_bytes: int) -> bytes:
    """Errors: `RequestError`, `TooLarge`."""
    if unpack is None:
        return packed
    if len(packed) < LARGE_BYTES:
        return unpack(packed, limit_bytes)
    return await asyncio.to_thread(unpack, packed, limit_bytes)


async def received(receive: Receive, *, limit_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise RequestError("The connection was closed before the body was whole.")  # nobody reads this
        assert event["type"] == "http.request"
        chunk, more = event.get("body", b""), event.get("more_body", False)
        size += len(chunk)
        if size > limit_bytes:
            raise too_large(limit_bytes)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def inflated(packed: bytes, limit_bytes: int, *, window: int) -> bytes:
    """Inflated up to the limit and no byte further.

    >>> inflated(zlib.compress(b"x" * 1000), 1000, window=zlib.MAX_WBITS) == b"x" * 1000
    True
    """
    inflate = zlib.decompressobj(window)
    try:
        plain = inflate.decompress(packed, limit_bytes + 1)
    except zlib.error as error:
        raise RequestError("The body is not what its Content-Encoding says.") from error
    if len(plain) > limit_bytes:
        raise too_large(limit_bytes)
    if not inflate.eof:
        raise RequestError("The body is not what its Content-Encoding says: it ends too early.")
    return plain


def too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit_bytes:,} bytes: send it in several requests.")


def unpacked_zstd(packed: bytes, limit_bytes: int) -> bytes:
    try:
        return zstd.unpacked(packed, limit_bytes=limit_bytes)
    except zstd.Unfolds as error:
        raise too_large(limit_bytes) from error
    except zstd.NotZstd as error:
        raise RequestError("The body is not one whole zstd frame.") from error


GZIP = partial(inflated, window=16 + zlib.MAX_WBITS)
ENCODINGS: dict[str, Unpack | None] = {
    "": None,
    "identity": None,
    "gzip": GZIP,
    "x-gzip": GZIP,
    "deflate": partial(inflated, window=zlib.MAX_WBITS),
    "zstd": unpacked_zstd,
}
