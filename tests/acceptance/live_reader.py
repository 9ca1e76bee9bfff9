"""A reader of live streams for tests: opens one, folds what it is told, and waits for what should come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from service.client.following import Event, Folded, Lines, events
from service.live.tasks import cancelled

SOON_S = 20.0
"""Long enough for a busy machine; a test that waits for so long has failed."""
Query = tuple[str, str, dict[str, Any]]
"""Id, query, arguments."""


class Reader:
    """One connection: its events so far, and the present answer to each query."""

    def __init__(self, answer: httpx.Response, folded: dict[str, Folded] | None = None) -> None:
        self.answer = answer
        self.events: list[Event] = []
        self.comments: list[str] = []
        self.token = ""
        self.folded = {} if folded is None else folded
        self.ended = False
        self._news = asyncio.Event()

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def result(self, id: str = "a") -> dict[str, Any]:
        return self.folded[id].result if id in self.folded else {}

    def ids(self, id: str = "a", *, rows: str = "messages") -> list[str]:
        """External ids of the rows of an answer."""
        return [row["externalId"] for row in self.result(id).get(rows, [])]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is so, by what has been told."""
        try:
            async with asyncio.timeout(SOON_S):
                while not holds():
                    assert not self.ended, f"the stream ended after {self.kinds}"
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"it was told {self.kinds} and nothing more") from None

    async def until_ended(self) -> None:
        async with asyncio.timeout(SOON_S):
            while not self.ended:
                self._news.clear()
                await self._news.wait()

    async def read(self) -> None:
        lines: list[str] = []
        whole = Lines()
        try:
            async for piece in self.answer.aiter_bytes():
                for line in whole.take(piece):
                    lines.append(line)
                    if line.startswith(":"):
                        self.comments.append(line)
                    if not line:
                        for event in events(lines):
                            self.take(event)
                        lines.clear()
        except httpx.HTTPError:
            pass
        finally:
            self.ended = True
            self._news.set()

    def take(self, event: Event) -> None:
        self.events.append(event)
        self.token = event.token or self.token
        if "id" in event.data and event.kind != "reset":
            self.folded.setdefault(event.data["id"], Folded()).take(event)
        self._news.set()


def params(*queries: Query) -> list[tuple[str, str]]:
    return [("q", json.dumps({"id": id, "query": name, "args": args})) for id, name, args in queries]


@asynccontextmanager
async def following(
    url: str, key: str, *queries: Query, resume: str = "", held: dict[str, Folded] | None = None
) -> AsyncIterator[Reader]:
    """A stream of these queries; `held`: the answers of an earlier one, which goes on."""
    headers = {"Authorization": f"Bearer {key}"} | ({"Last-Event-ID": resume} if resume else {})
    async with (
        httpx.AsyncClient(
            base_url=url, headers=headers, timeout=SOON_S, trust_env=False, verify=False
        ) as client,
        client.stream("GET", "/api/live", params=params(*queries)) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        reader = Reader(answer, held)
        task = asyncio.create_task(reader.read())
        try:
            yield reader
        finally:
            await cancelled(task)
