"""A randomized run: writers whose transactions cross, readers who are cut, processes and Postgres that go away.

At its end every reader's folded answers must be what plain reads give. The seed says what happened, but for timing.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
from live_reader import SOON_S, Query, following
from live_writer import Writer, writing
from serve_process import COMMAND, environ

from service.client.following import Folded
from service.postgres import EmbeddedPostgres
from service.supervisor import address

WRITERS, READERS, SESSIONS, MESSAGES = 16, 12, 30, 1000
"""The last so many messages are those that are changed."""
ROLLED_BACK, HELD = 0.05, 0.02
LOST = (psycopg.Error, OSError, TimeoutError)


async def moment(seconds: float) -> None:
    """Let others have a turn for so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


class Api:
    """An API process on a port of its own, which can be killed and comes again."""

    def __init__(self, url: str, home: Path) -> None:
        with address.take("127.0.0.1", 0) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = environ(home) | {"BACKSCROLL_DATABASE_URL": url}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, "api", "--port", str(self.port)], env=self._environ, stdout=subprocess.DEVNULL
        )

    def kill(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    async def until_up(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, verify=False) as client:
            async with asyncio.timeout(60):
                while True:
                    with suppress(httpx.HTTPError):
                        if (await client.get("/health")).status_code == 200:
                            return
                    await moment(0.05)


class Soak:
    """What the run shares."""

    def __init__(self, url: str, workspace_id: int, key: str, *, commits: int, seed: int) -> None:
        self.url, self.workspace_id, self.key, self.commits = url, workspace_id, key, commits
        self.random = random.Random(seed)
        self.done = 0
        self.cuts = 0
        self.over = asyncio.Event()

    async def write(self, number: int) -> None:
        """Commit until there are enough of all writers."""
        chance = random.Random(self.random.random())
        serial = 0
        while self.done < self.commits:
            with suppress(*LOST):
                async with writing(self.url, self.workspace_id) as writer:
                    while self.done < self.commits:
                        serial += 1
                        await self._transaction(writer, chance, f"w{number}-{serial}")
            await moment(0.1)

    async def _transaction(self, writer: Writer, chance: random.Random, name: str) -> None:
        for step in range(chance.choice((1, 1, 1, 2, 3))):
            await change(writer, chance, f"{name}-{step}")
        if chance.random() < HELD:
            await moment(chance.random())
        if chance.random() < ROLLED_BACK:
            await writer.rollback()
        else:
            await writer.commit()
            self.done += 1

    async def read(self, api: Api, queries: list[Query]) -> dict[str, Folded]:
        """Follow, cut and resumed at random, until it is over and the answers are those of plain reads."""
        chance = random.Random(self.random.random())
        held: dict[str, Folded] = {}
        token = ""
        while not self.over.is_set():
            with suppress(httpx.HTTPError, AssertionError):
                async with following(api.url, self.key, *queries, resume=token, held=held) as reader:
                    try:
                        await moment(chance.uniform(0.1, 4.0))
                    finally:
                        token = reader.token or token
                        self.cuts += 1
            await moment(0.2)
        async with following(api.url, self.key, *queries, resume=token, held=held) as reader:
            await agree(api, self.key, queries, reader.folded)
        return held


async def change(writer: Writer, chance: random.Random, name: str) -> None:
    """One random change. Rows are chosen by chance, and a change of none is one as well: of a session that has gone."""
    named = f"soak-{chance.randrange(SESSIONS)}"
    session = (
        f"(select id from sessions where workspace_id = {writer.workspace_id} and external_id = '{named}')"
    )
    message = (
        f"(select id from messages where workspace_id = {writer.workspace_id}"
        f" order by id desc offset {int(MESSAGES * chance.random() ** 2)} limit 1)"
    )
    match chance.choices(range(7), weights=(50, 20, 15, 8, 4, 1, 5))[0]:
        case 0:
            await writer.run(
                "insert into messages (workspace_id, session_id, external_id, role, text, created_at)"
                f" select {writer.workspace_id}, id, %s, 'user', %s, clock_timestamp() from {session} s",
                name,
                "hello " * chance.randrange(30),
            )
        case 1:
            await writer.run(f"update messages set text = %s where id = {message}", name)
        case 2:
            await writer.run(f"update sessions set title = %s, updated_at = now() where id = {session}", name)
        case 3:
            await writer.run(f"delete from messages where id = {message}")
        case 4:
            await writer.run(
                f"update messages set session_id = s.id from {session} s where messages.id = {message}"
            )
        case 5:
            await writer.run(f"delete from sessions where id = {session}")
        case 6:  # it is there, or comes again under its name
            await writer.run(
                "insert into sessions (workspace_id, source, external_id, title, created_at, updated_at)"
                f" values ({writer.workspace_id}, 'pi', '{named}', %s, clock_timestamp(), clock_timestamp())"
                " on conflict do nothing",
                name,
            )


async def agree(api: Api, key: str, queries: list[Query], folded: dict[str, Folded]) -> None:
    """Wait until the folded answers are what the plain reads give. Errors: `AssertionError` with those that are not."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=api.url, headers=headers, trust_env=False, verify=False) as client:
        wanted = {query[0]: await plain(client, query) for query in queries}
        different: list[str] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(SOON_S):
                while different := [
                    id for id in wanted if id not in folded or folded[id].result != wanted[id]
                ]:
                    await moment(0.05)
        assert different == []


async def plain(client: httpx.AsyncClient, query: Query) -> Any:
    _, name, args = query
    path = {
        "sessions.list": "/api/sessions?limit=1000",
        "stats": "/api/stats",
        "sessions.get": f"/api/sessions/{args.get('session')}",
        "sessions.messages": f"/api/sessions/{args.get('session')}/messages?limit=1000",
    }[name]
    return (await client.get(path)).json()


async def chaos(soak: Soak, api: Api, restart: Callable[[], None]) -> None:
    """Kill the API at a quarter and at three quarters of the commits, restart Postgres in the middle."""
    for share, act in ((0.25, api.kill), (0.5, restart), (0.75, api.kill)):
        while soak.done < soak.commits * share:
            await moment(0.05)
        await asyncio.to_thread(act)
        if act == api.kill:
            api.start()
            await api.until_up()


class Postgres:
    """A server that can be restarted."""

    def __init__(self, directory: Path, overrides: dict[str, str]) -> None:
        self._directory, self._overrides = directory, overrides
        self.server = self._start()

    def _start(self) -> EmbeddedPostgres:
        return EmbeddedPostgres.start(self._directory, overrides=self._overrides)

    def restart(self) -> None:
        self.server.stop()
        self.server = self._start()


async def run(soak: Soak, api: Api, restart: Callable[[], None]) -> list[dict[str, Folded]]:
    """All of it; what each reader ended with. Errors: `AssertionError` when a reader ends with something else than plain reads."""
    async with writing(soak.url, soak.workspace_id) as writer:
        for number in range(SESSIONS):
            await writer.session(f"soak-{number}")
        await writer.commit()
    queries: list[list[Query]] = [
        [
            ("list", "sessions.list", {"limit": 1000}),
            ("stats", "stats", {}),
            ("get", "sessions.get", {"session": f"soak-{number}"}),
            ("messages", "sessions.messages", {"session": f"soak-{number + 1}"}),
        ]
        for number in range(READERS)
    ]
    api.start()
    await api.until_up()
    reading = [asyncio.create_task(soak.read(api, each)) for each in queries]
    writers = [asyncio.create_task(soak.write(number)) for number in range(WRITERS)]
    await asyncio.gather(chaos(soak, api, restart), *writers)
    soak.over.set()
    return await asyncio.gather(*reading)
