"""Sessions: found, listed, labelled, deleted. Rows are dicts with the table's names, `tags` and `version`.

`version` (the last transaction that wrote the row) changes with any message or label: the ETag is made of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, LiteralString

import msgspec

from service.model import ids
from service.storage import arrays, labels
from service.storage.database import Connection
from service.storage.queries import load

SQL = load("sessions")

Sort = Literal["updatedAt", "createdAt", "totalTokens", "cost", "durationMs"]
SORT_COLUMNS: dict[Sort, LiteralString] = {
    "updatedAt": "updated_at",
    "createdAt": "created_at",
    "totalTokens": "total_tokens",
    "cost": "coalesce(cost_usd, 0)",
    "durationMs": "coalesce(duration_ms, 0)",
}


class SessionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions a list shows. Empty: no limit; several values: any of them."""

    sources: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    """Name or path, exactly."""
    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    after: datetime | None = None
    """By updated_at, inclusive."""
    before: datetime | None = None
    q: str | None = None
    """A piece of the title, a former title, the project or the external id, in any case."""


class Position(msgspec.Struct, frozen=True):
    """The last row of a page: its sort value as text, and its id."""

    value: str
    id: int


async def find(
    conn: Connection, workspace_id: int, ref: str, *, source: str | None = None
) -> dict[str, Any] | None:
    """A session by its id (`s12`) or its external id; without a source, the one updated last."""
    id = ids.number(ref, "s")
    if id is not None:
        cursor = await conn.execute(SQL["by_id"], {"workspace_id": workspace_id, "id": id})
        if row := await cursor.fetchone():
            return row
    cursor = await conn.execute(
        SQL["by_external_id"], {"workspace_id": workspace_id, "external_id": ref, "source": source}
    )
    return await cursor.fetchone()


async def by_ids(
    conn: Connection, workspace_id: int, session_ids: Sequence[int]
) -> dict[int, dict[str, Any]]:
    cursor = await conn.execute(SQL["by_ids"], {"workspace_id": workspace_id, "ids": arrays.ids(session_ids)})
    return {row["id"]: row for row in await cursor.fetchall()}


async def page(
    conn: Connection,
    workspace_id: int,
    filter: SessionFilter,
    *,
    sort: Sort = "updatedAt",
    descending: bool = True,
    limit: int,
    after: Position | None = None,
) -> list[dict[str, Any]]:
    """Up to `limit` sessions, in order, from `after` on. Each row has `sort_value` (text) for the next page."""
    statement, params = list_statement(filter, sort=sort, descending=descending, after=after)
    cursor = await conn.execute(statement, params | {"workspace_id": workspace_id, "limit": limit})
    return await cursor.fetchall()


class PageAsked(msgspec.Struct, frozen=True, kw_only=True):
    """One page as somebody asks for it."""

    filter: SessionFilter
    sort: Sort = "updatedAt"
    descending: bool = True
    limit: int
    after: Position | None = None


async def pages(
    conn: Connection, workspace_id: int, asked: Sequence[PageAsked]
) -> list[list[dict[str, Any]]]:
    """`page` for many askers: one statement for all who ask in the same form (conditions, sort, direction)."""
    forms: dict[LiteralString, list[tuple[int, dict[str, Any]]]] = {}
    for place, each in enumerate(asked):
        one, params = list_statement(
            each.filter, sort=each.sort, descending=each.descending, after=each.after
        )
        params |= {"limit": each.limit}
        forms.setdefault(for_many(one, params, each), []).append((place, params))
    found: list[list[dict[str, Any]]] = [[] for _ in asked]
    for statement, askers in forms.items():
        asks = [params | {"ask": place} for place, params in askers]
        params = {"workspace_id": workspace_id, "asks": msgspec.json.encode(asks).decode()}
        for row in await (await conn.execute(statement, params)).fetchall():
            found[row.pop("ask")].append(row)
    return found


ASK_TYPES: dict[str, LiteralString] = {
    "after": "timestamptz",
    "before": "timestamptz",
    "q": "text",
    "limit": "bigint",
    "after_id": "bigint",
    "after_value": "text",
}


