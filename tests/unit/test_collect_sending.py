"""Sending what was read: refused, in halves, again, and not at all."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from collecting import Store, all_said, no_patience, rewrite, said

from service.collect.find import Finder, given
from service.collect.importing import Import
from service.collect.patience import Patience, Stopped
from service.errors import NotYet, RequestError, TooLarge, Unreachable


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A transcript of ten prompts."""
    file = tmp_path / "session.jsonl"
    file.write_bytes(all_said(range(10)))
    return file


def look(run: Import, file: Path) -> None:
    """Read what is new in a file."""
    run.read(list(Finder(run.unreadable).at(given([str(file)], None, run.unreadable))))


def test_it_halves_a_batch_that_is_refused(log: Path) -> None:
    """One line that a service refuses is told; the others arrive."""
    store = Store()

    def post(body: bytes, restore: bool) -> dict[str, Any]:
        if b"prompt 4" in body:
            raise (TooLarge if body.count(b"\n") > 3 else RequestError)("This is not accepted.")
        return store(body, restore)

    store.read(log, post=post)
    assert store.texts() == [f"prompt {number}" for number in range(10) if number != 4]
    assert store.errors == ["This is not accepted."]


def test_it_keeps_the_positions_of_a_batch_that_is_halved(log: Path) -> None:
    """After a refusal for its size the positions that arrived are known, and another look sends nothing."""
    store = Store()

    def post(body: bytes, restore: bool) -> dict[str, Any]:
        if body.count(b"\n") > 3:
            raise TooLarge("This is too large.")
        return store(body, restore)

    run = Import("machine", {}, post=post)
    with run:
        for _ in range(2):
            look(run, log)
            run.drain()
    assert run.known == store.files
    assert run.known.keys() == {str(log)}
    assert run.summary.of("claude-code").files == {"new": 1, "unchanged": 1}
    assert len(store.messages) == sum(store.requests) == 10


def test_it_does_not_know_a_position_that_is_refused(log: Path) -> None:
    """A file whose position the service does not take looks unread."""
    store = Store()

    def post(body: bytes, restore: bool) -> dict[str, Any]:
        if b'"type":"file"' in body:
            raise RequestError("This is not accepted.")
        return store(body, restore)

    run = Import("machine", {}, post=post)
    with run:
        look(run, log)
    assert (run.known, run.summary.errors) == ({}, ["This is not accepted."])


def test_it_raises_whatever_goes_wrong_in_sending(log: Path) -> None:
    """A fault that nobody foresaw ends the import with its reason; nothing waits for a thread that died."""

    def post(body: bytes, restore: bool) -> dict[str, Any]:
        raise ZeroDivisionError

    run = Import("machine", {}, post=post, patience=no_patience())
    waited: list[type[Exception]] = []

    def read() -> None:
        try:
            with run:
                for number in range(10):
                    rewrite(log, said(number))
                    look(run, log)
        except ZeroDivisionError as error:
            waited.append(type(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(10)
    assert waited == [ZeroDivisionError]


def test_it_tries_again_what_may_pass(log: Path) -> None:
    """No connection and a service that starts are waited for, as long as asked."""
    store, faults = Store(), [Unreachable("no"), NotYet("starting", retry_after_s=0.01)]
    waited: list[str] = []

    def post(body: bytes, restore: bool) -> dict[str, Any]:
        if faults:
            raise faults.pop(0)
        return store(body, restore)

    patience = Patience(threading.Event(), 30.0, lambda error: waited.append(type(error).__name__))
    store.read(log, post=post, patience=patience)
    assert (len(store.messages), waited) == (10, ["Unreachable", "NotYet"])


def test_it_gives_up_with_the_reason(log: Path) -> None:
    """When patience ends, the last error is raised to whoever imports."""

    def post(body: bytes, restore: bool) -> dict[str, Any]:
        raise Unreachable("Backscroll does not answer.")

    with pytest.raises(Unreachable, match="does not answer"):
        Store().read(log, post=post, patience=no_patience())


def test_it_stops_when_asked_while_it_waits(log: Path) -> None:
    """A stop ends the waiting at once."""
    stop = threading.Event()

    def post(body: bytes, restore: bool) -> dict[str, Any]:
        stop.set()
        raise NotYet("starting", retry_after_s=3600)

    with pytest.raises(Stopped):
        Store().read(log, post=post, patience=Patience(stop, None))
