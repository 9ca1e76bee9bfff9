"""A sub-agent's tool calls, which a client tells under the session that people see: met in the sub-agent's own session.

Rule: a tool call's id is given once. So a client's row that is one tool call alone is the message, of any session below,
whose transcript has made that call; its row goes, its id leads there, and its labels go with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from service.model.imported import ImportedMessage
from service.model.message import MessageWrite
from service.storage.arrays import array
from service.storage.batch import Batch
from service.storage.importing import twins
from service.storage.importing.twins import Known
from service.storage.plans import Adopted, Met
from service.storage.queries import load
from service.storage.sync_rows import Key

SQL = load("family")
_TOOL_PARTS = ("tool-call", "tool-result")


def is_tool_row(write: MessageWrite) -> bool:
    """Whether it says nothing but tool calls and results.

    >>> from service.model.message import Part
    >>> call = Part("tool-call", b"{}")
    >>> is_tool_row(MessageWrite(session_external_id="s", external_id="toolu_1", role="assistant", parts=(call,)))
    True
    """
    return write.text is None and bool(write.parts) and all(p.type in _TOOL_PARTS for p in write.parts or ())


async def told_below(
    batch: Batch, messages: Mapping[Key, MessageWrite]
) -> dict[Key, tuple[tuple[int, str], int, str]]:
    """Of a client's rows those that are calls of sub-agents: the name there (its session's id and the call's), the
    message's id, and which side names it so."""
    asked = [
        key for key, write in messages.items() if is_tool_row(write) and _may_have_children(batch, key[0])
    ]
    if not asked:
        return {}
    cursor = await batch.conn.execute(SQL["told_below"], batch.common | _pairs(asked))
    return {
        (row["session_id"], row["name"]): ((row["below_id"], row["name"]), row["message_id"], row["origin"])
        for row in await cursor.fetchall()
    }


async def told_above(batch: Batch, met: Met, messages: Mapping[Key, ImportedMessage]) -> None:
    """Note in `met` which rows of clients, in sessions above, are calls of these messages."""
    params = batch.common | {"session_ids": array("int8", sorted({key[0] for key in messages}))}
    above: dict[int, set[int]] = {}
    for row in await (await batch.conn.execute(SQL["clients_above"], params)).fetchall():
        above.setdefault(row["session_id"], set()).add(row["above_id"])
    if not above:
        return
    calls = {
        (session, call): met.renamed.get(key, key)
        for key, message in messages.items()
        for session in above.get(key[0], ())
        for call in _calls(message)
    }
    own = {(key[0], name) for key, message in messages.items() for name in message.names}
    asked = sorted(calls.keys() - own)
    if not asked:
        return
    rows: dict[Key, list[dict[str, Any]]] = {}
    cursor = await batch.conn.execute(SQL["client_rows"], batch.common | _pairs(asked))
    for row in await cursor.fetchall():
        rows.setdefault(calls[row["session_id"], row["external_id"]], []).append(row)
    for place, found in rows.items():
        known = [_known(row) for row in found]
        sessions = frozenset(row["session_id"] for row in found)
        met.adopted.append(Adopted(place, sessions, tuple(one.id for one in known), twins.labels(known)))
        met.records |= {(place[0], one.external_id): (place, "both") for one in known}


def _may_have_children(batch: Batch, session_id: int) -> bool:
    known = batch.existing.get(session_id)
    return known is None or known.told_below


def _calls(message: ImportedMessage) -> Iterable[str]:
    """The ids of its tool calls."""
    if message.write.role != "assistant":
        return
    names = set(message.names)
    for part in message.write.parts or ():
        if part.type == "tool-call":
            call = msgspec.json.decode(part.content)
            id = call.get("toolCallId") if isinstance(call, dict) else None
            if isinstance(id, str) and id in names:
                yield id


def _known(row: Mapping[str, Any]) -> Known:
    return Known(**{name: row[name] for name in Known.__struct_fields__ if name in row})


def _pairs(keys: Iterable[tuple[int, str]]) -> dict[str, Any]:
    listed = list(keys)
    return {
        "session_id": array("int8", [session for session, _ in listed]),
        "name": array("text", [name for _, name in listed]),
    }