def for_many(statement: LiteralString, params: Mapping[str, Any], asked: PageAsked) -> LiteralString:
    """The list's SQL for a table of askers, whose columns stand where its parameters stood.

    >>> asked = PageAsked(filter=SessionFilter(sources=("pi",)), limit=5)
    >>> one, params = list_statement(asked.filter, sort=asked.sort, descending=True, after=None)
    >>> 's.source = any(a."sources")' in for_many(one, params | {"limit": 5}, asked)
    True
    """
    columns: LiteralString = ""
    for name in (*CONDITIONS, "limit", "after_id", "after_value"):
        if name in params:
            column: LiteralString = f'"{name}"'
            kind = ASK_TYPES.get(name, "text[]")
            statement = statement.replace(f"%({name})s", f"a.{column}")
            columns = f"{columns}, {column} {kind}"
    order: LiteralString = "desc" if asked.descending else "asc"
    return (
        f"select a.ask, s.* from jsonb_to_recordset(%(asks)s::jsonb) as a (ask int{columns})"
        f" cross join lateral ({statement}) s"
        f" order by a.ask, {SORT_COLUMNS[asked.sort]} {order}, s.id {order}"
    )


def list_statement(
    filter: SessionFilter, *, sort: Sort, descending: bool, after: Position | None
) -> tuple[LiteralString, dict[str, Any]]:
    """The list's SQL: only the conditions that are asked for, so that the planner can use the index.

    >>> sql, params = list_statement(SessionFilter(sources=("pi",)), sort="cost", descending=True, after=None)
    >>> "s.source = any(%(sources)s)" in sql, params
    (True, {'sources': ['pi']})
    """
    column = SORT_COLUMNS[sort]
    where: list[LiteralString] = ["s.workspace_id = %(workspace_id)s"]
    params: dict[str, Any] = {}
    for name, condition in CONDITIONS.items():
        value = getattr(filter, name)
        if value is not None and value != ():
            where.append(condition)
            params[name] = list(value) if isinstance(value, tuple) else value
    if filter.q is not None:
        params["q"] = "%" + filter.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    direction: LiteralString = "desc" if descending else "asc"
    if after is not None:
        than: LiteralString = "<" if descending else ">"
        kind: LiteralString = "timestamptz" if sort in ("updatedAt", "createdAt") else "numeric"
        where.append(f"({column}, s.id) {than} (%(after_value)s::{kind}, %(after_id)s)")
        params |= {"after_value": after.value, "after_id": after.id}
    sql: LiteralString = (
        f"select s.*, s.changed_xid::text as version, ({column})::text as sort_value,"
        " array(select tag from session_tags t where t.workspace_id = s.workspace_id and t.session_id = s.id order by tag) as tags"
        f" from sessions s where {' and '.join(where)}"
        f" order by {column} {direction}, s.id {direction} limit %(limit)s"
    )
    return sql, params


CONDITIONS: dict[str, LiteralString] = {
    "sources": "s.source = any(%(sources)s)",
    "projects": "(s.project_name = any(%(projects)s) or s.project_path = any(%(projects)s))",
    "models": "s.model = any(%(models)s)",
    "providers": "s.provider = any(%(providers)s)",
    "kinds": "s.kind = any(%(kinds)s)",
    "tags": "exists (select from session_tags t where t.workspace_id = s.workspace_id and t.session_id = s.id and t.tag = any(%(tags)s))",
    "statuses": "s.status = any(%(statuses)s)",
    "after": "s.updated_at >= %(after)s",
    "before": "s.updated_at < %(before)s",
    "q": (
        "(s.title ilike %(q)s or s.project_name ilike %(q)s or s.project_path ilike %(q)s or s.external_id ilike %(q)s"
        " or exists (select from unnest(s.former_titles) f where f ilike %(q)s))"
    ),
}


