"""A session's next answer from its last one, by the messages that changed since: not the whole session is read again.

Rule: where a change could have moved another message's place, or have made another session the one that is meant,
there is no step, and the whole is asked for. So a message has to stay where it was, or come behind the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from service.api import shapes
from service.api.sessions.messages import Messages
from service.api.sessions.paths import SessionWithMessages
from service.live.query import Outcome, Step
from service.model import ids
from service.storage import live
from service.storage.database import Connection
from service.storage.live import Found, Named
from service.storage.messages import Place


class Memory(msgspec.Struct, frozen=True):
    """What an answer that has all messages of one session leaves to the next."""

    session_id: int
    last: Place | None
    """Of its last message; None: it has none."""


def memory(found: Found, *, is_fixed: bool) -> Memory | None:
    """None where another session may be meant next time, though none came."""
    if found.session is None or not (is_fixed or len(found.namesakes) == 1):
        return None
    last = place_of(found.messages[-1]) if found.messages else None
    return Memory(found.session["id"], last)


async def messages(conn: Connection, workspace_id: int, steps: Sequence[Step]) -> list[Outcome | None]:
    """The next answers to `sessions.messages`."""
    found = await changed(conn, workspace_id, steps)
    return [
        Outcome(Messages(each.shown), memory=each.memory, is_step=True) if each is not None else None
        for each in found
    ]


async def sessions(conn: Connection, workspace_id: int, steps: Sequence[Step]) -> list[Outcome | None]:
    """The next answers to `sessions.get`."""
    named = [Named(ref=ids.session(step.memory.session_id)) for step in steps]
    found = await live.sessions(conn, workspace_id, named)
    outcomes: list[Outcome | None] = []
    for of, each in zip(found, await changed(conn, workspace_id, steps), strict=True):
        if each is None or of.session is None or of.session["id"] != each.memory.session_id:
            outcomes.append(None)
        else:
            whole = SessionWithMessages(shapes.session(of.session), each.shown)
            outcomes.append(Outcome(whole, memory=each.memory, is_step=True))
    return outcomes


class Placed(msgspec.Struct, frozen=True):
    """The messages that came or changed, in their places, and what to remember of the answer that has them."""

    shown: list[shapes.Message]
    memory: Memory


async def changed(conn: Connection, workspace_id: int, steps: Sequence[Step]) -> list[Placed | None]:
    asked = [(step.memory.session_id, step.changed) for step in steps]
    found = await live.changed(conn, workspace_id, asked)
    return [placed(step, rows) for step, rows in zip(steps, found, strict=True)]


def placed(step: Step, rows: Sequence[Mapping[str, Any]]) -> Placed | None:
    """None where others' places changed: a message went, or came between them."""
    there = {ids.message(row["id"]) for row in rows}
    if any(key in step.rows and key not in there for key in map(ids.message, step.changed)):
        return None
    seqs = {key: seq for seq, key in enumerate(step.rows)} if there & step.rows.keys() else {}
    last, count = step.memory.last, len(step.rows)
    shown = []
    for row in rows:
        seq = seqs.get(ids.message(row["id"]))
        if seq is None:
            place = place_of(row)
            if last is not None and (place.created_at, place.id) < (last.created_at, last.id):
                return None
            seq, count, last = count, count + 1, place
        shown.append(shapes.message({**row, "seq": seq}))
    return Placed(shown, Memory(step.memory.session_id, last))


def place_of(row: Mapping[str, Any]) -> Place:
    return Place(row["created_at"], row["id"])
