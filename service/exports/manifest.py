"""What a set is: its format and version, what was asked for, what it holds, what was cut, and a hash of each file."""

from __future__ import annotations

from typing import Any

import msgspec

from service.exports.tallying import Tally, Warned
from service.privacy.cleaning import Cleaner

VERSION = 1
HEADER_BYTES = 4000
"""More than that many servers and clients refuse in one header."""
LEFT_OUT: tuple[list[str], ...] = (
    [],
    ["filters"],
    ["filters", "options", "warnings"],
    ["filters", "options", "warnings", "files"],
)
"""What goes first where it is larger; a file a case (`filesystem`) is a long list."""


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
    """As one line of ASCII. Of a large one parts are left out, told by `leftOut`: an archive has it whole."""
    fields = msgspec.to_builtins(manifest)
    lines = (ascii_json(without(fields, left_out)) for left_out in LEFT_OUT)
    return next(
        (line for line in lines if len(line) <= HEADER_BYTES),
        ascii_json(without(fields, [name for name in fields if name not in ("format", "version")])),
    )


def without(fields: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """
    >>> without({"a": 1, "b": 2}, ["a"]), without({"a": 1}, [])
    ({'b': 2, 'leftOut': ['a']}, {'a': 1})
    """
    kept = {name: value for name, value in fields.items() if name not in names}
    return kept | ({"leftOut": names} if names else {})


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
