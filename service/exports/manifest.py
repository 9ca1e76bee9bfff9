"""What a set is: its format and version, what was asked for, what it holds, what was cut, and a hash of each file."""

from __future__ import annotations

from typing import Any

import msgspec

from service.exports.tallying import Tally, Warned
from service.privacy.cleaning import Cleaner

VERSION = 1
HEADER_BYTES = 4000
"""More than that many servers and clients refuse in one header."""


class File(msgspec.Struct, rename="camel"):
    name: str
    bytes: int
    sha256: str
    test_cases: int


class Counts(msgspec.Struct, rename="camel"):
    sessions: int
    test_cases: int
    skipped_sessions: int
    skipped: dict[str, int]
    by_source: dict[str, int]
    by_model: dict[str, int]
    by_status: dict[str, int]
    by_split: dict[str, int]


class Manifest(msgspec.Struct, rename="camel"):
    format: str
    version: int
    created_at: int
    filters: dict[str, Any]
    options: dict[str, Any]
    counts: Counts
    redacted: dict[str, int]
    """Credentials that were cut, by kind."""
    anonymized: dict[str, int]
    warnings: list[Warned]
    files: list[File]


def counts(tally: Tally) -> Counts:
    return Counts(
        sessions=tally.sessions,
        test_cases=tally.cases,
        skipped_sessions=tally.skipped_sessions,
        skipped=dict(tally.skipped),
        by_source=dict(tally.by_source.most_common()),
        by_model=dict(tally.by_model.most_common()),
        by_status=dict(tally.by_status.most_common()),
        by_split=dict(sorted(tally.by_split.items())),
    )


def manifest(
    format: str, tally: Tally, cleaner: Cleaner, files: list[File], *, filters: dict[str, Any],
    options: dict[str, Any], now_ms: int,
) -> Manifest:  # fmt: skip
    return Manifest(
        format=format,
        version=VERSION,
        created_at=now_ms,
        filters=filters,
        options=options,
        counts=counts(tally),
        redacted=dict(sorted(cleaner.redacted.items())),
        anonymized=dict(sorted(cleaner.anonymized.items())),
        warnings=tally.warnings,
        files=files,
    )


def header(manifest: Manifest) -> str:
    """As one line of ASCII; of a large one the parts without which a file can still be checked."""
    for left_out in ((), ("filters",), ("filters", "warnings", "options")):
        fields = {
            name: value for name, value in msgspec.to_builtins(manifest).items() if name not in left_out
        }
        line = ascii_json(fields)
        if len(line) <= HEADER_BYTES:
            return line
    return ascii_json({name: fields[name] for name in ("format", "version", "createdAt", "files")})


def ascii_json(value: Any) -> str:
    """
    >>> ascii_json({"q": "grün"})
    '{"q":"gr\\\\u00fcn"}'
    """
    text = msgspec.json.encode(value).decode()
    return "".join(each if " " <= each <= "~" else escaped(each) for each in text)


def escaped(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))
