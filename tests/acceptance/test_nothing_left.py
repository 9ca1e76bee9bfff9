"""What is deleted is gone: from every table that the catalogue knows, from raw lines, from the text index's files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import zstandard
from http_service import HttpService, http_service
from import_machine import SESSION, Machine
from psycopg import sql

from indexing.fulltext import IndexDamaged, generations
from service.jobs import people, purge
from service.postgres import EmbeddedPostgres

WORD = "zqxvortexkw"
NUMBERS_ONLY = {"change_log", "audit_log"}
"""They outlive a workspace: who did what when, by numbers."""
WAIT_S = 30.0


@pytest.fixture
def machine(template_18: EmbeddedPostgres, tmp_path: Path) -> Iterator[Machine]:
    """A machine with a service of its own, to whose text index nobody else writes."""
    with http_service(template_18, tmp_path / "home") as service:
        made = Machine(service, tmp_path / WORD)
        with made.api:
            yield made


def planted(machine: Machine) -> tuple[str, str]:
    """The word in every place where a person or an agent can put one; the ids of the session and of one message."""
    for number in range(2):
        prompt = {
            "type": "user", "uuid": f"5d1f0c2e-0000-0000-0000-{number:012}", "parentUuid": None, "sessionId": SESSION,
            "timestamp": f"2026-05-01T10:00:{number:02}.000Z", "cwd": f"/src/{WORD}",
            "message": {"role": "user", "content": f"{WORD} prompt {number}"},
        }  # fmt: skip
        with machine.transcript.open("ab") as file:
            file.write(json.dumps(prompt).encode() + b"\n")
    assert machine.read()["newMessages"] == 2
    message = {
        "sessionExternalId": SESSION, "externalId": "one", "role": "assistant", "source": "claude-code",
        "textContent": f"{WORD} of a client",
        "parts": [
            {"type": "text", "content": f"{WORD} of a client"},
            {"type": "tool-call", "content": {"toolName": WORD, "args": {"command": WORD}}},
        ],
    }  # fmt: skip
    neighbour = {"sessionExternalId": "other", "externalId": "two", "role": "user", "textContent": "badger"}
    # In one commit of the index: of a segment in which nothing is left, tantivy keeps nothing.
    machine.api.post("/sync/batch", json={"messages": [message, neighbour]}).raise_for_status()
    labels = {"title": f"{WORD} title", "tags": [WORD], "notes": WORD, "expectedOutput": WORD}
    found = machine.api.get("/api/sessions/get", params={"id": SESSION}).json()
    id = found["session"]["id"]
    machine.api.patch(f"/api/sessions/{id}", json=labels).raise_for_status()
    machine.api.patch(f"/api/sessions/{id}", json={"title": f"{WORD} again"}).raise_for_status()
    assert in_tables(machine.service) >= {"sessions", "session_tags", "messages", "parts", "raw_chunks"}
    assert searched(machine) == 3
    return id, next(each["id"] for each in found["messages"] if each["textContent"] == f"{WORD} prompt 0")


def test_it_leaves_nothing_of_a_workspace(machine: Machine) -> None:
    """Every table is looked through for its number and for a word that stood everywhere in it; soon no file of the index has the word."""
    planted(machine)
    other = machine.service.client()
    other.post(
        "/sync/message",
        json={"sessionExternalId": "s", "externalId": "m", "role": "user", "textContent": "badger"},
    )
    place = machine.service.caller(machine.api).workspace_id
    db = machine.service.resources.db
    [workspace] = [
        each for each in machine.service.do(people.administration.workspaces(db)) if each.id == place
    ]
    assert rows_of(machine.service, place) > NUMBERS_ONLY
    machine.service.do(people.delete_workspace(db, workspace))
    assert in_tables(machine.service) == set()
    assert rows_of(machine.service, place) <= NUMBERS_ONLY
    wait_until_out_of_the_index(machine)
    assert other.get("/api/search", params={"q": "badger", "type": "fulltext"}).json()["total"] == 1
    other.close()


def test_it_leaves_nothing_of_a_session(machine: Machine) -> None:
    """But its external id, as a tombstone; the index's files follow within a day."""
    id, _ = planted(machine)
    machine.api.delete(f"/api/sessions/{id}").raise_for_status()
    assert in_tables(machine.service) == set()
    assert searched(machine) == 0
    out_of_the_index_within_a_day(machine)


