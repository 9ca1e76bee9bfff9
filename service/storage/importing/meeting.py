"""How the messages of a request meet those that are stored: read here, decided in `twins.py`, written by `batch.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from service.model.imported import ImportedMessage
from service.model.message import MessageWrite
from service.storage import filling
from service.storage.arrays import array
from service.storage.batch import Batch
from service.storage.importing import family, twins
from service.storage.importing.twins import Coming, Known, Meeting
from service.storage.plans import Met, Taken
from service.storage.queries import load
from service.storage.sync_rows import Key, fold, spoken

SQL = load("meeting")
NEW = Meeting()


class Named(msgspec.Struct):
    """What names stand for, by session id and name."""

    records: dict[tuple[int, str], tuple[int, str]]
    """Message id, and the side that names it so."""
    rows: dict[tuple[int, str], int]
    """The messages that have it as their external id."""


async def of_clients(batch: Batch, messages: Mapping[Key, MessageWrite]) -> Met:
    """A client's messages: those that a transcript has brought fill what is unknown there, the others are rows of
    their own. Sessions of which no transcript is known cost nothing."""
    held = {
        key: write
        for key, write in messages.items()
        if key[0] in batch.existing and batch.existing[key[0]].transcript
    }
    met = Met(dict(messages), fresh={key for key in messages if key[0] in batch.made})
    below = await family.told_below(batch, messages)
    if not held and not below:
        return met
    named = await names(batch, held)
    named.records |= {name: (id, origin) for name, id, origin in below.values()}
    owners = {key: named.records[key][0] if key in named.records else named.rows.get(key) for key in held}
    unknown = [key for key, id in owners.items() if id is None]
    owners |= await _by_words(batch, {key: held[key] for key in unknown})
    owners |= {key: id for key, (_, id, _) in below.items() if owners.get(key) is None}
    stored = await _rows(batch, "transcripts", {id for id in owners.values() if id is not None})
    answered = {key: stored[id] for key, id in owners.items() if id in stored}
    writes = []
    for key, write in messages.items():
        row = answered.get(key)
        if row is None:
            writes.append((key, write))
            continue
        place = met.renamed[key] = (row["session_id"], row["external_id"])
        met.ids[place] = row["id"]
        name = (row["session_id"], key[1])
        if named.records.get(name, (0, ""))[1] not in ("client", "both"):
            met.records[name] = (place, "both" if name == place or name in named.records else "client")
            met.told.update({name} & named.records.keys())
        writes.append((place, filling.filled(write, row)))
    met.messages = fold(writes)
    return met


async def of_transcripts(
    batch: Batch,
    messages: Mapping[Key, ImportedMessage],
    *,
    lines: Mapping[tuple[Key, str], Collection[int]],
    anew: Iterable[tuple[int, str]] = (),
    exact: str | None,
) -> Met:
    """An import's messages. `lines`: where they lie, by stream; in these sessions and streams (`anew`) nowhere else.
    `exact`: the stream that is read again by a better parser."""
    met = Met({}, text_keys={}, anew={*anew})
    named = await names(
        batch,
        [(key[0], name) for key, each in messages.items() if key[0] not in batch.made for name in each.names],
    )
    known = await _known(batch, messages, named, exact)
    seen: dict[int, list[tuple[Key, ImportedMessage]]] = {}
    for key, message in messages.items():
        seen.setdefault(key[0], []).append((key, message))
    owners: dict[int, dict[str, int]] = {}
    for (session_id, name), (id, _) in named.records.items():
        owners.setdefault(session_id, {})[name] = id
    met.text_keys = {key: text_key(message.write) for key, message in messages.items()}
    meetings: dict[Key, Meeting] = {}
    for session_id, came in seen.items():
        if session_id in batch.made:
            continue
        coming = [_coming(message, met.text_keys[key]) for key, message in came]
        there = known.get(session_id, [])
        found = twins.meet(coming, there, owners=owners.get(session_id, {}), exact=exact is not None)
        meetings |= {key: each for (key, _), each in zip(came, found, strict=True)}
    for key, message in messages.items():
        _place(met, key, message, meetings.get(key, NEW), named)
    if exact is not None:
        _move_names(met, messages, named)
    await family.told_above(batch, met, messages)
    for (key, stream), offsets in lines.items():
        met.lines.setdefault((met.renamed.get(key, key), stream), set()).update(offsets)
    met.told = met.records.keys() & named.records.keys()
    await _drop_known_lines(batch, met)
    return met


async def names(batch: Batch, asked: Iterable[tuple[int, str]]) -> Named:
    """What is known by these names in these sessions."""
    pairs = list(dict.fromkeys(asked))
    if not pairs:
        return Named({}, {})
    params = batch.common | {
        "session_id": array("int8", [session for session, _ in pairs]),
        "name": array("text", [name for _, name in pairs]),
    }
    named = Named({}, {})
    for row in await (await batch.conn.execute(SQL["named"], params)).fetchall():
        key = (row["session_id"], row["name"])
        if row["origin"] is None:
            named.rows[key] = row["message_id"]
        else:
            named.records[key] = (row["message_id"], row["origin"])
    return named


async def _by_words(batch: Batch, unknown: Mapping[Key, MessageWrite]) -> dict[Key, int | None]:
    """Transcripts' messages that say the same, and that no client has brought yet."""
    keys = {key: twins.text_key(write.role, spoken(write)) for key, write in unknown.items()}
    asked = sorted({number for number in keys.values() if number is not None})
    if not asked:
        return {}
    params = batch.common | {
        "session_ids": array("int8", sorted({session for session, _ in unknown})),
        "text_keys": array("int8", asked),
    }
    waiting: dict[int, list[tuple[int, str, int | None]]] = {}
    for row in await (await batch.conn.execute(SQL["waiting"], params)).fetchall():
        waiting.setdefault(row["session_id"], []).append((row["id"], row["role"], row["text_key"]))
    answers: dict[Key, int | None] = {}
    mine: dict[int, list[Key]] = {}
    for key in unknown:
        mine.setdefault(key[0], []).append(key)
    for session_id, there in waiting.items():
        asking = mine[session_id]
        found = twins.answer([(unknown[key].role, keys[key]) for key in asking], there)
        answers |= dict(zip(asking, found, strict=True))
    return answers


