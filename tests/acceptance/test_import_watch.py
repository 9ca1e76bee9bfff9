"""`backscroll import --watch`: what is written is stored within a second, until it is told to stop."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway import Gateway, gateway
from http_service import HttpService
from import_machine import CODE_OK, END_S, SESSION, Machine, prompts, said


@pytest.fixture
def machine(service: HttpService, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(service, tmp_path)
    yield made
    made.api.close()


@pytest.fixture
def between(machine: Machine) -> Iterator[Gateway]:
    """What stands between the machine's command and the service."""
    with gateway(machine.service.url) as (passing, url):
        machine.environ["BACKSCROLL_URL"] = url
        yield passing


class Watching:
    """`import --watch` that has begun to follow."""

    def __init__(self, machine: Machine) -> None:
        self.process = machine.start("import", "--watch")
        assert self.next("watching")

    def next(self, event: str) -> dict[str, Any]:
        """The next event of this name in its log."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{") and (told := json.loads(line))["event"] == event:
                return dict(told)
        raise AssertionError(f"it ended without {event!r}")


@pytest.fixture
def watching(machine: Machine) -> Iterator[Watching]:
    machine.say(0)
    started = Watching(machine)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.communicate()


def test_it_follows_a_growing_file_within_a_second(machine: Machine, watching: Watching) -> None:
    """What is appended is stored within a second; a line a change says the file and counts, nothing of the text."""
    for number in range(1, 4):
        began_s = time.monotonic()
        machine.say(number)
        told = watching.next("read")
        assert time.monotonic() - began_s < 1.0
        assert (told["path"], told["messages"]) == (str(machine.transcript), 1)
        assert "prompt" not in json.dumps(told)
        assert machine.texts() == prompts(number + 1)


def test_it_finds_new_files_and_new_folders(machine: Machine, watching: Watching) -> None:
    """A file in a folder that did not exist when it began is read as well."""
    folder = machine.project.parent / "-src-other"
    folder.mkdir()
    other = SESSION.replace("5d1f", "6e2a")
    (folder / f"{other}.jsonl").write_bytes(said(1).replace(b"5d1f", b"6e2a"))
    assert watching.next("read")["path"] == str(folder / f"{other}.jsonl")
    assert machine.api.get("/api/sessions/get", params={"id": other}).status_code == httpx.codes.OK


def test_it_follows_a_tool_that_comes_later(machine: Machine, watching: Watching) -> None:
    """A tool's folder that appears while it follows is read within seconds, and from then on at once."""
    folder = machine.root / ".codex" / "sessions" / "2026" / "05" / "01"
    folder.mkdir(parents=True)
    session = "019ed50c-2fb3-7002-a384-360bea6e7f04"
    rollout = folder / f"rollout-2026-05-01T10-00-00-{session}.jsonl"
    began_s = time.monotonic()
    rollout.write_text(
        json.dumps({"timestamp": "2026-05-01T10:00:00Z", "type": "session_meta", "payload": {"id": session}})
        + "\n"
    )
    assert watching.next("read")["path"] == str(rollout)
    assert time.monotonic() - began_s < 5.0


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_following_when_told(watching: Watching, end: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end it at once, cleanly."""
    watching.process.send_signal(end)
    _, err = watching.process.communicate(timeout=END_S)
    assert (watching.process.returncode, "Traceback" in err) == (CODE_OK, False)


def test_it_follows_on_when_the_service_was_away(machine: Machine, between: Gateway) -> None:
    """While nothing answers it waits; then it sends what came meanwhile."""
    machine.say(0)
    watching = Watching(machine)
    between.before = lambda number: None
    machine.say(1)
    assert watching.next("waiting for the service")["error"] == "Unreachable"
    machine.say(2)
    between.before = lambda number: True
    read = 0
    while read < 2:
        read += watching.next("read")["messages"]
    assert machine.texts() == prompts(3)
    watching.process.terminate()
    watching.process.communicate(timeout=END_S)
