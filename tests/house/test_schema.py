"""Migrations: numbered, frozen, and summed up in schema.sql. `make schema` writes both files anew."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from service.postgres import binaries
from service.storage.migrations import known

FOLDER = Path(__file__).parents[2] / "migrations"
FROZEN = FOLDER / "frozen.txt"
SCHEMA = FOLDER / "schema.sql"
MARK = "# Not released yet; `make schema` writes these lines anew:\n"
UPDATE = bool(os.environ.get("BACKSCROLL_UPDATE_SCHEMA"))

HEAD = """\
-- The schema: the sum of the migrations, for people to read. Written by `make schema`, never by hand.
-- Why a table is as it is stands in the migration that made it.
"""
ENTRY = re.compile(r"^--\n-- Name: (?P<name>.+?); Type: (?P<type>[^;]+); .*\n--\n", re.MULTILINE)
TABLE = re.compile(
    r"(?:TABLE|ON|SEQUENCE)(?: ONLY| TABLE| SEQUENCE)? (?:public\.)?(?!SCHEMA)(\w+?)(?:_id_seq)?\b"
)
SEQUENCE_DEFAULTS = re.compile(r" \(\n    SEQUENCE NAME \w+\n(    .*\n)+\)")
NOISE = ("COMMENT", "INDEX ATTACH")


def test_it_numbers_migrations_without_gaps() -> None:
    """0001, 0002, ...: nobody else's migration can slip in between."""
    numbers = [int(migration.name[:4]) for migration in known()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_it_never_changes_a_released_migration() -> None:
    """Every migration has the hash that frozen.txt says; one that is released stays as it is."""
    head, mark, _ = FROZEN.read_text().partition(MARK)
    assert mark, f"frozen.txt needs the line {MARK!r}"
    hashes = {migration.name: migration.sha256 for migration in known()}
    released = dict(line.split()[::-1] for line in head.splitlines() if not line.startswith("#"))
    if UPDATE:
        rest = "".join(f"{sha256}  {name}\n" for name, sha256 in hashes.items() if name not in released)
        FROZEN.write_text(head + mark + rest)
    listed = dict(line.split()[::-1] for line in FROZEN.read_text().splitlines() if not line.startswith("#"))
    assert listed == hashes, "a migration changed: put a released one back; for a new one run `make schema`"


def test_it_sums_up_to_the_schema_file(database_url: str) -> None:
    """A freshly migrated database is what schema.sql says, word for word."""
    text = readable(dump(database_url))
    if UPDATE:
        SCHEMA.write_text(text)
    assert SCHEMA.read_text() == text, "run `make schema`"


def dump(url: str) -> str:
    command = [str(binaries() / "pg_dump"), "--schema-only", "--no-owner", url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def readable(text: str) -> str:
    """A dump without the noise of versions: each table with all that belongs to it, in the migrations' order."""
    pieces = ENTRY.split(text)[1:]
    grouped: dict[str, list[str]] = {}
    for _, kind, body in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        if kind not in NOISE:
            grouped.setdefault(group(kind, body), []).append(plain(body))
    return HEAD + "".join(
        f"\n\n-- {name}\n\n" + "\n\n".join(grouped[name]) + "\n" for name in sorted(grouped, key=place)
    )


def group(kind: str, body: str) -> str:
    """The table that a dump's entry belongs to, or what kind of thing belongs to none."""
    if kind == "FUNCTION":
        return "functions"
    table = None if kind == "EXTENSION" else TABLE.search(body)
    return table[1] if table else "database"


def place(name: str) -> tuple[int, int]:
    """Where a group stands: the database, tables as the migrations make them, functions."""
    made = re.search(rf"create table {name}\b", "".join(migration.sql for migration in known()))
    return {"database": 0, "functions": 2}.get(name, 1), made.start() if made else -1


def plain(body: str) -> str:
    kept = [line for line in body.splitlines() if not re.match(r"SET default_|\\unrestrict|--", line)]
    text = re.sub(SEQUENCE_DEFAULTS, "", "\n".join(kept).replace("public.", ""))
    return re.sub(r"\n{3,}", "\n\n", text).strip()
