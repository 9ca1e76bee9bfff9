"""Lines of a log, by offset."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.collect.reading import Read, lines, tail_sha256


def read(data: bytes, start: int = 0, **limits: int) -> list[Read]:
    return list(lines(io.BytesIO(data), start, len(data), **limits))


@given(st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b""))), st.integers(1, 7))
def test_it_gives_the_same_lines_whatever_the_size_of_a_piece(texts: list[bytes], piece: int) -> None:
    """Offsets, ends and bytes do not depend on where the pieces are cut."""
    data = b"".join(text + b"\n" for text in texts)
    found = read(data, piece=piece)
    assert [line.data for line in found] == [text.rstrip(b"\r") for text in texts]
    assert [data[line.offset : line.end] for line in found] == [text + b"\n" for text in texts]


def test_it_leaves_a_half_written_line_for_later() -> None:
    """What ends in a newline is a line, and at the end of the file nothing else but a whole JSON object."""
    assert [line.data for line in read(b"one\ntw")] == [b"one"]
    assert read(b"one\ntwo\n", start=4) == [Read(4, 8, b"two")]
    for half in (b'{"a":{}', b'{"a":1}}', b"[1]", b"{}{}", b'{"a":"}', b'{"a":' * 5000 + b"}"):
        assert read(b"one\n" + half) == [Read(0, 4, b"one")], half


@given(
    st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.none()), min_size=1), st.integers(1, 9)
)
def test_it_reads_a_last_record_that_no_newline_follows(record: dict[str, Any], piece: int) -> None:
    """A whole record is there, and not one byte less of it; a newline that follows later makes no other of it."""
    text = json.dumps(record).encode()
    assert read(b"one\n" + text, piece=piece) == [Read(0, 4, b"one"), Read(4, 4 + len(text), text)]
    assert read(b"one\n" + text[:-1]) == [Read(0, 4, b"one")]
    assert read(b"one\n" + text + b"\ntwo\n", start=4 + len(text))[1:] == [
        Read(5 + len(text), 9 + len(text), b"two")
    ]


def test_it_reads_to_the_end_that_it_was_given() -> None:
    """What is written while it reads waits for the next reading."""
    assert list(lines(io.BytesIO(b"one\ntwo\n"), 0, 6)) == [Read(0, 4, b"one")]


def test_it_passes_over_a_line_that_is_too_long() -> None:
    """A line above the limit has no bytes, and the next one its right offset."""
    found = read(b"a\n" + b"x" * 50 + b"\nb\n", piece=8, longest=20)
    assert found == [Read(0, 2, b"a"), Read(2, 53, None), Read(53, 55, b"b")]


def test_it_knows_a_rewritten_file_by_the_bytes_before_the_offset() -> None:
    """The hash is of the last 4,096 bytes before the offset: it changes with them, and not with what comes behind."""
    before = b"x" * 5000
    same = tail_sha256(io.BytesIO(before + b"more"), 5000)
    assert same == tail_sha256(io.BytesIO(before + b"other"), 5000)
    assert same == tail_sha256(io.BytesIO(b"y" * 904 + before[904:]), 5000)
    assert same != tail_sha256(io.BytesIO(before[:-1] + b"y"), 5000)
