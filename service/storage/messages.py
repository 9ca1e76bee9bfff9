"""Messages and their parts: pages of a session in reading order, labels, deletion, and what indexes read.

Rows are dicts with the table's names; `parts` are `model.message.Part`s, `seq` counts from 0 by (created_at, id).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from service.model import ids, titles
from service.model.message import Part
from service.storage import arrays, labels
from service.storage.database import Connection
from service.storage.importing import raw_chunks, repeats
from service.storage.queries import load

SQL = load("messages")


class Place(msgspec.Struct, frozen=True):
    """A place in a session's order; a page's cursor holds it, so that it stays right while rows arrive."""

    created_at: datetime
    id: int


async def page(
    conn: Connection, workspace_id: int, session_id: int, *, limit: int, after: Place | None = None
) -> list[dict[str, Any]]:
    """Up to `limit` messages behind a place (None: from the beginning), with their parts."""
    first = (
        0
        if after is None
        else await seq_of(conn, workspace_id, session_id, Place(after.created_at, after.id + 1))
    )
    return await slice_of(conn, workspace_id, session_id, first=first, limit=limit)


async def around(
    conn: Connection, workspace_id: int, session_id: int, ref: str, *, limit: int
) -> list[dict[str, Any]] | None:
    """A page with the message `ref` (an id, an external id or a transcript record's id) in its middle; None: no such."""
    number = ids.number(ref, "m")
    params = {"workspace_id": workspace_id, "session_id": session_id, "id": number, "ref": ref}
    found = await (await conn.execute(SQL["find_in_session"], params)).fetchone()
    if found is None:
        return None
    place = await (
        await conn.execute(SQL["place"], {"workspace_id": workspace_id, "id": found["id"]})
    ).fetchone()
    if place is None:
        return None
    seq = await seq_of(conn, workspace_id, session_id, Place(place["created_at"], place["id"]))
    return await slice_of(conn, workspace_id, session_id, first=max(0, seq - limit // 2), limit=limit)


async def now_called(conn: Connection, workspace_id: int, id: int) -> int:
    """The id by which a message is known now: another one's, where it turned out to be that one."""
    cursor = await conn.execute(SQL["now_called"], {"workspace_id": workspace_id, "id": id})
    row = await cursor.fetchone()
    return int(row["message_id"]) if row else id


async def one(conn: Connection, workspace_id: int, id: int) -> dict[str, Any] | None:
    """A message with its parts and its place."""
    cursor = await conn.execute(SQL["one"], {"workspace_id": workspace_id, "id": id})
    return next(iter(await with_parts(conn, workspace_id, await cursor.fetchall())), None)


async def seq_of(conn: Connection, workspace_id: int, session_id: int, place: Place) -> int:
    params = {
        "workspace_id": workspace_id,
        "session_id": session_id,
        "created_at": place.created_at,
        "id": place.id,
    }
    row = await (await conn.execute(SQL["seq_of"], params)).fetchone()
    assert row is not None
    return int(row["seq"])


async def slice_of(
    conn: Connection, workspace_id: int, session_id: int, *, first: int, limit: int
) -> list[dict[str, Any]]:
    params = {"workspace_id": workspace_id, "session_id": session_id, "first": first, "limit": limit}
    cursor = await conn.execute(SQL["page"], params)
    return await with_parts(conn, workspace_id, await cursor.fetchall())


async def with_parts(conn: Connection, workspace_id: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    parts = await parts_of(conn, workspace_id, [row["id"] for row in rows])
    for row in rows:
        row["parts"] = parts.get(row["id"], [])
    return rows


async def parts_of(conn: Connection, workspace_id: int, message_ids: Sequence[int]) -> dict[int, list[Part]]:
    cursor = await conn.execute(
        SQL["parts_of"], {"workspace_id": workspace_id, "ids": arrays.ids(message_ids)}
    )
    return by_message(await cursor.fetchall())


def by_message(rows: Iterable[dict[str, Any]]) -> dict[int, list[Part]]:
    """Rows of `parts_of` as parts."""
    parts: dict[int, list[Part]] = {}
    for row in rows:
        parts.setdefault(row["message_id"], []).append(Part(row["type"], row["content"].encode()))
    return parts


async def hits(conn: Connection, workspace_id: int, message_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What search shows of these messages, with parts; one that is gone or foreign is absent."""
    params = {"workspace_id": workspace_id, "ids": arrays.ids(message_ids)}
    read = [
        await (await conn.execute(SQL[name], params)).fetchall()
        for name in ("hits", "parts_of", "records_of")
    ]
    return as_hits(*read)


def as_hits(
    rows: Iterable[dict[str, Any]], parts: Iterable[dict[str, Any]], records: Iterable[dict[str, Any]]
) -> dict[int, dict[str, Any]]:
    """Rows of `hits`, `parts_of` and `records_of` as messages, by id."""
    parts_of = by_message(parts)
    record_ids = {row["message_id"]: row["record_id"] for row in records}
    return {
        row["id"]: row | {"parts": parts_of.get(row["id"], []), "record_id": record_ids.get(row["id"])}
        for row in rows
    }


async def first_of(conn: Connection, workspace_id: int, session_ids: Sequence[int]) -> dict[int, int]:
    """The first message of each session; a session without messages is absent."""
    params = {"workspace_id": workspace_id, "session_ids": list(session_ids)}
    cursor = await conn.execute(SQL["first_of_sessions"], params)
    return {row["session_id"]: row["id"] for row in await cursor.fetchall()}


class MessagePatch(msgspec.Struct, frozen=True, kw_only=True):
    """Labels of a message; None changes nothing, a name in `clear` (as on the wire) empties the field."""

    notes: str | None = None
    eval_ready: bool | None = None
    eval_status: str | None = None
    expected_output: str | None = None
    tags: tuple[str, ...] | None = None
    """All tags from now on."""
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    clear: frozenset[str] = frozenset()


LABELS = ("notes", "eval_ready", "eval_status", "expected_output")


async def patch(
    conn: Connection, workspace_id: int, id: int, change: MessagePatch, *, user_id: int | None = None
) -> bool:
    """Whether there was such a message."""
    return await patch_all(conn, workspace_id, [id], change, user_id=user_id) == 1


async def patch_all(
    conn: Connection,
    workspace_id: int,
    message_ids: Sequence[int],
    change: MessagePatch,
    *,
    user_id: int | None,
) -> int:
    """Label several at once, and note who changed what. How many there are."""
    params = msgspec.structs.asdict(change) | {"workspace_id": workspace_id, "ids": list(message_ids)}
    params["clear"] = sorted(change.clear)
    await conn.execute(SQL["lock_session"], params)
    of = labels.Labelled("message", tuple(message_ids), workspace_id, user_id)
    await labels.note(conn, of, labels.given(change, LABELS))
    rows = await (await conn.execute(SQL["patch"], params)).fetchall()
    if change.tags is not None or change.add_tags or change.remove_tags:
        added = change.add_tags if change.tags is None else change.tags
        there = msgspec.structs.replace(of, ids=tuple(row["id"] for row in rows))
        await labels.tag(conn, there, add=added, remove=change.remove_tags, only=change.tags is not None)
    await touched(conn, workspace_id, {row["session_id"] for row in rows}, gone=0)
    return len(rows)


async def delete(conn: Connection, workspace_id: int, id: int) -> bool:
    """Delete a message with all that hangs on it, the raw lines that it was read from or that repeat it, and titles
    made of it, and leave tombstones. Whether there was such a message."""
    params = {"workspace_id": workspace_id, "id": id}
    related = [row["id"] for row in await (await conn.execute(SQL["lock_related"], params)).fetchall()]
    message = await one(conn, workspace_id, id)
    if message is None:
        return False
    await conn.execute(SQL["bury"], params)
    await conn.execute(SQL["bury_above"], params)
    await raw_chunks.forget_message(conn, workspace_id, id)
    rows = await (await conn.execute(SQL["delete"], params)).fetchall()
    said = repeats.said_by(message["text"], message["parts"])
    await raw_chunks.forget_repeats(conn, workspace_id, related, said)
    await _entitle_anew(conn, workspace_id, message["session_id"], said)
    await touched(conn, workspace_id, {row["session_id"] for row in rows}, gone=1)
    return bool(rows)


async def _entitle_anew(conn: Connection, workspace_id: int, session_id: int, said: Sequence[str]) -> None:
    """Take titles away that were made of what a deleted message said; the session's own is made anew,
    unless a person gave it."""
    params: dict[str, Any] = {"workspace_id": workspace_id, "session_id": session_id}
    titled = await (await conn.execute(SQL["titled"], params)).fetchone()
    if titled is None:
        return
    former = [title for title in titled["former_titles"] if not repeats.is_title_of(title, said)]
    title, rank = titled["title"], titled["title_rank"]
    if rank < titles.GIVEN and repeats.is_title_of(title, said):
        prompts = await (await conn.execute(SQL["first_prompts"], params)).fetchall()
        title, rank = titles.derived(row["said"] for row in prompts) or (None, titles.NONE)
    if (title, former) != (titled["title"], titled["former_titles"]):
        params |= {"title": title, "title_rank": rank, "former_titles": former}
        await conn.execute(SQL["entitle"], params)


async def touched(conn: Connection, workspace_id: int, session_ids: Collection[int], *, gone: int) -> None:
    if session_ids:
        params = {"workspace_id": workspace_id, "session_ids": sorted(session_ids), "gone": gone}
        await conn.execute(SQL["touch_session"], params)


async def to_index(conn: Connection, workspace_id: int, message_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Messages with parts and the facts of their sessions, in no order; those that are gone are absent."""
    cursor = await conn.execute(
        SQL["to_index"], {"workspace_id": workspace_id, "ids": arrays.ids(message_ids)}
    )
    return await with_parts(conn, workspace_id, await cursor.fetchall())


async def sessions_to_index(
    conn: Connection, workspace_id: int, session_ids: Sequence[int]
) -> list[dict[str, Any]]:
    cursor = await conn.execute(
        SQL["sessions_to_index"], {"workspace_id": workspace_id, "ids": arrays.ids(session_ids)}
    )
    return await cursor.fetchall()


async def ids_of_sessions(
    conn: Connection, workspace_id: int, session_ids: Sequence[int], *, unseen_by: str | None = None
) -> list[int]:
    """The messages of these sessions; with `unseen_by` (a cursor), only those it has not seen as they are now."""
    params = {"workspace_id": workspace_id, "session_ids": list(session_ids), "snapshot": unseen_by}
    cursor = await conn.execute(SQL["ids_of_sessions" if unseen_by is None else "unseen_of_sessions"], params)
    return [row["id"] for row in await cursor.fetchall()]


async def ids_after(
    conn: Connection, workspace_id: int, *, after: int, limit: int, unseen_by: str, sessions: bool = False
) -> list[tuple[int, bool]]:
    """A page of the workspace's message (or session) ids, each with whether `unseen_by` has missed its last change."""
    params = {"workspace_id": workspace_id, "after": after, "limit": limit, "snapshot": unseen_by}
    cursor = await conn.execute(SQL["session_ids_after" if sessions else "ids_after"], params)
    return [(row["id"], row["unseen"]) for row in await cursor.fetchall()]
