"""Searches under a name, to run again."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from service.api import examples, shapes
from service.api.gate import cursors
from service.api.gate.params import Cursor, Nothing
from service.api.gate.routes import Answer, Call, answer, route, written
from service.api.search import asking
from service.api.search.asking import SearchAsked, SearchBody
from service.api.search.paths import search
from service.api.search.results import MessageResults, SessionResults
from service.errors import Conflict, NotFound, RequestError
from service.model import ids, json_items
from service.storage import saved_searches

OF = "saved searches"
MOST_BYTES = 200_000
NOT_FOUND = "Saved search not found"


class SavedSearchBody(msgspec.Struct):
    """A name, and a search as `POST /api/search` takes it."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    search: SearchBody


class SavedSearch(msgspec.Struct, kw_only=True, rename="camel"):
    """`search` is what was sent."""

    id: str
    name: str
    search: Raw
    created_at: int


class OneSavedSearch(msgspec.Struct):
    search: SavedSearch


class SavedSearches(msgspec.Struct, rename="camel"):
    searches: list[SavedSearch]
    next_cursor: str | UnsetType = UNSET


class Removed(msgspec.Struct):
    id: str
    ok: bool = True


class SavedAsked(msgspec.Struct, kw_only=True):
    limit: Annotated[int, Meta(ge=0, le=1000)] = 50
    cursor: Cursor = None


class RunBody(msgspec.Struct, kw_only=True):
    """What is asked otherwise this time: any member of a search."""

    limit: Annotated[int, Meta(ge=0, le=1000)] = 20
    cursor: str | None = None


class Name(msgspec.Struct):
    """The last name of a page."""

    name: str


@route(
    "POST", "/api/searches", scope="admin", summary="Save a search", takes=SavedSearchBody, gives=OneSavedSearch,
    description="Keeps a search under a name of its own, as it was sent: relative dates stay relative.",
    example_body=examples.SAVED_SEARCH_BODY, example={"search": examples.SAVED_SEARCH}, errors=(400, 409, 413),
)  # fmt: skip
async def save_search(call: Call, asked: Nothing) -> Answer:
    given = json_items.read_object(call.body)
    wanted, name = given.get("search"), given.get("name")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= 200:
        raise RequestError("name must be text of 1 to 200 characters.")
    if not isinstance(wanted, dict):
        raise RequestError("search must be an object, as POST /api/search takes it.")
    kept = msgspec.json.encode(
        {key: value for key, value in wanted.items() if key not in ("cursor", "commit")}
    )
    if len(kept) > MOST_BYTES:
        raise RequestError(f"search must be at most {MOST_BYTES:,} bytes.")
    asking.check(asking.from_body(kept, SearchAsked))
    async with call.rows() as conn:
        row = await saved_searches.add(
            conn, call.workspace_id, call.caller.user_id, name=name.strip(), asked=kept.decode()
        )
    if row is None:
        raise Conflict("There is a saved search of this name: delete it first, or choose another name.")
    return await written(call, OneSavedSearch(shown(row)))


@route(
    "GET", "/api/searches", scope="read", summary="List saved searches", asks=SavedAsked, gives=SavedSearches,
    description="Saved searches of the workspace by name.", example={"searches": [examples.SAVED_SEARCH]}, errors=(400,),
)  # fmt: skip
async def list_saved_searches(call: Call, asked: SavedAsked) -> Answer:
    after = cursors.decode(asked.cursor, Name, of=OF).name if asked.cursor else None
    async with call.rows() as conn:
        rows = await saved_searches.page(conn, call.workspace_id, limit=asked.limit + 1, after=after)
    listed = SavedSearches([shown(row) for row in rows[: asked.limit]])
    if len(rows) > asked.limit > 0:
        listed.next_cursor = cursors.encode(Name(rows[asked.limit - 1]["name"]), of=OF)
    return answer(listed)


@route(
    "GET", "/api/searches/{id}", scope="read", summary="Get a saved search", gives=OneSavedSearch,
    description="What was saved under the id.", example={"search": examples.SAVED_SEARCH}, errors=(404,),
)  # fmt: skip
async def get_saved_search(call: Call, asked: Nothing) -> Answer:
    return answer(OneSavedSearch(shown(await found(call))))


@route(
    "POST", "/api/searches/{id}/run", scope="read", summary="Run a saved search", takes=RunBody, takes_nothing=True,
    gives=(SessionResults, MessageResults), description="Answers as POST /api/search does; members of the body count before those that were saved.",
    example_body={"limit": 5}, example=examples.SEARCH_RESULTS, errors=(400, 404, 413),
)  # fmt: skip
async def run_saved_search(call: Call, asked: Nothing) -> Answer:
    row = await found(call)
    now = json_items.read_object(call.body) if call.body.strip() else {}
    wanted: dict[str, Any] = json_items.read_object(row["asked"].encode()) | now
    return await search(call, asking.from_body(msgspec.json.encode(wanted), SearchAsked))


@route(
    "DELETE", "/api/searches/{id}", scope="admin", summary="Delete a saved search", gives=Removed,
    description="Forgets what was saved; sessions stay.", example={"id": "q5", "ok": True}, errors=(404,),
)  # fmt: skip
async def delete_saved_search(call: Call, asked: Nothing) -> Answer:
    async with call.rows() as conn:
        gone = await saved_searches.delete(conn, call.workspace_id, number(call))
    if not gone:
        raise NotFound(NOT_FOUND)
    return await written(call, Removed(ids.saved_search(number(call))))


async def found(call: Call) -> dict[str, Any]:
    """Errors: `NotFound`."""
    async with call.rows() as conn:
        row = await saved_searches.one(conn, call.workspace_id, number(call))
    if row is None:
        raise NotFound(NOT_FOUND)
    return row


def number(call: Call) -> int:
    """Errors: `NotFound`."""
    id = ids.number(call.path["id"], "q")
    if id is None:
        raise NotFound(NOT_FOUND)
    return id


def shown(row: dict[str, Any]) -> SavedSearch:
    return SavedSearch(
        id=ids.saved_search(row["id"]),
        name=row["name"],
        search=Raw(row["asked"].encode()),
        created_at=shapes.epoch_ms(row["created_at"]),
    )
