"""Feeding parsers in tests: whole, in two halves through a `Resume`, cut short, and the account of their lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from service.importers.model import Format, Found, FoundMessage, FoundSession, LeftOut, Line, Place
from service.model.message import MessageWrite
from service.model.session import SessionWrite

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "transcripts"
"""Real transcripts, which lie beside the project."""


def lines_of(data: bytes) -> list[Line]:
    """The lines that end in a newline, as the reader gives them; a last one without it is not fed."""
    found, start = [], 0
    for whole in data.split(b"\n")[:-1]:
        if whole.strip():
            found.append(Line(start, whole.rstrip(b"\r")))
        start += len(whole) + 1
    return found


def feed(format: Format, data: bytes, path: str = "/t/session.jsonl") -> list[Found]:
    """All that a parser finds in a log."""
    return feed_lines(format, lines_of(data), path)


def feed_document(format: Format, data: bytes, path: str = "/t/session.json") -> list[Found]:
    """All that a parser finds in a document, which is one line."""
    return feed_lines(format, [Line(0, data)], path)


def feed_lines(format: Format, lines: Iterable[Line], path: str) -> list[Found]:
    parser = format.open(Place(path))
    found = [item for line in lines for item in parser.feed(line)]
    return [*found, *parser.finish()]


def feed_in_halves(format: Format, data: bytes, cut: int, path: str = "/t/session.jsonl") -> list[Found]:
    """All that is found when the file ended at `cut` at first, and was read on later."""
    first = lines_of(data[:cut])
    end = max((line.offset + len(line.data) + 1 for line in first), default=0)
    parser = format.open(Place(path))
    found = [item for line in first for item in parser.feed(line)]
    resume = parser.resume(end)
    found += parser.finish()
    assert resume.offset <= end
    state = msgspec.json.decode(msgspec.json.encode(resume.state))
    parser = format.open(Place(path), state)
    for line in lines_of(data):
        if line.offset >= resume.offset:
            found += parser.feed(line)
    return [*found, *parser.finish()]


def messages(found: Iterable[Found]) -> dict[tuple[str, str], MessageWrite]:
    """The last write of each message, by session and external id, in the order of the first."""
    writes: dict[tuple[str, str], MessageWrite] = {}
    for item in found:
        if isinstance(item, FoundMessage):
            writes[item.write.session_external_id, item.write.external_id] = item.write
    return writes


def sessions(found: Iterable[Found]) -> dict[str, SessionWrite]:
    """What was said last of each session, field by field."""
    said: dict[str, SessionWrite] = {}
    for item in found:
        if isinstance(item, FoundSession):
            fields = {
                name: value
                for name in item.write.__struct_fields__
                if (value := getattr(item.write, name)) is not None
            }
            known = said.get(item.write.external_id, item.write)
            said[item.write.external_id] = msgspec.structs.replace(known, **fields)
    return said


def reasons(found: Iterable[Found]) -> dict[int, str]:
    """Why lines were left out, by offset."""
    return {item.line: item.reason for item in found if isinstance(item, LeftOut)}


def unaccounted(found: Iterable[Found], lines: Iterable[Line]) -> list[int]:
    """Offsets of lines that are neither in a message, nor in a session's fields, nor left out; or that are both kept
    and left out."""
    kept: set[int] = set()
    left: set[int] = set()
    for item in found:
        if isinstance(item, LeftOut):
            left.add(item.line)
        else:
            kept.update(item.lines)
    return [line.offset for line in lines if (line.offset in kept) == (line.offset in left)]