async def _known(
    batch: Batch, messages: Mapping[Key, ImportedMessage], named: Named, exact: str | None
) -> dict[int, list[Known]]:
    """The stored messages that could be one of these, by session: those named, and all that only clients brought."""
    ids = {id for id, _ in named.records.values()} | set(named.rows.values())
    rows = await _rows(batch, "known", ids, stream=exact)
    sessions = {key[0] for key in messages}
    spoken_to = sorted(id for id in sessions if id in batch.existing and batch.existing[id].client)
    if spoken_to:
        params = batch.common | {"session_ids": array("int8", spoken_to)}
        for row in await (await batch.conn.execute(SQL["of_clients"], params)).fetchall():
            rows.setdefault(row["id"], row)["said"] = row["said"]
    known: dict[int, list[Known]] = {}
    for row in rows.values():
        known.setdefault(row["session_id"], []).append(_as_known(row))
    return known


async def _rows(
    batch: Batch, statement: str, ids: Iterable[int], *, stream: str | None = None
) -> dict[int, dict[str, Any]]:
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    params = batch.common | {"ids": array("int8", wanted), "stream": stream}
    return {row["id"]: row for row in await (await batch.conn.execute(SQL[statement], params)).fetchall()}


def _as_known(row: Mapping[str, Any]) -> Known:
    fields = {name: row[name] for name in Known.__struct_fields__ if name in row and name != "records"}
    return Known(
        **fields | {"text_key": twins.text_key(row["role"], row.get("said"))},
        records=frozenset(row["records"]),
    )


