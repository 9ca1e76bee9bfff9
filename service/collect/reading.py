"""A log in lines: read in pieces from an offset, so that a file of any size takes the memory of one piece.

Rule: a line is there when it ends in a newline, and the last one also when it is a whole JSON object: many tools leave no
newline behind their last record. A half-written one waits for the next reading. A line that is absurdly long is passed over
without being held.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import msgspec

from service.model import json_items

PIECE_BYTES = 2 * 1024 * 1024
LONGEST_BYTES = 32 * 1024 * 1024
TAIL_BYTES = 4096


class Read(NamedTuple):
    """One line of a file."""

    offset: int
    end: int
    """The offset behind it and its newline."""
    data: bytes | None
    """Without its newline; None where it is too long."""


def lines(
    file: BinaryIO, start: int, end: int, *, piece: int = PIECE_BYTES, longest: int = LONGEST_BYTES
) -> Iterator[Read]:
    """The lines that begin at or after `start` and end before `end`, blank ones too.

    >>> import io
    >>> [line.data for line in lines(io.BytesIO(b'{}\\n\\n{"a":1}\\r\\n{"half'), 0, 19)]
    [b'{}', b'', b'{"a":1}']
    >>> [line.data for line in lines(io.BytesIO(b'{}\\n{"whole":1}'), 0, 14)]
    [b'{}', b'{"whole":1}']
    """
    file.seek(start)
    offset, size, held, left = start, 0, list[bytes](), end - start  # held: of the line that has not ended
    while left > 0 and (read := file.read(min(piece, left))):
        left -= len(read)
        *whole, rest = read.split(b"\n")
        for text in whole:
            size += len(text) + 1
            data = (b"".join([*held, text]) if held else text) if size <= longest else None
            yield Read(offset, offset + size, data and data.rstrip(b"\r"))
            offset, size, held = offset + size, 0, []
        size += len(rest)
        held = [*held, rest] if size <= longest else []
    if _is_record(last := b"".join(held)):
        yield Read(offset, offset + size, last)


def _is_record(text: bytes) -> bool:
    """A JSON object ends with itself: no half of one is one."""
    if not (text.startswith(b"{") and text.rstrip().endswith(b"}")):
        return False
    try:
        msgspec.json.decode(json_items.repaired(text), type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return False
    return True


def tail_sha256(file: BinaryIO, offset: int) -> str:
    """Of the last bytes before an offset, by which a file that was rewritten is known."""
    file.seek(max(0, offset - TAIL_BYTES))
    return hashlib.sha256(file.read(min(offset, TAIL_BYTES))).hexdigest()
