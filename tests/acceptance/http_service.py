"""The HTTP service over a real Postgres and a real text index, in a thread with a loop of its own.

One for all tests of a session: each test gets a workspace of its own, which is all the isolation that users get.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import uvicorn

from service import connections
from service.app import create_app
from service.bootstrap import open_resources
from service.jobs.index_words import index_words
from service.live.feed import Feed
from service.postgres import EmbeddedPostgres
from service.settings import Settings
from service.storage import people
from service.storage.people import Caller
from service.worker import kept_running

T = TypeVar("T")
numbers = itertools.count()


class Server(uvicorn.Server):
    """Tells when it takes requests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class HttpService:
    """A running API, with the text index's follower unless `indexed` is False; `with` starts and stops it."""

    def __init__(self, url: str, home: Path, *, indexed: bool = True, **settings: Any) -> None:
        self.indexed = indexed
        self.settings = Settings(home=home, database_url=url, embedding_model="none", **settings)
        self.loop = asyncio.new_event_loop()
        self._started, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self.loop.run_until_complete, args=(self._main(),))

    def __enter__(self) -> HttpService:
        self._thread.start()
        assert self._started.wait(30)
        if self.indexed:
            self._wait_for_words()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        self.loop.close()

    def _wait_for_words(self) -> None:
        """Until its text index is there to be asked."""
        end_s = time.monotonic() + 30
        while (
            httpx.get(f"{self.url}/health/ready", trust_env=False, verify=False).status_code != httpx.codes.OK
        ):
            assert time.monotonic() < end_s

    async def _main(self) -> None:
        self.resources = await open_resources(self.settings)
        with closing(socket.create_server(("127.0.0.1", 0))) as listener:
            self.address = listener.getsockname()
            self.url = f"http://127.0.0.1:{self.address[1]}"
            self.app = create_app(self.resources)
            self.server = server = Server(connections.server(self.app, self.settings))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            await server.ready.wait()
            async with Feed(self.resources.url, bell=self.resources.bell) as feed:
                words = asyncio.create_task(kept_running("index_words", lambda: self._index(feed)))
                self._started.set()
                await self._stop.wait()
                words.cancel()
                await asyncio.gather(words, return_exceptions=True)
            server.should_exit = True
            await serving
        await self.resources.close()

    async def _index(self, feed: Feed) -> None:
        if self.indexed:
            await index_words(self.resources.db, feed, self.settings.text_index_dir)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the service's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def until(self, good: Callable[[], bool]) -> None:
        """Let its loop go round until this holds: what follows an answer comes a moment after its bytes."""

        async def turn() -> None:
            """Behind whatever is ready now."""

        end_s = time.monotonic() + 30
        while not good() and time.monotonic() < end_s:
            self.do(turn())

    def workspace(self) -> tuple[int, int]:
        """A new workspace and its owner."""
        name = f"w{next(numbers)}"
        return self.do(people.create_workspace(self.resources.db, name=name, user=name))

    def key(
        self,
        workspace: tuple[int, int],
        *,
        scopes: Sequence[str] = people.ALL_SCOPES,
        expires_at: datetime | None = None,
    ) -> str:
        """A new key of a workspace."""
        key, (workspace_id, user_id) = people.new_key(), workspace

        async def create() -> None:
            async with self.resources.db.workspace(workspace_id) as conn:
                await people.create_key(
                    conn, workspace_id, user_id, key=key, scopes=scopes, expires_at=expires_at
                )

        self.do(create())
        return key

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        """A client with this key, or with one of a new workspace."""
        key = self.key(self.workspace()) if key is None else key
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}", **headers},
            timeout=30,
            trust_env=False,
            verify=False,  # no TLS here: a context would take 70 ms to load its certificates
        )

    def caller(self, client: httpx.Client) -> Caller:
        """Who a client is."""

        async def find() -> Caller | None:
            async with self.resources.db.system() as conn:
                return await people.caller(conn, client.headers["authorization"].removeprefix("Bearer "))

        found = self.do(find())
        assert found is not None
        return found

    def rows(self, workspace_id: int, statement: str) -> list[dict[str, Any]]:
        """What a statement finds, seen as the workspace."""

        async def read() -> list[dict[str, Any]]:
            async with self.resources.db.workspace(workspace_id) as conn:
                return await (await conn.execute(statement)).fetchall()  # type: ignore[arg-type]

        return self.do(read())


@contextmanager
def http_service(template: EmbeddedPostgres, home: Path, **settings: Any) -> Iterator[HttpService]:
    """A service on a new database of its own."""
    name = f"http_{next(numbers)}"
    with psycopg.connect(template.url, autocommit=True) as conn:
        conn.execute(f"create database {name} template template_migrated strategy file_copy")
        with HttpService(template.url.replace("@/backscroll?", f"@/{name}?"), home, **settings) as service:
            yield service
        conn.execute(f"drop database {name} with (force)")


def exchange(service: HttpService, request: bytes) -> bytes:
    """The head of the answer to raw bytes, and what of its body came with it."""
    with socket.create_connection(service.address, timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer and (chunk := connection.recv(65536)):
            answer += chunk
        return answer


def whole(service: HttpService, request: bytes) -> bytes:
    """The whole answer to raw bytes that end with the head, as a connection of its own brings it."""
    with socket.create_connection(service.address, timeout=10) as connection:
        connection.sendall(request.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


def head(key: str, method: str, path: str, **headers: str) -> bytes:
    """The head of a request, as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