def test_it_leaves_nothing_of_a_message(machine: Machine) -> None:
    """Its text, parts and raw line go, those of its neighbours stay."""
    _, message = planted(machine)
    before = times(machine.service, f"{WORD} prompt 0")
    machine.api.delete(f"/api/messages/{message}").raise_for_status()
    assert (before > 0, times(machine.service, f"{WORD} prompt 0")) == (True, 0)
    assert times(machine.service, f"{WORD} prompt 1") > 0
    assert searched(machine) == 2


def searched(machine: Machine) -> int:
    """How many messages are found, when the index has seen everything."""
    service = machine.service
    asked = {
        "q": WORD,
        "type": "fulltext",
        "groupBy": "message",
        "commit": service.do(service.resources.db.token()),
    }
    return int(machine.api.get("/api/search", params=asked).raise_for_status().json()["total"])


def in_tables(service: HttpService) -> set[str]:
    """The tables, partitions too, of which some row has the word, be it within what is packed."""
    return {name for name, rows in texts(service.resources.url).items() if any(WORD in row for row in rows)}


def times(service: HttpService, text: str) -> int:
    return sum(row.count(text) for rows in texts(service.resources.url).values() for row in rows)


def texts(url: str) -> dict[str, list[str]]:
    """Every row of every table as text, with what its bytes hold, unpacked where they are packed. As a superuser."""
    found: dict[str, list[str]] = {}
    with psycopg.connect(url) as conn:
        for name in tables(conn):
            rows = conn.execute(
                sql.SQL("select t::text, t.* from {} t").format(sql.Identifier(name))
            ).fetchall()
            found[name] = [
                row[0] + "".join(unpacked(value) for value in row[1:] if isinstance(value, bytes))
                for row in rows
            ]
    return found


def tables(conn: psycopg.Connection[tuple[str]]) -> list[str]:  # type: ignore[type-arg]
    rows = conn.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1"
    ).fetchall()
    return [name for (name,) in rows]


def unpacked(value: bytes) -> str:
    if value.startswith(zstandard.FRAME_HEADER):
        value = zstandard.ZstdDecompressor().decompressobj().decompress(value)
    return value.decode(errors="replace")


def rows_of(service: HttpService, workspace_id: int) -> set[str]:
    """The tables that have rows with the workspace's number."""
    with psycopg.connect(service.resources.url) as conn:
        owned = conn.execute(
            "select a.attrelid::regclass::text from pg_attribute a join pg_class c on c.oid = a.attrelid"
            " where a.attname = 'workspace_id' and c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
            " and not c.relispartition"
        ).fetchall()
        asked = [(name, "workspace_id") for (name,) in owned] + [("workspaces", "id")]
        return {
            name
            for name, column in asked
            if conn.execute(f"select from {name} where {column} = {workspace_id}").fetchone() is not None
        }


def terms(directory: Path) -> int:
    """How many documents of the index's files have the word, those that are marked as deleted too."""
    current = generations.current(directory)
    assert current is not None
    try:
        return int(generations.opened(current).searcher().doc_freq("said_forms", WORD))
    except IndexDamaged:
        if generations.current(directory) == current:
            raise
        return terms(directory)  # another one took its place meanwhile


def wait_until_out_of_the_index(machine: Machine) -> None:
    service, directory = machine.service, machine.service.settings.text_index_dir

    async def gone() -> None:
        async with asyncio.timeout(WAIT_S):
            while terms(directory) or purge.is_due(directory):
                await service.resources.db.token()

    service.do(gone())


def out_of_the_index_within_a_day(machine: Machine) -> None:
    directory = machine.service.settings.text_index_dir
    assert terms(directory) > 0
    due_s = purge.read(directory / purge.NAME)
    assert due_s is not None
    (directory / purge.NAME).write_text("0")  # the day is over
    wait_until_out_of_the_index(machine)
