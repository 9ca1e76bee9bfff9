"""A request's body, read whole before anything else happens, so that a slow client holds no connection to Postgres.

Rule: the limit counts what comes in and what it unpacks to, so that neither a body without a length nor a small
gzip of a large nothing fills the memory. What all bodies of the process may hold together is counted too, and the time
that one may take: a little to begin with, and then as much as its bytes earn.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Mapping
from functools import partial

from litestar.types import Receive

from service.api.gate.capacity import Load
from service.errors import RequestError, TooLarge, TooSlow
from service.model import zstd

LARGE_BYTES = 256 * 1024
"""Takes milliseconds to unpack: others are answered meanwhile."""
LEAST_BYTES_PER_S = 16 * 1024
"""A slower body is not waited for, once the patience is used up."""
Unpack = Callable[[bytes, int], bytes]
"""Bytes and how many they may unfold to; errors: `RequestError`, `TooLarge`."""


async def read(
    receive: Receive, headers: Mapping[str, str], *, limit_bytes: int, patience_s: float, load: Load
) -> bytes:
    """The body, unpacked.

    Errors: `TooLarge`, `TooSlow`, `Busy`; `RequestError` for an encoding that we do not know.
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise RequestError(
            f"The content encoding {encoding[:40]!r} is not known: send the body plain, as gzip or as zstd."
        )
    length = headers.get("content-length", "").lstrip("0")  # of which a client may send thousands
    if length.isascii() and length.isdigit():
        if int(length[:20]) > limit_bytes:
            raise too_large(limit_bytes)
        load.expect(int(length[:20]))
    packed = await received(receive, limit_bytes=limit_bytes, patience_s=patience_s, load=load)
    plain = await unfolded(packed, ENCODINGS[encoding], limit_bytes=limit_bytes)
    if plain is not packed:
        load.take(len(plain))
    return plain


async def unfolded(packed: bytes, unpack: Unpack | None, *, limit_bytes: int) -> bytes:
    """Errors: `RequestError`, `TooLarge`."""
    if unpack is None:
        return packed
    if len(packed) < LARGE_BYTES:
        return unpack(packed, limit_bytes)
    return await asyncio.to_thread(unpack, packed, limit_bytes)


async def received(receive: Receive, *, limit_bytes: int, patience_s: float, load: Load) -> bytes:
    began_s = asyncio.get_running_loop().time()
    whole: bytes | bytearray = b""
    more = True
    while more:
        try:
            async with asyncio.timeout_at(began_s + patience_s + len(whole) / LEAST_BYTES_PER_S):
                event = await receive()
        except TimeoutError as error:
            raise TooSlow("The body took too long: send it again, or in smaller pieces.") from error
        if event["type"] == "http.disconnect":
            raise RequestError("The connection was closed before the body was whole.")  # nobody reads this
        assert event["type"] == "http.request"
        chunk, more = event.get("body", b""), event.get("more_body", False)
        if len(whole) + len(chunk) > limit_bytes:
            raise too_large(limit_bytes)
        load.take(len(chunk))
        whole = joined(whole, chunk)
    return bytes(whole)


def joined(whole: bytes | bytearray, chunk: bytes) -> bytes | bytearray:
    """One after the other; never a list of pieces, since a client chooses how small they are."""
    if not whole:
        return chunk
    if isinstance(whole, bytes):
        whole = bytearray(whole)
    whole += chunk
    return whole


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
