"""Several machines on one Postgres: each has a home, an API and a worker, as processes of their own."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
from serve_process import COMMAND, STOP_S, environ
from tcp_proxy import Network, network

from benchmarks.running import free_port
from service.jobs.people import create_key
from service.postgres import EmbeddedPostgres
from service.storage import people
from service.storage.database import open_database

POOL = 4
numbers = itertools.count()


class Machine:
    """An API and a worker with a home of their own."""

    def __init__(self, home: Path, database_url: str, key: str) -> None:
        self.port, self.key = free_port(), key
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = environ(home) | {
            "BACKSCROLL_DATABASE_URL": database_url,
            "BACKSCROLL_PORT": str(self.port),
            "BACKSCROLL_POOL_SIZE": str(POOL),
            "BACKSCROLL_LOG_LEVEL": "error",
        }
        self.client = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
            verify=False,
        )
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for verb in ("worker", "api"):
            self.start(verb)

    def start(self, verb: str) -> None:
        self.processes[verb] = subprocess.Popen([*COMMAND, verb], env=self.environ)

    def kill(self, verb: str) -> None:
        self.processes[verb].kill()
        self.processes[verb].wait()

    def is_ready(self) -> bool:
        try:
            return self.client.get("/health/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self.client.close()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(STOP_S)


class Place:
    """Two machines, the network between them and Postgres, and a way around it."""

    def __init__(self, machines: list[Machine], way: Network, database_url: str) -> None:
        self.machines, self.network, self._url = machines, way, database_url

    def ask(self, statement: str) -> int:
        """One number, asked of Postgres as the owner, not over the network."""
        with psycopg.connect(self._url, autocommit=True) as conn:
            row = conn.execute(statement).fetchone()  # type: ignore[call-overload]
        return int(row[0])


@contextmanager
def two_machines(server: EmbeddedPostgres, folder: Path) -> Iterator[Place]:
    """On a database of their own; ready or not."""
    name = f"machines_{next(numbers)}"
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {name} template template_migrated strategy file_copy")
        url = server.url.replace("@/backscroll?", f"@/{name}?")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        with network(f"{asked['host']}/.s.PGSQL.{asked['port']}") as way:
            key = asyncio.run(make_key(url))
            machines = [Machine(folder / each, as_url(way.port, name), key) for each in ("a", "b")]
            try:
                yield Place(machines, way, url)
            finally:
                way.become("open")
                for machine in machines:
                    machine.stop()
        conn.execute(f"drop database {name} with (force)")


def as_url(port: int, database: str) -> str:
    return f"postgresql://backscroll@127.0.0.1:{port}/{database}?sslmode=disable&gssencmode=disable"


async def make_key(url: str) -> str:
    db = await open_database(url, pool_size=2)
    await people.create_workspace(db, name="w", user="u")
    made = await create_key(db, workspace="w", user="u", scopes=["ingest", "read"], expires_at=None, name="")
    await db.close()
    return made.key
