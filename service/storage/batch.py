"""One request's sessions and messages within its transaction: resolved, compared, and only what differs written.

What clients send (`sync.py`) and what an import brings (`imports.py`) take the same way; they differ in how their
messages meet those that are stored (`meeting.py`). The same request again reads, finds nothing to change, and writes
nothing: no row lock, no change-log row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from service.model.message import MessageWrite
from service.model.session import SessionWrite
from service.storage import filling
from service.storage.arrays import array, columns, tuple_columns
from service.storage.attempts import Overtaken
from service.storage.database import Connection
from service.storage.plans import Met, Plan, Taken, Written
from service.storage.queries import load
from service.storage.resolve import Existing, Found, Missing, Ref, Target, decide
from service.storage.sync_rows import (
    MESSAGE_COLUMNS,
    PART_COLUMNS,
    SESSION_COLUMNS,
    UPDATE_COLUMNS,
    Key,
    fold,
    message_row,
    session_row,
    session_update,
)

SQL = load("sync")
Tombstone = tuple[str, str, str, str]
"""Kind, source, session's external id, external id."""


class Batch:
    """One request's writes within its transaction; `transcript`: they come from an import; `exact`: from one that reads again."""

    def __init__(
        self,
        conn: Connection,
        *,
        workspace_id: int,
        user_id: int | None,
        now: datetime,
        transcript: bool = False,
        exact: bool = False,
    ) -> None:
        self.conn = conn
        self.common: dict[str, Any] = {
            "workspace_id": workspace_id,
            "user_id": user_id,
            "now": now,
            "transcript": transcript,
        }
        self.now = now
        self.transcript, self.exact = transcript, exact
        self.existing: dict[int, Existing] = {}
        """The sessions that were there before, by id."""
        self.made: set[int] = set()
        self.tombstones: frozenset[Tombstone] = frozenset()

    async def resolve(
        self,
        refs: Collection[Ref],
        sessions: Sequence[SessionWrite],
        *,
        also: Collection[Ref] = (),
        begun: Mapping[Ref, datetime] | None = None,
    ) -> dict[Ref, Target]:
        """Targets: of `refs` all found or deleted, since those missing are made (where the write does not say when
        it began, at `begun`); of `also` found, deleted or missing."""
        both = {*refs, *also}
        self.external_ids = sorted({ref.external_id for ref in both})
        targets = await self.look_up(both)
        missing = sorted({t.external_id for ref in refs if isinstance(t := targets[ref], Missing)})
        if missing:
            await self.conn.execute(SQL["lock_external_ids"], self.common | {"external_ids": missing})
            targets = await self.look_up(both)
            await self.make(targets, sessions, wanted=refs, begun=begun or {})
        return targets

    async def look_up(self, refs: Collection[Ref]) -> dict[Ref, Target]:
        found = await self.conn.execute(
            SQL["sessions_by_external_ids"], self.common | {"external_ids": self.external_ids}
        )
        self.existing = {row["id"]: Existing(**row) for row in await found.fetchall()}
        self.tombstones = await self.look_up_tombstones()
        deleted = {(source, session) for kind, source, session, _ in self.tombstones if kind == "session"}
        return decide(refs, existing=self.existing.values(), deleted=deleted)

    async def look_up_tombstones(self) -> frozenset[Tombstone]:
        """All that was deleted of these sessions."""
        cursor = await self.conn.execute(
            SQL["tombstones_by_sessions"], self.common | {"external_ids": self.external_ids}
        )
        return frozenset(
            (row["kind"], row["source"], row["session_external_id"], row["external_id"])
            for row in await cursor.fetchall()
        )

    def is_gone(self, target: Found, session_external_id: str, names: Collection[str]) -> bool:
        """Whether a message with one of these names was deleted here."""
        return bool(self.tombstones) and any(
            ("message", target.source, session_external_id, name) in self.tombstones for name in names
        )

    async def make(
        self,
        targets: dict[Ref, Target],
        sessions: Sequence[SessionWrite],
        *,
        wanted: Collection[Ref],
        begun: Mapping[Ref, datetime],
    ) -> None:
        """Insert the sessions that are missing, each with what this request says of it."""
        missing = {target: ref for ref in wanted if isinstance(target := targets[ref], Missing)}
        said = fold(
            (target, write)
            for write in sessions
            if isinstance(target := targets[Ref(write.external_id, write.source)], Missing)
        )
        rows = []
        for target, ref in missing.items():
            write = said.get(target) or SessionWrite(external_id=target.external_id)
            row = session_row(write, transcript=self.transcript)
            row |= {"source": target.source, "source_provisional": target.source_provisional}
            rows.append(row | {"created_at": write.created_at or begun.get(ref)})
        cursor = await self.conn.execute(SQL["insert_sessions"], self.common | columns(rows, SESSION_COLUMNS))
        made = {(row["external_id"], row["source"]): row["id"] for row in await cursor.fetchall()}
        self.made.update(made.values())
        for ref, target in targets.items():
            if isinstance(target, Missing) and (id := made.get((target.external_id, target.source))):
                targets[ref] = Found(id, target.source)

    async def write(
        self,
        said: dict[int, SessionWrite],
        targets: Mapping[Ref, Target],
        meet: Callable[[], Awaitable[Met]],
        *,
        also_touched: Callable[[], Awaitable[set[int]]] | None = None,
    ) -> Written:
        """Store what differs. Decided from what can be read without a lock, and again under it where a session that
        both sides write to has changed meanwhile."""
        said = dict(said)
        for target in targets.values():
            if isinstance(target, Found) and target.adopts and target.id not in said:
                said[target.id] = SessionWrite(external_id="", source=target.source)
        locked: set[int] = set()
        while True:
            plan = await self.plan(said, await meet())
            wanted = plan.touched | (await also_touched() if also_touched else set())
            if not (missing := wanted - locked):
                break
            locked |= missing
            moved = await self.lock(sorted(missing))
            # What raw lines an import changes moves no session's version: seen again under the lock.
            if not moved and (also_touched is None or await also_touched() <= locked):
                break
        return await self.act(plan)

    async def plan(self, said: Mapping[int, SessionWrite], met: Met) -> Plan:
        """What differs from what is stored."""
        sessions = {id: self.allowed(id, write) for id, write in said.items()}
        rows = {
            place: message_row(place, key, write) for place, (key, write) in enumerate(met.messages.items())
        }
        for row, key in zip(rows.values(), met.messages, strict=True):
            row["text_key"] = met.text_keys.get(key)
        compared = [row for row, key in zip(rows.values(), met.messages, strict=True) if key not in met.fresh]
        changed, places = await self.differing(sessions, compared)
        if len(compared) < len(rows):
            places += [place for place, key in enumerate(met.messages) if key in met.fresh]
        lines = [rows[place] for place in sorted(places)]
        touched = {*changed, *met.touched, *(row["session_id"] for row in lines)}
        return Plan(met, sessions, changed, lines, touched)

    def allowed(self, id: int, write: SessionWrite) -> SessionWrite:
        """A client does not replace totals that the transcript has told, and an older snapshot of it tells none."""
        known = self.existing.get(id)
        if known is None or self.exact:
            return write
        if not self.transcript:
            return filling.yielding(write, known.transcript_totals)
        totals, tokens = known.transcript_totals, known.total_tokens
        if filling.is_older(write, transcript_totals=totals, total_tokens=tokens):
            return filling.yielding(write, filling.ALL)
        return write

    async def differing(
        self, sessions: Mapping[int, SessionWrite], rows: Sequence[dict[str, Any]]
    ) -> tuple[set[int], list[int]]:
        """Ids of the sessions, and places of the messages, that these writes would change."""
        lines = [
            session_row(write, transcript=self.transcript) | {"id": id} for id, write in sessions.items()
        ]
        ids: set[int] = set()
        places: list[int] = []
        async with self.conn.pipeline():
            if lines:
                params = self.common | columns(lines, UPDATE_COLUMNS)
                of_sessions = await self.conn.execute(SQL["changed_sessions"], params)
            if rows:
                params = self.common | columns(rows, MESSAGE_COLUMNS)
                of_messages = await self.conn.execute(SQL["changed_messages"], params)
        if lines:
            ids = {row["id"] for row in await of_sessions.fetchall()}
        if rows:
            places = [row["place"] for row in await of_messages.fetchall()]
        return ids, places

    async def lock(self, ids: list[int]) -> bool:
        """Lock sessions; whether one that both sides write to is no longer as it was read.

        Errors: `Overtaken` when something of them was deleted meanwhile.
        """
        cursor = await self.conn.execute(SQL["lock_sessions"], self.common | {"ids": array("int8", ids)})
        rows = await cursor.fetchall()
        if len(rows) < len(ids) or await self.look_up_tombstones() != self.tombstones:
            raise Overtaken
        moved = False
        for row in rows:
            known = self.existing.get(row["id"])
            if known is not None:
                met_there = self.transcript or row["transcript"]
                moved = moved or (met_there and row["version"] != known.version)
                self.existing[known.id] = msgspec.structs.replace(known, **row)
        return moved

    async def act(self, plan: Plan) -> Written:
        """Write a plan, under its locks."""
        if not plan.touched:
            return Written(plan.met)
        gone = await self.take_over(plan.met.taken)
        stored = await self.upsert(plan)
        gone += await self.adopt(plan.met, stored)
        await self.note(plan.met, stored)
        told: dict[int, list[tuple[dict[str, Any], MessageWrite]]] = {}
        for key, row in stored.items():
            told.setdefault(key[0], []).append((row, plan.met.messages[key]))
        updates = [
            session_update(
                id, plan.sessions.get(id), told.get(id, []), now=self.now, changed=id in plan.changed,
                gone=gone[id], transcript=self.transcript,
            )
            for id in sorted(plan.touched)
        ]  # fmt: skip
        await self.conn.execute(SQL["update_sessions"], self.common | columns(updates, UPDATE_COLUMNS))
        return Written(plan.met, stored, plan.changed)

    async def take_over(self, taken: Sequence[Taken]) -> Counter[int]:
        """Give rows the names of transcripts' messages, with what hung on those that go; how many went by session."""
        if not taken:
            return Counter()
        pairs = [(id, each.id) for each in taken for id in each.absorbed]
        params = self.common | {
            "absorbed": array("int8", [absorbed for absorbed, _ in pairs]),
            "survivor": array("int8", [survivor for _, survivor in pairs]),
        }
        gone: Counter[int] = Counter()
        if pairs:
            await self.conn.execute(SQL["move_records"], params)
            await self.conn.execute(SQL["move_lines"], params)
            gone = await self.lead_on(params)
        rows = [{"id": each.id, "external_id": each.external_id} | each.labels for each in taken]
        await self.conn.execute(SQL["take_over"], self.common | columns(rows, TAKEN_COLUMNS))
        return gone

    async def adopt(self, met: Met, stored: Mapping[Key, Mapping[str, Any]]) -> Counter[int]:
        """Clients' rows of sessions above go where they belong; how many went by session."""
        if not met.adopted:
            return Counter()
        ids = met.ids | {key: row["id"] for key, row in stored.items()}
        pairs = [(id, ids[each.place]) for each in met.adopted for id in each.ids]
        labelled = [each for each in met.adopted if any(each.labels.values())]
        if labelled:
            rows = [{"id": ids[each.place]} | each.labels for each in labelled]
            await self.conn.execute(SQL["inherit_labels"], self.common | columns(rows, LABEL_COLUMNS))
        params = self.common | {
            "absorbed": array("int8", [absorbed for absorbed, _ in pairs]),
            "survivor": array("int8", [survivor for _, survivor in pairs]),
        }
        return await self.lead_on(params)

    async def lead_on(self, params: Mapping[str, Any]) -> Counter[int]:
        """Delete rows that turned out to be others, to which their ids lead from now on; how many went by session."""
        await self.conn.execute(SQL["move_former"], params)
        await self.conn.execute(SQL["move_labels"], params)
        await self.conn.execute(SQL["insert_former"], params)
        cursor = await self.conn.execute(SQL["delete_absorbed"], params)
        return Counter(row["session_id"] for row in await cursor.fetchall())

    async def upsert(self, plan: Plan) -> dict[Key, dict[str, Any]]:
        """Write messages and their parts; the rows written, by key."""
        if not plan.lines:
            return {}
        stored: dict[Key, dict[str, Any]] = {}
        fresh = [line for line in plan.lines if key_of(line) in plan.met.fresh]
        others = [line for line in plan.lines if key_of(line) not in plan.met.fresh]
        for statement, lines in (("insert_messages", fresh), ("upsert_messages", others)):
            if lines:
                params = self.common | columns(lines, MESSAGE_COLUMNS)
                cursor = await self.conn.execute(SQL[statement], params)
                stored |= {key_of(row): row for row in await cursor.fetchall()}
        said = [(row["id"], row["inserted"], plan.met.messages[key].parts) for key, row in stored.items()]
        replaced = [id for id, inserted, parts in said if parts is not None and not inserted]
        rows = [
            (id, ordinal, part.type, part.content)
            for id, _, parts in said
            for ordinal, part in enumerate(parts or ())
        ]
        async with self.conn.pipeline():
            if replaced:
                await self.conn.execute(SQL["delete_parts"], self.common | {"message_ids": replaced})
            if rows:
                await self.conn.execute(SQL["insert_parts"], self.common | tuple_columns(rows, PART_COLUMNS))
        return stored

    async def note(self, met: Met, stored: Mapping[Key, Mapping[str, Any]]) -> None:
        """Keep by which names messages are known, and which raw lines they were read from."""
        ids = met.ids | {key: row["id"] for key, row in stored.items()}
        new: list[tuple[int, str, int, str]] = []
        told: list[tuple[int, str, int, str]] = []
        for name, (key, origin) in met.records.items():
            (told if name in met.told else new).append((*name, ids[key], origin))
        moved = [(*name, ids[met.records[name][0]], met.records[name][1]) for name in met.moved]
        added: list[tuple[int, str, str]] = []
        anew: list[tuple[int, str, str]] = []
        for (key, stream), offsets in met.lines.items():
            line = (ids[key], stream, " ".join(map(str, sorted(offsets))))
            (anew if (key[0], stream) in met.anew else added).append(line)
        async with self.conn.pipeline():
            for statement, records in (
                ("insert_records", new),
                ("update_records", told),
                ("move_names", moved),
            ):
                if records:
                    params = self.common | tuple_columns(records, RECORD_COLUMNS)
                    await self.conn.execute(SQL[statement], params)
            for statement, lines in (("add_lines", added), ("replace_lines", anew)):
                if lines:
                    await self.conn.execute(SQL[statement], self.common | tuple_columns(lines, LINE_COLUMNS))

    async def ids(self, keys: Sequence[Key]) -> dict[Key, int]:
        if not keys:
            return {}
        params = self.common | {
            "session_id": array("int8", [id for id, _ in keys]),
            "external_id": array("text", [text for _, text in keys]),
        }
        cursor = await self.conn.execute(SQL["message_ids"], params)
        return {(row["session_id"], row["external_id"]): row["id"] for row in await cursor.fetchall()}


def key_of(row: Mapping[str, Any]) -> Key:
    return row["session_id"], row["external_id"]


LABEL_COLUMNS = {"id": "int8", "notes": "text", "eval_status": "text", "expected_output": "text"}
TAKEN_COLUMNS = LABEL_COLUMNS | {"external_id": "text"}
RECORD_COLUMNS = {"session_id": "int8", "record_id": "text", "message_id": "int8", "origin": "text"}
LINE_COLUMNS = {"message_id": "int8", "stream": "text", "offsets": "text"}


def session_writes(
    refs: Sequence[Ref], sessions: Sequence[SessionWrite], targets: Mapping[Ref, Target]
) -> dict[int, SessionWrite]:
    """What the request says of each session, by id."""
    return fold(
        (target.id if isinstance(target := targets[ref], Found) else None, write)
        for ref, write in zip(refs, sessions, strict=True)
    )
