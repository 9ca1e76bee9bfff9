"""Over HTTP a workspace learns nothing of another, on any route, and also where the SQL has lost its WHERE.

Workspace `a` asks every question, first alone in the database, then beside workspace `b` that holds the same kinds
of things: the answers are the same. Then it asks by b's ids, external ids, values, slugs and cursors: the answers
are those for things that do not exist. A route that is not in `CALLS` fails the suite.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
import tenant_things
from tenant_calls import CALLS

from indexing.fulltext import open_writer
from indexing.model import TextDocument
from service.app import ROUTES, create_app
from service.bootstrap import Resources, open_resources
from service.jobs import rollup
from service.jobs.index_words import rebuild_words
from service.live.feed import Feed
from service.settings import Settings
from service.storage import people

SECRET = "zebra"
"""Stands in everything that b ever wrote, and in nothing of a's."""

SENDING = ("POST /sync", "POST /api/import", "POST /api/usage")
SAVING = "POST /api/searches"
COUNTING = ("GET /metrics",)
"""Counts requests of the process, so that it answers something else each time."""


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What a question may name: a session, a message, a saved search, a slug, a value to filter by."""

    s: str
    m: str
    q: str = "q4711"
    slug: str = "no-such-slug"
    v: str = "no-such-value"


NOBODYS = [Names(s="s4711", m="m4711"), Names(s="no-such-session", m="no-such-message")]


class Tenants:
    """The service in this process, and a client for each of two workspaces."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.transport = httpx.ASGITransport(create_app(resources))
        self.workspaces: dict[str, int] = {}
        self.keys: dict[str, str] = {}

    async def move_in(self, name: str, word: str) -> None:
        """A workspace with its key, three sessions under ids that both workspaces use, and one of its own."""
        db = self.resources.db
        self.workspaces[name], user_id = await people.create_workspace(db, name=name, user=name)
        self.keys[name] = people.new_key()
        async with db.workspace(self.workspaces[name]) as conn:
            await people.create_key(conn, self.workspaces[name], user_id, key=self.keys[name])
        for session in ("one", "two", "gone", f"{word}-id" if word == SECRET else "own"):
            answer = await self.ask(name, "POST", "/sync/batch", tenant_things.batch(session, word))
            assert answer.json()["errors"] == []
        answer = await self.ask(name, "POST", "/api/import", tenant_things.lines("one", "imported", word))
        assert answer.json()["errors"] == []
        told = {"records": [tenant_things.record("k", "one", word)]}
        assert (await self.ask(name, "POST", "/api/usage", told)).json()["errors"] == []
        rates = {"rates": [{"service": word, "metric": word, "model": word, "usdPerUnit": 2}]}
        assert (await self.ask(name, "PUT", "/api/usage/rates", rates)).status_code == 200
        saved = {"name": word, "search": {"q": word}}
        assert (await self.ask(name, "POST", "/api/searches", saved)).status_code == 200
        for session in ("one", "gone"):
            labels = {"tags": [word], "notes": word, "status": word, "isPublic": True}
            assert (await self.ask(name, "PATCH", f"/api/sessions/{session}", labels)).status_code == 200
        await self.ask(name, "PATCH", "/api/sessions/one", {"isPublic": False})
        assert (await self.ask(name, "DELETE", "/api/sessions/gone", None)).status_code == 200

    async def index(self) -> None:
        """All that is there, in the text index and in the facts of usage."""
        await rollup.roll_up(self.resources.db)
        feed = Feed(self.resources.url)
        async with running(feed):
            await rebuild_words(self.resources.db, feed, self.resources.settings.text_index_dir)
        self.resources.text.refresh()

    async def ask(self, who: str, method: str, path: str, body: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=self.transport, base_url="http://127.0.0.1") as client:
            headers = {"Authorization": f"Bearer {self.keys[who]}", "X-Request-Id": "same"}
            if isinstance(body, list):
                return await client.request(method, path, content=tenant_things.ndjson(body), headers=headers)
            return await client.request(method, path, json=body, headers=headers)

    async def answers(self, names: Names, routes: Iterable[str]) -> list[tuple[str, int, Any]]:
        """What a is told: the question, the status, the body without what differs from call to call."""
        told = []
        for route in routes:
            for method, path, body in CALLS[route]:
                answer = await self.ask("a", method, filled(path, names), named(body, names))
                told.append((f"{method} {path}", answer.status_code, plain(answer, names)))
        return told

    def rows(self, name: str) -> dict[str, list[Any]]:
        """All that the database holds of a workspace; but not when a key was last used, which is written later."""
        tables = (
            "sessions", "messages", "parts", "session_tags", "tombstones", "members", "api_keys", *tenant_things.TABLES,
        )  # fmt: skip
        with psycopg.connect(self.resources.url) as conn:
            return {table: self._rows(conn, table, self.workspaces[name]) for table in tables}

    def _rows(self, conn: psycopg.Connection, table: str, workspace_id: int) -> list[str]:
        statement = f"select (to_jsonb(t) - 'last_used_at')::text as row from {table} t where workspace_id = %s order by row"
        return [row[0] for row in conn.execute(statement, [workspace_id]).fetchall()]


