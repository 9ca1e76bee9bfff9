"""zstd, bounded: a small frame can claim or unfold to anything, so that whoever unpacks says how much it may be."""

from __future__ import annotations

import zstandard

LEVEL = 3
STEP_BYTES = 1024
"""Of a frame that does not tell its size: a kilobyte unfolds to 32 MB at most."""


class NotZstd(ValueError):
    """Not one whole zstd frame."""


class Unfolds(ValueError):
    """More bytes than were allowed."""


def packed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=LEVEL).compress(data)


def unpacked(frame: bytes, *, limit_bytes: int) -> bytes:
    """What one frame holds. Errors: `NotZstd` for anything else or less or more than one frame; `Unfolds`.

    >>> unpacked(packed(b"x" * 1000), limit_bytes=1000) == b"x" * 1000
    True
    """
    try:
        size = zstandard.frame_content_size(frame)
        if size > limit_bytes:
            raise Unfolds
        if size < 0:
            return _in_steps(frame, limit_bytes)
        # Into a buffer of the size that the frame tells: one that holds more is refused.
        return zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise NotZstd from error


def _in_steps(frame: bytes, limit_bytes: int) -> bytes:
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    pieces: list[bytes] = []
    size = 0
    for start in range(0, len(frame), STEP_BYTES):
        if unpacker.eof:
            raise NotZstd
        pieces.append(unpacker.decompress(frame[start : start + STEP_BYTES]))
        size += len(pieces[-1])
        if size > limit_bytes:
            raise Unfolds
    if not unpacker.eof or unpacker.unused_data:
        raise NotZstd
    return b"".join(pieces)