class SessionPatch(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of a session; None changes nothing, a name in `clear` (as on the wire) empties the field."""

    title: str | None = None
    notes: str | None = None
    status: str | None = None
    is_public: bool | None = None
    eval_ready: bool | None = None
    eval_status: str | None = None
    expected_output: str | None = None
    tags: tuple[str, ...] | None = None
    """All tags from now on."""
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    clear: frozenset[str] = frozenset()


LABELS = ("title", "notes", "status", "eval_ready", "eval_status", "expected_output")


async def patch(
    conn: Connection, workspace_id: int, id: int, change: SessionPatch, *, user_id: int | None = None
) -> None:
    """Label a session. A session made public gets a slug, which it keeps when it is made private again."""
    await patch_all(conn, workspace_id, [id], change, user_id=user_id)


async def patch_all(
    conn: Connection,
    workspace_id: int,
    session_ids: Sequence[int],
    change: SessionPatch,
    *,
    user_id: int | None,
) -> int:
    """Label several at once, and note who changed what. How many there are. One alone may be made public."""
    params = msgspec.structs.asdict(change) | {"workspace_id": workspace_id, "ids": list(session_ids)}
    params |= {"clear": sorted(change.clear), "new_slug": secrets.token_urlsafe(16)}
    params["ids"] = [row["id"] for row in await (await conn.execute(SQL["lock"], params)).fetchall()]
    of = labels.Labelled("session", tuple(params["ids"]), workspace_id, user_id)
    await labels.note(conn, of, labels.given(change, LABELS))
    await conn.execute(SQL["patch"], params)
    if change.tags is not None or change.add_tags or change.remove_tags:
        added = change.add_tags if change.tags is None else change.tags
        await labels.tag(conn, of, add=added, remove=change.remove_tags, only=change.tags is not None)
    return len(params["ids"])


async def delete(conn: Connection, workspace_id: int, session_ids: Sequence[int]) -> None:
    """Delete sessions with all that hangs on them, and leave tombstones. Files that told of them only are forgotten: what
    their parser had kept tells of them, too."""
    params = {"workspace_id": workspace_id, "ids": list(session_ids)}
    await conn.execute(SQL["bury"], params)
    await conn.execute(SQL["forget_files"], params)
    await conn.execute(SQL["delete"], params)


async def external_ids(conn: Connection, workspace_id: int) -> list[str]:
    cursor = await conn.execute(SQL["external_ids"], {"workspace_id": workspace_id})
    return [row["external_id"] for row in await cursor.fetchall()]


async def with_tag(conn: Connection, workspace_id: int, tag: str) -> list[int]:
    cursor = await conn.execute(SQL["with_tag"], {"workspace_id": workspace_id, "tag": tag})
    return [row["session_id"] for row in await cursor.fetchall()]


async def resolve(conn: Connection, workspace_id: int, refs: Sequence[str]) -> tuple[int, ...]:
    """The ids of sessions that a filter names by id or external id; unknown ones are left out."""
    numbers = [number for ref in refs if (number := ids.number(ref, "s")) is not None]
    params = {"workspace_id": workspace_id, "ids": numbers, "external_ids": list(refs)}
    cursor = await conn.execute(SQL["resolve"], params)
    return tuple(row["id"] for row in await cursor.fetchall())


async def project_names(conn: Connection, workspace_id: int) -> list[str]:
    """Names and paths of all projects."""
    cursor = await conn.execute(SQL["project_names"], {"workspace_id": workspace_id})
    return [row["name"] for row in await cursor.fetchall() if row["name"]]


async def tag_names(conn: Connection, workspace_id: int) -> list[str]:
    cursor = await conn.execute(SQL["tag_names"], {"workspace_id": workspace_id})
    return [row["name"] for row in await cursor.fetchall()]


async def shared(conn: Connection, slug: str) -> tuple[int, int] | None:
    """Workspace and id of a shared session. `conn` is of `Database.system`."""
    cursor = await conn.execute(SQL["shared"], {"slug": slug})
    row = await cursor.fetchone()
    return (row["workspace_id"], row["id"]) if row else None
