"""What is about to be stored, without what the workspace does not want stored: titles, paths, texts, parts, raw lines.

Rule: each item is cleaned by itself and always alike, so that the same item again is the same, and a message by a plugin
still meets the one by import. Ids stay: by them copies are known. A raw line that would become longer is not kept, since
lines lie in a stream by the places that they had on disk.
"""

from __future__ import annotations

import hashlib
from itertools import accumulate

import msgspec

from service.model import zstd
from service.model.imported import FilePosition, ImportedMessage, RawChunk
from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite
from service.privacy import names
from service.privacy.cleaning import Cleaner


def session(write: SessionWrite, cleaner: Cleaner) -> SessionWrite:
    """
    >>> session(SessionWrite(external_id="s", project_path="/home/ada/x"), Cleaner(anonymize=True)).project_path
    '/home/user/x'
    """
    said = {
        name: getattr(write, name) for name in ("title", "project_path", "project_name", "status", "attrs")
    }
    people = names.gather(text for text in said.values() if isinstance(text, str))
    return msgspec.structs.replace(
        write, **{name: cleaner.value(each, people) for name, each in said.items()}
    )


def message(write: MessageWrite, cleaner: Cleaner) -> MessageWrite:
    contents = [part.content.decode() for part in write.parts or ()]
    people = names.gather([write.text or "", *contents]) if cleaner.anonymizes else frozenset()
    parts = None if write.parts is None else tuple(
        Part(part.type, cleaner.json(part.content, people)) for part in write.parts
    )  # fmt: skip
    text = None if write.text is None else cleaner.text(write.text, people)
    return msgspec.structs.replace(write, text=text, parts=parts, attrs=cleaner.value(write.attrs, people))


def imported(item: ImportedMessage, cleaner: Cleaner) -> ImportedMessage:
    return msgspec.structs.replace(item, write=message(item.write, cleaner))


def chunk(raw: RawChunk, cleaner: Cleaner) -> RawChunk | None:
    """None where none of its lines is kept."""
    data = zstd.unpacked(raw.data, limit_bytes=sum(raw.sizes))
    ends = list(accumulate(raw.sizes))
    lines = [data[end - size : end] for end, size in zip(ends, raw.sizes, strict=True)]
    cleaned = [cleaner.json(line) for line in lines]
    kept = [
        (offset, line)
        for offset, line, before in zip(raw.offsets, cleaned, lines, strict=True)
        if len(line) <= len(before)
    ]
    path = cleaner.text(raw.path)
    if cleaned == lines and path == raw.path:
        return raw
    if not kept:
        return None
    joined = b"".join(line for _, line in kept)
    return msgspec.structs.replace(
        raw,
        path=path,
        offsets=tuple(offset for offset, _ in kept),
        sizes=tuple(len(line) for _, line in kept),
        data=zstd.packed(joined),
        bytes_sha256=hashlib.sha256(joined).digest(),
    )


def position(file: FilePosition, cleaner: Cleaner) -> FilePosition:
    """Its path stays: by it the machine that reads the file knows it again."""
    return msgspec.structs.replace(file, state=cleaner.value(file.state))
