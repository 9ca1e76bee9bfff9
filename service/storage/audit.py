"""The audit log: who made, changed, shared or deleted what.

Rule: a line holds numbers and words of ours, never a text that somebody wrote and never a key; it is written in the
transaction of its act, so that there is neither an act without a line nor a line without its act.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from service.storage.database import Connection
from service.storage.queries import load

SQL = load("audit")
OF_NO_WORKSPACE = 0

Action = Literal[
    "workspace.create",
    "workspace.close",
    "workspace.delete",
    "workspace.retention",
    "workspace.restore",
    "workspace.privacy",
    "user.create",
    "member.set",
    "member.remove",
    "key.create",
    "key.revoke",
    "session.delete",
    "session.expire",
    "session.share",
    "session.unshare",
    "message.delete",
    "backup.create",
    "backup.restore",
]
"""`workspace.close`: its members and keys went, the first step of deleting it. `workspace.retention`: how long it keeps sessions
was set; `session.expire`: one went by that. `workspace.restore`: an import brought back what was deleted. `workspace.privacy`: what is taken
out of texts before they are stored was turned on or off."""


class Line(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One act, as `backscroll audit` shows it; names as they are today, absent where what they name is gone."""

    at: datetime
    action: str
    subject_kind: str
    subject_id: int
    workspace_id: int = OF_NO_WORKSPACE
    workspace: str | None = None
    user_id: int | None = None
    """None: the operator, at the database."""
    user: str | None = None
    key_id: int | None = None
    detail: str = ""

    @property
    def actor(self) -> str:
        """
        >>> Line(at=datetime(2026, 1, 1), action="user.create", subject_kind="user", subject_id=1).actor
        'operator'
        """
        return "operator" if self.user_id is None else self.user or f"user {self.user_id}"


async def record(
    conn: Connection,
    workspace_id: int,
    action: Action,
    subject_id: int,
    *,
    user_id: int | None = None,
    key_id: int | None = None,
    detail: str = "",
) -> None:
    """Write a line in the transaction of its act, which is one of that workspace (0: of none).

    `subject_id`: the id of what the action's first word names; of a member the user's. Without `user_id` the operator acts.
    """
    params = {
        "workspace_id": workspace_id,
        "user_id": user_id,
        "key_id": key_id,
        "action": action,
        "subject_kind": action.partition(".")[0],
        "subject_id": subject_id,
        "detail": detail,
    }
    await conn.execute(SQL["record"], params)


async def last(conn: Connection, *, limit: int, workspace_id: int | None = None) -> list[Line]:
    """The newest first, of one workspace or of all. `conn`: system."""
    params = {"limit": limit, "workspace_id": workspace_id}
    return [Line(**row) for row in await (await conn.execute(SQL["last"], params)).fetchall()]


async def forget(conn: Connection, *, days: int) -> int:
    """Drop lines older than `days`; how many. `conn`: system."""
    return (await conn.execute(SQL["forget"], {"days": days})).rowcount
