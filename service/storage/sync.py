"""Writes of sessions and messages: idempotent, merged, in order, one statement a table.

`apply` is the one way in for clients' writes. The same batch again reads, finds nothing to change, and
writes nothing: no row lock, no change-log row. What a write does not say never erases what is known.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from service.errors import BackscrollError
from service.model.message import MessageWrite
from service.model.session import SessionWrite
from service.storage.database import Connection, Database
from service.storage.queries import load
from service.storage.resolve import Existing, Found, Missing, Ref, Target, decide
from service.storage.sync_rows import (
    MESSAGE_COLUMNS,
    PART_COLUMNS,
    SESSION_COLUMNS,
    UPDATE_COLUMNS,
    Key,
    columns,
    fold,
    message_row,
    session_row,
    session_update,
)

SQL = load("sync")
TRIES = 4
REFUSED = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)
"""What one value in a batch can make a statement raise."""


class Refused(BackscrollError):
    """Postgres refuses a value: the item is named, the value is not."""

    status = 400


class Overtaken(Exception):
    """Something that this batch looked up was deleted before it was locked: look again."""


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """Ids by place in the request; None: it was deleted here earlier, so nothing was stored."""

    session_ids: list[int | None]
    message_ids: list[int | None]


async def apply(
    db: Database,
    *,
    workspace_id: int,
    user_id: int,
    now: datetime,
    sessions: Sequence[SessionWrite] = (),
    messages: Sequence[MessageWrite] = (),
) -> Applied:
    """Store a request's sessions and messages in one transaction.

    Errors: `Refused` when Postgres refuses a value (nothing of the request is stored; send items apart).
    """
    for attempt in range(TRIES):
        try:
            async with db.workspace(workspace_id) as conn:
                batch = Batch(conn, workspace_id=workspace_id, user_id=user_id, now=now)
                return await batch.apply(sessions, messages)
        except (
            Overtaken,
            psycopg.errors.ForeignKeyViolation,
            psycopg.errors.DeadlockDetected,
            psycopg.errors.UniqueViolation,
            psycopg.errors.SerializationFailure,
        ):
            # Another request made or changed the same rows at this moment: its work is visible the next time.
            if attempt == TRIES - 1:
                raise
        except REFUSED as error:
            raise Refused("A value cannot be stored: check the item's ids, numbers and nesting.") from error
    raise AssertionError("unreachable")


class Batch:
    """One request's writes within its transaction."""

    def __init__(self, conn: Connection, *, workspace_id: int, user_id: int, now: datetime) -> None:
        self.conn = conn
        self.common: dict[str, Any] = {"workspace_id": workspace_id, "user_id": user_id, "now": now}
        self.now = now

    async def apply(self, sessions: Sequence[SessionWrite], messages: Sequence[MessageWrite]) -> Applied:
        session_refs = [Ref(write.external_id, write.source) for write in sessions]
        message_refs = [Ref(write.session_external_id, write.source) for write in messages]
        targets, gone = await self.resolve([*session_refs, *message_refs], sessions)

        placed = [(targets[ref], write) for ref, write in zip(message_refs, messages, strict=True)]
        keys: list[Key | None] = [
            (target.id, write.external_id)
            if isinstance(target, Found)
            and (target.source, write.session_external_id, write.external_id) not in gone
            else None
            for target, write in placed
        ]
        folded = fold(zip(keys, messages, strict=True))
        written = await self.write(session_writes(session_refs, sessions, targets), folded, targets)
        ids = await self.ids([key for key in folded if key not in written]) | written
        return Applied(
            session_ids=[
                target.id if isinstance(target := targets[ref], Found) else None for ref in session_refs
            ],
            message_ids=[None if key is None else ids[key] for key in keys],
        )

    async def resolve(
        self, refs: Collection[Ref], sessions: Sequence[SessionWrite]
    ) -> tuple[dict[Ref, Target], set[tuple[str, str, str]]]:
        """Targets, all found or deleted: those missing are made. And the tombstones of messages."""
        external_ids = self.external_ids = sorted({ref.external_id for ref in refs})
        targets, gone = await self.look_up(refs, external_ids)
        missing = sorted({target.external_id for target in targets.values() if isinstance(target, Missing)})
        if missing:
            await self.conn.execute(SQL["lock_external_ids"], self.common | {"external_ids": missing})
            targets, gone = await self.look_up(refs, external_ids)
            targets = await self.make(targets, sessions)
        return targets, gone

    async def look_up(
        self, refs: Collection[Ref], external_ids: list[str]
    ) -> tuple[dict[Ref, Target], set[tuple[str, str, str]]]:
        found = await self.conn.execute(
            SQL["sessions_by_external_ids"], self.common | {"external_ids": external_ids}
        )
        existing = [Existing(**row) for row in await found.fetchall()]
        self.tombstones = await self.look_up_tombstones()
        deleted = {(source, session) for kind, source, session, _ in self.tombstones if kind == "session"}
        gone = {
            (source, session, message)
            for kind, source, session, message in self.tombstones
            if kind == "message"
        }
        return decide(refs, existing=existing, deleted=deleted), gone

    async def look_up_tombstones(self) -> frozenset[tuple[str, str, str, str]]:
        """Kind, source, session's external id, external id of all that was deleted of these sessions."""
        cursor = await self.conn.execute(
            SQL["tombstones_by_sessions"], self.common | {"external_ids": self.external_ids}
        )
        return frozenset(
            (row["kind"], row["source"], row["session_external_id"], row["external_id"])
            for row in await cursor.fetchall()
        )

    async def lock(self, touched: list[int]) -> None:
        """Lock the sessions to be written. Errors: `Overtaken` when something of them was deleted meanwhile."""
        cursor = await self.conn.execute(SQL["lock_sessions"], self.common | {"ids": touched})
        if len(await cursor.fetchall()) < len(touched) or await self.look_up_tombstones() != self.tombstones:
            raise Overtaken

    async def make(self, targets: dict[Ref, Target], sessions: Sequence[SessionWrite]) -> dict[Ref, Target]:
        """Insert the sessions that are missing, each with what this request says of it."""
        wanted = {target: ref for ref, target in targets.items() if isinstance(target, Missing)}
        said = fold(
            (target, write)
            for write in sessions
            if isinstance(target := targets[Ref(write.external_id, write.source)], Missing)
        )
        rows = [
            session_row(said.get(target) or SessionWrite(external_id=target.external_id))
            | {"source": target.source, "source_provisional": target.source_provisional}
            for target in wanted
        ]
        cursor = await self.conn.execute(SQL["insert_sessions"], self.common | columns(rows, SESSION_COLUMNS))
        made = {(row["external_id"], row["source"]): row["id"] for row in await cursor.fetchall()}
        return {
            ref: Found(made[target.external_id, target.source], target.source)
            if isinstance(target, Missing)
            else target
            for ref, target in targets.items()
        }

    async def write(
        self,
        sessions: dict[int, SessionWrite],
        messages: dict[Key, MessageWrite],
        targets: dict[Ref, Target],
    ) -> dict[Key, int]:
        """Upsert what differs; the ids of the messages that were written."""
        for target in targets.values():
            if isinstance(target, Found) and target.adopts and target.id not in sessions:
                sessions[target.id] = SessionWrite(external_id="", source=target.source)
        rows = {place: message_row(place, key, write) for place, (key, write) in enumerate(messages.items())}
        changed = await self.changed(sessions, rows)
        if not changed.sessions and not changed.places:
            return {}
        lines = [rows[place] for place in changed.places]
        touched = sorted({*changed.sessions, *(row["session_id"] for row in lines)})
        await self.lock(touched)
        stored = await self.upsert(lines, [messages[row["session_id"], row["external_id"]] for row in lines])
        told: dict[int, list[tuple[dict[str, Any], MessageWrite]]] = {}
        for row in stored:
            told.setdefault(row["session_id"], []).append(
                (row, messages[row["session_id"], row["external_id"]])
            )
        updates = [
            session_update(
                id, sessions.get(id), told.get(id, []), now=self.now, changed=id in changed.sessions
            )
            for id in touched
        ]
        await self.conn.execute(SQL["update_sessions"], self.common | columns(updates, UPDATE_COLUMNS))
        return {(row["session_id"], row["external_id"]): row["id"] for row in stored}

    async def changed(self, sessions: dict[int, SessionWrite], rows: dict[int, dict[str, Any]]) -> Changed:
        session_lines = [session_row(write) | {"id": id} for id, write in sessions.items()]
        async with self.conn.pipeline():
            differing = await self.conn.execute(
                SQL["changed_sessions"], self.common | columns(session_lines, UPDATE_COLUMNS)
            )
            places = await self.conn.execute(
                SQL["changed_messages"], self.common | columns(list(rows.values()), MESSAGE_COLUMNS)
            )
        return Changed(
            {row["id"] for row in await differing.fetchall()},
            sorted(row["place"] for row in await places.fetchall()),
        )

    async def upsert(self, lines: list[dict[str, Any]], writes: list[MessageWrite]) -> list[dict[str, Any]]:
        if not lines:
            return []
        cursor = await self.conn.execute(
            SQL["upsert_messages"], self.common | columns(lines, MESSAGE_COLUMNS)
        )
        stored = await cursor.fetchall()
        by_key = {(row["session_id"], row["external_id"]): row for row in stored}
        parts = [
            {"message_id": row["id"], "ordinal": ordinal, "type": part.type, "content": part.content.decode()}
            for line, write in zip(lines, writes, strict=True)
            for row in [by_key[line["session_id"], line["external_id"]]]
            for ordinal, part in enumerate(write.parts or ())
        ]
        replaced = [
            row["id"]
            for line, write in zip(lines, writes, strict=True)
            for row in [by_key[line["session_id"], line["external_id"]]]
            if write.parts is not None and not row["inserted"]
        ]
        async with self.conn.pipeline():
            if replaced:
                await self.conn.execute(SQL["delete_parts"], self.common | {"message_ids": replaced})
            if parts:
                await self.conn.execute(SQL["insert_parts"], self.common | columns(parts, PART_COLUMNS))
        return stored

    async def ids(self, keys: Sequence[Key]) -> dict[Key, int]:
        if not keys:
            return {}
        params = self.common | {
            "session_id": [id for id, _ in keys],
            "external_id": [text for _, text in keys],
        }
        cursor = await self.conn.execute(SQL["message_ids"], params)
        return {(row["session_id"], row["external_id"]): row["id"] for row in await cursor.fetchall()}


class Changed(msgspec.Struct, frozen=True):
    sessions: set[int]
    places: list[int]


def session_writes(
    refs: Sequence[Ref], sessions: Sequence[SessionWrite], targets: dict[Ref, Target]
) -> dict[int, SessionWrite]:
    """What the request says of each session, by id."""
    return fold(
        (target.id if isinstance(target := targets[ref], Found) else None, write)
        for ref, write in zip(refs, sessions, strict=True)
    )
