"""Which sessions go into an eval set, and how many there are by status, source and tag."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec

from service.storage.database import Connection
from service.storage.queries import load

SQL = load("evals")
UNSET = "unset"


class EvalFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions. Empty: no limit; several values: any of them. Labels of messages count as their session's."""

    ids: tuple[int, ...] | None = None
    """Only of these; then they need not be marked."""
    ready: bool = True
    """Only marked ones, or with a marked message."""
    sources: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    """Of the evaluation; `unset`: without one."""
    after: datetime | None = None
    """By created_at, inclusive."""
    before: datetime | None = None
    min_tokens: int | None = None


class Position(msgspec.Struct, frozen=True):
    """The last row of a page."""

    created_at: datetime
    id: int


class Counts(msgspec.Struct):
    """Sessions in all, and by each value; the most frequent first."""

    total: int = 0
    by_status: dict[str, int] = {}
    by_source: dict[str, int] = {}
    by_tag: dict[str, int] = {}


async def ids(conn: Connection, workspace_id: int, filter: EvalFilter) -> list[int]:
    """Of the sessions, the oldest first."""
    where, params = condition(filter)
    params["workspace_id"] = workspace_id
    statement: LiteralString = f"select s.id from sessions s where {where} order by s.created_at, s.id"
    return [row["id"] for row in await (await conn.execute(statement, params)).fetchall()]


async def page(
    conn: Connection, workspace_id: int, filter: EvalFilter, *, limit: int, after: Position | None
) -> list[int]:
    """Ids, the latest first, from `after` on."""
    where, params = condition(filter)
    params |= {"workspace_id": workspace_id, "limit": limit}
    behind: LiteralString = ""
    if after is not None:
        behind = " and (s.created_at, s.id) < (%(last_at)s, %(last_id)s)"
        params |= {"last_at": after.created_at, "last_id": after.id}
    statement: LiteralString = f"select s.id from sessions s where {where}{behind} order by s.created_at desc, s.id desc limit %(limit)s"
    return [row["id"] for row in await (await conn.execute(statement, params)).fetchall()]


async def counts(conn: Connection, workspace_id: int, filter: EvalFilter) -> Counts:
    where, params = condition(filter)
    params["workspace_id"] = workspace_id
    statement: LiteralString = (
        f"with chosen as materialized (select s.workspace_id, s.id, s.eval_status, s.source from sessions s where {where})"
        " select 'total' as what, '' as value, count(*) as n from chosen"
        " union all select 'status', coalesce(eval_status, 'unset'), count(*) from chosen group by 2"
        " union all select 'source', source, count(*) from chosen group by 2"
        " union all select 'tag', t.tag, count(*) from chosen c"
        " join session_tags t on t.workspace_id = c.workspace_id and t.session_id = c.id group by 2"
        " order by 1, 3 desc, 2"
    )
    found = Counts(by_status=dict.fromkeys(("golden", "correct", "incorrect", "needs_review", UNSET), 0))
    by = {"status": found.by_status, "source": found.by_source, "tag": found.by_tag}
    for row in await (await conn.execute(statement, params)).fetchall():
        if row["what"] == "total":
            found.total = row["n"]
        else:
            by[row["what"]][row["value"]] = row["n"]
    return found


async def any_ready(conn: Connection, workspace_id: int) -> bool:
    row = await (await conn.execute(SQL["any_ready"], {"workspace_id": workspace_id})).fetchone()
    return bool(row and row["ready"])


async def to_export(conn: Connection, workspace_id: int, session_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Sessions with tags, the oldest first; those that are gone are absent."""
    cursor = await conn.execute(SQL["to_export"], {"workspace_id": workspace_id, "ids": list(session_ids)})
    return await cursor.fetchall()


async def sessions_of(conn: Connection, workspace_id: int, message_ids: Sequence[int]) -> dict[int, int]:
    """Messages to their sessions; those that are gone are absent."""
    params = {"workspace_id": workspace_id, "ids": list(message_ids)}
    rows = await (await conn.execute(SQL["sessions_of_messages"], params)).fetchall()
    return {row["id"]: row["session_id"] for row in rows}


def condition(filter: EvalFilter) -> tuple[LiteralString, dict[str, Any]]:
    """Only what is asked for.

    >>> condition(EvalFilter(ids=(3,), min_tokens=5))[1]
    {'ids': [3], 'min_tokens': 5}
    """
    where: list[LiteralString] = ["s.workspace_id = %(workspace_id)s"]
    params: dict[str, Any] = {}
    if filter.ready and filter.ids is None:
        where.append(READY)
    for name, text in CONDITIONS.items():
        value = getattr(filter, name)
        if value is not None and value != ():
            where.append(text)
            params[name] = list(value) if isinstance(value, tuple) else value
    if filter.ids == ():
        where.append("false")
    return " and ".join(where), params


MESSAGES: LiteralString = (
    "select from messages m where m.workspace_id = s.workspace_id and m.session_id = s.id"
)
READY: LiteralString = f"(s.eval_ready or exists ({MESSAGES} and m.eval_ready))"
CONDITIONS: dict[str, LiteralString] = {
    "ids": "s.id = any(%(ids)s)",
    "sources": "s.source = any(%(sources)s)",
    "models": f"(s.model = any(%(models)s) or exists ({MESSAGES} and m.model = any(%(models)s)))",
    "projects": "(s.project_name = any(%(projects)s) or s.project_path = any(%(projects)s))",
    "tags": (
        "(exists (select from session_tags t where t.workspace_id = s.workspace_id and t.session_id = s.id and t.tag = any(%(tags)s))"
        f" or exists ({MESSAGES} and exists (select from message_tags t"
        " where t.workspace_id = m.workspace_id and t.message_id = m.id and t.tag = any(%(tags)s))))"
    ),
    "statuses": f"(coalesce(s.eval_status, 'unset') = any(%(statuses)s) or exists ({MESSAGES} and m.eval_status = any(%(statuses)s)))",
    "after": "s.created_at >= %(after)s",
    "before": "s.created_at < %(before)s",
    "min_tokens": "s.total_tokens >= %(min_tokens)s",
}
