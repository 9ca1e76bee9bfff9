"""Two machines on one Postgres: they share the work, read each other's writes, and outlive each other and the network.

The network is away for four seconds in the suite, and for thirty in `make network-test`.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from live_reader import following
from machines import POOL, Machine, Place, two_machines

from service.postgres import EmbeddedPostgres

READY_S = 90.0
TAKEN_OVER_S = 20.0
ANSWERED_S = 9.0
"""A request that meets no database is answered within 5 s; the machine may be busy."""
LOST_S = float(os.environ.get("NETWORK_LOST_S", "4"))
EACH = 20
LETTERS = "bcfghjkmnp"
CONNECTIONS = "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'backscroll%'"
SPLIT = "select count(distinct message_id) from passages"
MOST = 2 * 2 * (POOL + 3)
"""Connections of two APIs and two workers: a pool each, and those for the feed, the bell and locks."""


@pytest.fixture(scope="module")
def place(template_18: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with two_machines(template_18, tmp_path_factory.mktemp("machines")) as made:
        until(lambda: all(machine.is_ready() for machine in made.machines), within_s=READY_S)
        yield made


def until(so: Callable[[], bool], *, within_s: float) -> None:
    pause, end_s = threading.Event(), time.monotonic() + within_s
    while not so():
        assert time.monotonic() < end_s, f"not within {within_s} s"
        pause.wait(0.05)


def word(number: int) -> str:
    return "zq" + "".join(LETTERS[int(digit)] for digit in f"{number:05}")


def sent(machine: Machine, number: int) -> str:
    """The commit token of a message with a word of its own."""
    message = {
        "sessionExternalId": f"talk {number % 7}", "externalId": str(number), "role": "user",
        "textContent": f"The badger said {word(number)}.",
    }  # fmt: skip
    answer = machine.client.post("/sync/batch", json={"messages": [message]})
    assert answer.json() == {"ok": True, "sessions": 0, "messages": 1, "errors": []}
    return answer.headers["X-Commit"]


def found(machine: Machine, q: str, token: str) -> int:
    """How many messages; -1 while the index does not say."""
    asked: dict[str, Any] = {"q": q, "type": "fulltext", "groupBy": "message", "commit": token}
    answer = machine.client.get("/api/search", params=asked)
    return int(answer.json()["total"]) if answer.status_code == httpx.codes.OK else -1


def test_it_reads_on_one_machine_what_was_written_on_the_other(place: Place) -> None:
    """Under load from both sides each write's token brings it at once on the other, by search too; passages are made once."""

    def write_and_read(number: int) -> tuple[int, int]:
        here, there = place.machines[:: 1 if number % 2 else -1]
        token = sent(here, number)
        read = there.client.get(
            "/api/sessions/get", params={"id": f"talk {number % 7}", "commit": token}
        ).json()
        return sum(each["externalId"] == str(number) for each in read["messages"]), found(
            there, word(number), token
        )

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write_and_read, range(2 * EACH))) == {(1, 1)}
    token = sent(place.machines[0], 2 * EACH)
    assert [found(machine, "badger", token) for machine in place.machines] == [2 * EACH + 1] * 2
    until(lambda: place.ask(SPLIT) == 2 * EACH + 1, within_s=TAKEN_OVER_S)
    until(
        lambda: (
            place.ask("select n_tup_ins from pg_stat_user_tables where relname = 'passages'")
            == place.ask("select count(*) from passages")
        ),
        within_s=TAKEN_OVER_S,
    )
    assert place.ask("select n_tup_del from pg_stat_user_tables where relname = 'passages'") == 0


@pytest.mark.parametrize("killed", [0, 1])
def test_it_takes_over_the_work_of_a_worker_that_died(place: Place, killed: int) -> None:
    """The other one makes passages within seconds, whichever of the two did so before; started again, its own text index is complete."""
    dead, alive = place.machines[killed], place.machines[1 - killed]
    before = place.ask(SPLIT)
    dead.kill("worker")
    token = sent(dead, 1000 + killed)
    until(lambda: place.ask(SPLIT) > before, within_s=TAKEN_OVER_S)
    assert found(alive, word(1000 + killed), token) == 1
    dead.start("worker")
    until(lambda: found(dead, word(1000 + killed), token) == 1, within_s=READY_S)


@pytest.mark.parametrize("way", ["silent", "cut"])
async def test_it_outlives_the_loss_of_its_network(place: Place, way: Any) -> None:
    """Meanwhile reads and writes are answered 503 with Retry-After, soon; afterwards all is as before, on both: indexes follow,
    live streams that were open go on without an end, and no connection is left over."""
    machines, number = place.machines, 2000 + len(way)
    sent(machines[0], number - 7)  # to the same session
    messages = ("a", "sessions.messages", {"session": f"talk {number % 7}"})
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(following(each.url, each.key, messages)) for each in machines
        ]
        for reader in readers:
            await reader.until(lambda reader=reader: "snapshot" in reader.kinds)  # type: ignore[misc]
        await asyncio.to_thread(without_network, place, way)
        token = await asyncio.to_thread(sent, machines[0], number)
        for reader in readers:
            await reader.until(lambda reader=reader: str(number) in reader.ids())  # type: ignore[misc]
    until(lambda: [found(each, word(number), token) for each in machines] == [1, 1], within_s=READY_S)
    until(lambda: place.ask(CONNECTIONS) <= MOST, within_s=TAKEN_OVER_S)


def without_network(place: Place, way: Any) -> None:
    """Until `LOST_S` are over: ask and send on both machines; then until both answer again."""
    place.network.become(way)
    lost_s = time.monotonic()
    batch = {"messages": [{"sessionExternalId": "lost", "externalId": "lost", "role": "user"}]}
    try:
        while time.monotonic() - lost_s < LOST_S:
            for machine in place.machines:
                for asked in (
                    machine.client.build_request("GET", "/api/sessions"),
                    machine.client.build_request("POST", "/sync/batch", json=batch),
                ):
                    begun_s = time.monotonic()
                    answer = machine.client.send(asked)
                    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "1")
                    assert time.monotonic() - begun_s < ANSWERED_S
    finally:
        place.network.become("open")
    until(lambda: all(is_answered(machine) for machine in place.machines), within_s=TAKEN_OVER_S)


def is_answered(machine: Machine) -> bool:
    return machine.client.get("/api/sessions").status_code == httpx.codes.OK
