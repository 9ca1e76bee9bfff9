"""Raw lines as they come: unpacked once, to see that they are what their sizes say, within a budget."""

from __future__ import annotations

import base64
import binascii
import hashlib
from itertools import pairwise

from service.api.importing import fields
from service.errors import RequestError
from service.importers.wire import RawLine
from service.model import zstd
from service.model.imported import RawChunk

TIMES = 16
"""A request's raw lines may unpack to so many times what its body may have: transcripts pack to a tenth."""
MAX_LINES = 1_000_000


class RawBudget:
    """How many bytes raw lines may still unpack to."""

    def __init__(self, limit_bytes: int) -> None:
        self.one_bytes = limit_bytes
        self._left_bytes = TIMES * limit_bytes

    def take(self, size: int) -> None:
        """Errors: RequestError when there is no more."""
        if size > min(self.one_bytes, self._left_bytes):
            raise RequestError(f"sizes add up to more than {self.one_bytes:,} bytes: send less at once.")
        self._left_bytes -= size


def read_raw(line: RawLine, budget: RawBudget) -> RawChunk:
    """Errors: RequestError when it is not what it says it is."""
    session = fields.id("sessionExternalId", line.session_external_id)
    if not line.offsets or len(line.offsets) != len(line.sizes) or len(line.offsets) > MAX_LINES:
        raise RequestError(f"offsets and sizes must be two lists of the same length, of 1 to {MAX_LINES:,}.")
    for offset in (min(line.offsets), max(line.offsets)):
        fields.offset("offsets", offset)
    for size in (min(line.sizes), max(line.sizes)):
        fields.offset("sizes", size, most=budget.one_bytes)
    ends = [offset + size for offset, size in zip(line.offsets, line.sizes, strict=True)]
    if any(later <= earlier for earlier, later in pairwise(line.offsets)):
        raise RequestError("offsets must ascend.")
    if any(later < end for end, later in zip(ends, line.offsets[1:], strict=False)):
        raise RequestError("offsets and sizes must not overlap: a line begins within the one before it.")
    budget.take(size := sum(line.sizes))
    try:
        packed = base64.b64decode(line.zstd, validate=True)
        data = zstd.unpacked(packed, limit_bytes=size)
    except (binascii.Error, zstd.NotZstd, zstd.Unfolds) as error:
        raise RequestError("zstd must be base64 of one zstd frame that holds the lines.") from error
    if len(data) != size:
        raise RequestError("zstd does not hold as many bytes as sizes add up to.")
    return RawChunk(
        session_external_id=session,
        source=fields.source(line.source),
        format=fields.format(line.format),
        stream=fields.stream(line.stream),
        path=fields.name("path", line.path, most=10_000),
        offsets=tuple(line.offsets),
        sizes=tuple(line.sizes),
        data=packed,
        bytes_sha256=hashlib.sha256(data).digest(),
        whole=line.whole,
    )