@asynccontextmanager
async def running(feed: Feed) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.run())
    yield
    task.cancel()


def filled(path: str, names: Names) -> str:
    return re.sub(r"{(\w+)}", lambda match: getattr(names, match[1]), path)


def named(body: Any, names: Names) -> Any:
    return json.loads(filled(json.dumps(body), names)) if body is not None else None


def plain(answer: httpx.Response, names: Names) -> Any:
    """The body without clocks, without the name that was asked for, and without scores and ranks.

    A name stands alone: `q2` may also be two letters of a slug, which is drawn by chance. How rare a word is, is
    counted over the whole text index, so that the texts of others move scores a little.
    """
    text = answer.text
    for value in sorted({names.s, names.m, names.q, names.slug, names.v}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(value)}(?![\w-])", "<named>", text)
    try:
        return timeless(tenant_things.told(text) or json.loads(text))
    except json.JSONDecodeError:
        return text


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        # tokenCount is of a text that repeats the question.
        passing = ("tookMs", "asOf", "timestamp", "score", "ranks", "explain", "nextCursor", "updatedAt", "readAt", "tokenCount")  # fmt: skip
        return {key: timeless(item) for key, item in value.items() if key not in passing}
    return [timeless(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(params=["as it is", "without its WHERE"])
async def tenants(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Tenants]:
    """Workspace a alone, indexed; in the second round no statement asks for the workspace."""
    careless = request.param == "without its WHERE"
    changed = take_the_where_away(monkeypatch) if careless else []
    settings = Settings(home=tmp_path, database_url=database_url, embedding_model="none")
    resources = await open_resources(settings)
    tenants = Tenants(resources)
    await tenants.move_in("a", "apple")
    await tenants.index()
    yield tenants
    await resources.close()
    assert len(set(changed)) > 10 or not careless


def take_the_where_away(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is run is told `true` where it asks for the workspace; those that were changed."""
    changed: list[str] = []
    condition = re.compile(r"\b(?:\w+\.)?workspace_id = %\(workspace_id\)s")
    execute = psycopg.AsyncCursor.execute

    async def careless(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        if isinstance(query, str) and condition.search(query):
            changed.append(query)
            query = condition.sub("true", query)
        return await execute(self, query, params, **options)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", careless)
    return changed


def sends(route: str) -> bool:
    return route.startswith(SENDING) or route == SAVING


def reading() -> list[str]:
    return [
        route
        for route in CALLS
        if not route.startswith(("PATCH", "PUT", "DELETE")) and not sends(route) and route not in COUNTING
    ]


def test_it_asks_every_route() -> None:
    """Each route of the app has its questions here."""
    assert set(CALLS) == {f"{handler.opt['route'].method} {handler.opt['route'].path}" for handler in ROUTES}


def different(told: list[tuple[str, int, Any]], expected: list[tuple[str, int, Any]]) -> list[Any]:
    """The questions that were answered otherwise than expected."""
    return [pair for pair in zip(told, expected, strict=True) if pair[0] != pair[1]]


async def test_it_answers_as_if_nobody_else_were_there(tenants: Tenants) -> None:
    """Lists, counts, totals, facets and statistics are the same with and without another workspace."""
    message = (await tenants.ask("a", "GET", "/api/sessions/own", None)).json()["messages"][1]
    own = Names(s="own", m=message["id"], v="apple", q=await saved_of(tenants, "a"))
    alone = await tenants.answers(own, reading())
    assert all(status == 200 for question, status, _ in alone if "slug" not in question)
    await tenants.move_in("b", SECRET)
    await tenants.index()
    assert different(alone, await tenants.answers(own, reading())) == []
    assert SECRET not in (await tenants.ask("a", "GET", "/metrics", None)).text


async def test_it_answers_for_what_is_anothers_as_for_what_is_not_there(tenants: Tenants) -> None:
    """b's ids, external ids, slugs and values: the status and the body of an unknown one; and b's rows stay as they were."""
    await tenants.move_in("b", SECRET)
    await tenants.index()
    theirs = await names_of(tenants, "b")
    routes = [route for route in CALLS if route not in COUNTING and not sends(route)]
    before = tenants.rows("b")
    for foreign, unknown in zip(theirs, NOBODYS, strict=True):
        told = await tenants.answers(foreign, routes)
        assert different(told, await tenants.answers(unknown, routes)) == []
        assert SECRET not in json.dumps(told)
    assert tenants.rows("b") == before


async def names_of(tenants: Tenants, who: str) -> list[Names]:
    """What a workspace's things are called: by id and by external id. Its slug is of a page that is shared no more."""
    session = (await tenants.ask(who, "GET", f"/api/sessions/{SECRET}-id", None)).json()
    slug, q = slug_of(tenants), await saved_of(tenants, who)
    return [
        Names(s=session["session"]["id"], m=session["messages"][0]["id"], q=q, slug=slug, v=SECRET),
        Names(s=f"{SECRET}-id", m=f"{SECRET}-id-0", q=q, slug=slug, v=SECRET),
    ]


async def saved_of(tenants: Tenants, who: str) -> str:
    """The id of a workspace's saved search."""
    listed = (await tenants.ask(who, "GET", "/api/searches", None)).json()
    return str(listed["searches"][0]["id"])


def slug_of(tenants: Tenants) -> str:
    with psycopg.connect(tenants.resources.url) as conn:
        row = conn.execute(
            "select slug from sessions where workspace_id = %s and slug is not null and not is_public",
            [tenants.workspaces["b"]],
        ).fetchone()
    assert row
    return str(row[0])


async def test_it_keeps_writes_in_their_own_workspace(tenants: Tenants) -> None:
    """What a syncs under b's ids is a's own; b's rows stay as they were."""
    await tenants.move_in("b", SECRET)
    before = tenants.rows("b")
    for names in await names_of(tenants, "b"):
        for question, status, _ in await tenants.answers(names, [route for route in CALLS if sends(route)]):
            assert status == 200, question
        mine = (await tenants.ask("a", "GET", f"/api/sessions/get?id={names.s}", None)).json()
        assert mine["session"]["title"] == "Mine"
        assert [message["textContent"] for message in mine["messages"]] == ["x"]
    assert tenants.rows("b") == before


async def test_it_does_not_take_anothers_cursor(tenants: Tenants) -> None:
    """A page of b's search is refused to a; a place in b's list shows rows of a's only."""
    await tenants.move_in("b", SECRET)
    await tenants.index()
    found = (await tenants.ask("b", "GET", "/api/search?q=hello&limit=1", None)).json()
    refused = await tenants.ask("a", "GET", f"/api/search?q=hello&limit=1&cursor={found['nextCursor']}", None)
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "This cursor is no longer kept: search again.",
    )
    listed = (await tenants.ask("b", "GET", "/api/sessions?limit=1", None)).json()
    page = await tenants.ask("a", "GET", f"/api/sessions?limit=9&cursor={listed['nextCursor']}", None)
    assert page.status_code == 200
    assert SECRET not in page.text


async def test_it_shows_no_hit_that_is_anothers(tenants: Tenants) -> None:
    """A document in the text index that says it is a's and is b's is found, and not shown: hits are read again."""
    await tenants.move_in("b", SECRET)
    (theirs, _) = await names_of(tenants, "b")
    writer = open_writer(tenants.resources.settings.text_index_dir)
    for unit, name in (("message", theirs.m), ("session", theirs.s)):
        planted = TextDocument(
            workspace_id=tenants.workspaces["a"],
            unit=unit,
            id=int(name[1:]),
            session_id=int(theirs.s[1:]),
            said="planted word",
        )
        writer.put([planted])
    writer.commit(writer.cursor())
    writer.close()
    tenants.resources.text.refresh()
    for group in ("session", "message"):
        answer = (
            await tenants.ask("a", "GET", f"/api/search?q=planted&groupBy={group}&facets=source", None)
        ).json()
        assert answer["results"] == []
        assert SECRET not in json.dumps(answer)
