"""How labels of sessions and messages change: who set what, when. Only what really changes is noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from service.storage.database import Connection
from service.storage.queries import load

SQL = load("labels")


class Labelled(msgspec.Struct, frozen=True):
    """Which rows are labelled, and by whom."""

    kind: Literal["session", "message"]
    ids: tuple[int, ...]
    workspace_id: int
    user_id: int | None

    @property
    def params(self) -> dict[str, Any]:
        return {"ids": list(self.ids), "workspace_id": self.workspace_id, "user_id": self.user_id}


def given(change: msgspec.Struct, names: Sequence[str]) -> dict[str, Any]:
    """What a patch sets, by names as on the wire; None: it empties the label.

    >>> class Patch(msgspec.Struct):
    ...     notes: str | None = "x"
    ...     eval_status: str | None = None
    ...     clear: frozenset[str] = frozenset({"evalStatus"})
    >>> given(Patch(), ["notes", "eval_status"])
    {'notes': 'x', 'evalStatus': None}
    """
    fields = {wire(name): getattr(change, name) for name in names}
    cleared: frozenset[str] = change.clear  # type: ignore[attr-defined]  # of both patches
    return {name: value for name, value in fields.items() if value is not None or name in cleared}


def wire(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(map(str.title, rest))


async def note(conn: Connection, of: Labelled, fields: Mapping[str, Any]) -> None:
    """Note labels that are about to be set."""
    if fields and of.ids:
        values = [None if value is None else msgspec.json.encode(value).decode() for value in fields.values()]
        params = of.params | {"fields": list(fields), "values": values}
        await conn.execute(SQL["note_sessions" if of.kind == "session" else "note_messages"], params)


async def tag(
    conn: Connection, of: Labelled, *, add: Sequence[str], remove: Sequence[str], only: bool
) -> None:
    """Change tags (`only`: there are no others from now on), and note those that really changed."""
    if not of.ids:
        return
    params = of.params | {"add": list(add), "remove": list(remove), "only": only}
    sessions = of.kind == "session"
    gone = await conn.execute(SQL["untag_sessions" if sessions else "untag_messages"], params)
    changed = {row["id"] for row in await gone.fetchall()}
    made = await conn.execute(SQL["tag_sessions" if sessions else "tag_messages"], params)
    changed |= {row["id"] for row in await made.fetchall()}
    if changed:
        params["ids"] = sorted(changed)
        await conn.execute(SQL["note_session_tags" if sessions else "note_message_tags"], params)


async def history(
    conn: Connection, workspace_id: int, session_id: int, *, limit: int, before: int | None
) -> list[dict[str, Any]]:
    """Changes of a session's labels and its messages', the latest first."""
    params = {"workspace_id": workspace_id, "session_id": session_id, "limit": limit, "before": before}
    return await (await conn.execute(SQL["history"], params)).fetchall()