def _coming(message: ImportedMessage, key: int | None) -> Coming:
    write = message.write
    return Coming(
        external_id=write.external_id, role=write.role, names=frozenset(message.names), text_key=key,
        excerpt=message.excerpt,
    )  # fmt: skip


def text_key(write: MessageWrite) -> int | None:
    """Of what clients send too; they send no injected context, and a tool's result only with its call."""
    return (
        twins.text_key(write.role, spoken(write)) if write.role in ("user", "assistant", "unknown") else None
    )


def _place(met: Met, key: Key, message: ImportedMessage, meeting: Meeting, named: Named) -> None:
    """Say under which key a message is stored, and what goes with that."""
    session_id, external_id = key
    survivor = meeting.survivor
    place = (session_id, survivor.external_id) if survivor and survivor.transcript else key
    if place != key:
        met.renamed[key] = place
    if survivor is None:
        met.fresh.add(place)
        if message.write.created_at is None and message.assumed_at is not None:
            dated = msgspec.structs.replace(message.write, created_at=message.assumed_at)
            message = msgspec.structs.replace(message, write=dated)
    else:
        met.ids[place] = survivor.id
        _take(met, place, meeting, names=message.names)
    if not meeting.stale:
        write = message.write
        if place != key or write.parts is None:
            write = msgspec.structs.replace(write, external_id=place[1], parts=write.parts or ())
        if survivor and survivor.excerpt and not message.excerpt:
            write = msgspec.structs.replace(write, attrs=(write.attrs or {}) | {"excerpt": False})
        met.messages[place] = write
        met.text_keys[place] = met.text_keys[key]
    for name in dict.fromkeys((*message.records, *([external_id] if place != key else []))):
        known_as = named.records.get((session_id, name))
        if known_as is None or known_as[1] == "client":
            met.records.setdefault((session_id, name), (place, "transcript"))


def _move_names(met: Met, messages: Mapping[Key, ImportedMessage], named: Named) -> None:
    """A name of one message that another claims, which is called so or whose owner is here and no longer does."""
    places = {key: met.renamed.get(key, key) for key in messages}
    came = {met.ids[place] for place in places.values() if place in met.ids}
    claims = {
        (met.ids[places[key]], name)
        for key, message in messages.items()
        if places[key] in met.ids
        for name in message.names
    }
    for key, message in messages.items():
        for name in message.names:
            owner, origin = named.records.get((key[0], name), (None, "client"))
            if origin == "client" or owner == met.ids.get(places[key]) or (owner, name) in claims:
                continue
            if (name == key[1] or owner in came) and (key[0], name) not in met.moved:
                met.moved.add((key[0], name))
                met.records[key[0], name] = (places[key], origin)


def _take(met: Met, place: Key, meeting: Meeting, *, names: Sequence[str]) -> None:
    """A client's rows become the transcript's: their ids are its names from now on."""
    survivor, absorbed = meeting.survivor, meeting.absorbed
    assert survivor is not None
    clients = [each for each in (survivor, *absorbed) if not each.transcript]
    for each in clients:
        met.records[place[0], each.external_id] = (place, "both" if each.external_id in names else "client")
    if clients or absorbed:
        labels = twins.labels([survivor, *absorbed])
        met.taken.append(Taken(place[0], survivor.id, place[1], tuple(each.id for each in absorbed), labels))


async def _drop_known_lines(batch: Batch, met: Met) -> None:
    """Leave out the raw lines that are noted with their messages already."""
    asked = {(met.ids[key], stream): (key, stream) for key, stream in met.lines if key in met.ids}
    if not asked:
        return
    params = batch.common | {"ids": array("int8", sorted({id for id, _ in asked}))}
    for row in await (await batch.conn.execute(SQL["lines_of"], params)).fetchall():
        place = asked.get((row["message_id"], row["stream"]))
        if place is None:
            continue
        noted, told = set(row["offsets"]), met.lines[place]
        if told == noted if (place[0][0], place[1]) in met.anew else told <= noted:
            del met.lines[place]
