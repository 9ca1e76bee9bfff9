"""A message while its rows come in, and the writes that it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from service.importers import record, rows
from service.importers.clock import from_epoch
from service.importers.opencode import blocks, usage
from service.importers.opencode.blocks import Block
from service.importers.opencode.session import SOURCE, Session
from service.importers.opencode.usage import Counts
from service.importers.running import money
from service.model import raw_members
from service.model.message import MessageWrite, Part, Role
from service.model.raw_members import Members

MAX_ERROR_CHARS = 2000
MAX_FACT_CHARS = 200
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant"}
_FACTS = {"parentId": "parentID", "agent": "agent", "mode": "mode", "finish": "finish", "variant": "variant"}


class Written(NamedTuple):
    write: MessageWrite
    records: tuple[str, ...]
    lines: tuple[int, ...]


class Draft(msgspec.Struct):
    id: str
    data: Members
    """The message's own JSON."""
    columns: Members
    lines: list[int]
    role: Role = "unknown"
    own: list[Block] = []
    injected: list[Block] = []
    injected_lines: list[int] = []
    steps: list[Any] = []
    """Tokens of each step that ended."""
    attrs: dict[str, Any] = {}
    apart: bool = False
    """Whether the output tokens are without the reasoning for certain."""

    def take(self, kind: str, members: Members, *lines: int) -> None:
        """A part of the message, and its line, if it has one of its own."""
        if kind == "step-finish":
            self.steps.append(record.value(members.get("tokens")))
            self.attrs.update(_facts(members, {"finish": "reason"}))
        elif kind == "compaction":
            self.attrs["compaction"] = True
        else:
            found = blocks.block(kind, members)
            if found.injected:
                self.injected.append(found)
                self.injected_lines += lines
                return
            self.own.append(found)
        self.lines += lines


def begun(id: str, data: Members, columns: Members, *lines: int) -> Draft:
    """A message of the table `message`, with the parts that old versions keep within it."""
    inline = data.get("parts")
    data = _upgraded(data)
    draft = Draft(id, data, columns, [*lines], _ROLES.get(rows.said(data, "role") or "", "unknown"))
    for one in rows.elements(inline):
        if (members := raw_members.of(one)) and (kind := rows.said(members, "type")) != "step-start":
            draft.take(kind or "", members)
    return draft


def messages(draft: Draft, session: Session) -> Iterator[Written]:
    """The message itself, where it has anything of its own, then what was put into it; none where it is empty."""
    counts = usage.counts(record.value(draft.data.get("tokens")), draft.steps, apart=draft.apart)
    own = any(block.parts for block in draft.own) or any(counts) or bool(_error(draft.data))
    own = own or bool(draft.attrs.get("compaction"))
    if own:
        yield _own(draft, counts, session)
    if draft.injected:
        yield _injected(draft, session, alone=not own)


def _own(draft: Draft, counts: Counts, session: Session) -> Written:
    model, provider = _model(draft.data)
    told, moment, duration_ms = _times(draft, session)
    said = [block.text for block in draft.own if block.text]
    error = _error(draft.data)
    bare = draft.attrs.get("compaction") and not any(block.parts for block in draft.own)
    write = MessageWrite(
        session_external_id=session.id or "",
        external_id=draft.id,
        role="system" if bare and draft.role == "user" else draft.role,
        text="\n\n".join(said) or (error or {}).get("message"),
        model=model,
        **counts._asdict(),
        cost_usd=money(draft.data.get("cost")),
        duration_ms=duration_ms,
        source=SOURCE,
        created_at=moment,
        parts=_parts(draft.own),
        attrs=_attrs(draft, session, told, moment, error) or None,
    )
    session.add(write, provider)
    calls = dict.fromkeys(id for block in draft.own for id in block.calls)
    return Written(write, tuple(calls), tuple(draft.lines))


def _injected(draft: Draft, session: Session, *, alone: bool) -> Written:
    _, moment, _ = _times(draft, session)
    write = MessageWrite(
        session_external_id=session.id or "",
        external_id=draft.id if alone else f"{draft.id}:context",
        role="system",
        text="\n\n".join(block.text for block in draft.injected if block.text),
        source=SOURCE,
        created_at=moment,
        attrs={"injected": True} if alone else {"injected": True, "parentId": draft.id},
    )
    return Written(write, (), tuple([*draft.lines, *draft.injected_lines] if alone else draft.injected_lines))


def _parts(own: Sequence[Block]) -> tuple[Part, ...] | None:
    """All parts in their order; None where they are one text, or nothing."""
    parts = tuple(part for block in own for part in block.parts)
    return None if all(part.type == "text" for part in parts) else parts


def _attrs(
    draft: Draft,
    session: Session,
    told: datetime | None,
    moment: datetime | None,
    error: dict[str, str] | None,
) -> dict[str, Any]:
    attrs = {**_facts(draft.data, _FACTS), **draft.attrs}
    cwd = rows.said(raw_members.of(draft.data.get("path")) or {}, "cwd")
    tokens = record.value(draft.data.get("tokens"))
    found = {
        "usage": tokens if isinstance(tokens, dict) else None,
        "cwd": cwd if cwd != session.directory else None,
        "error": error,
        "summary": True if bytes(draft.data.get("summary") or b"") == b"true" else None,
        "timestamp": told.isoformat() if told is not None and told != moment else None,
    }
    return attrs | {name: value for name, value in found.items() if value is not None}


def _facts(members: Members, names: dict[str, str]) -> dict[str, str]:
    found = {name: rows.said(members, member) for name, member in names.items()}
    return {name: text[:MAX_FACT_CHARS] for name, text in found.items() if text is not None}


def _times(draft: Draft, session: Session) -> tuple[datetime | None, datetime | None, int | None]:
    """The time that is told, the one to store, and how long it took."""
    time = raw_members.of(draft.data.get("time")) or {}
    created, completed = (record.value(time.get(name)) for name in ("created", "completed"))
    told = from_epoch(created) or from_epoch(record.value(draft.columns.get("time_created")))
    ended = from_epoch(completed)
    took = record.count((ended - told).total_seconds() * 1000) if ended and told else None
    return told, session.at(told), took


def _model(data: Members) -> tuple[str | None, str | None]:
    """The model and its provider: an answer's own; of a question the ones it asks for."""
    asked = rows.texts(raw_members.of(data.get("model")) or {})
    model = rows.said(data, "modelID") or asked.get("modelID") or asked.get("id")
    provider = rows.said(data, "providerID") or asked.get("providerID")
    return record.text(model, most=record.MAX_NAME_CHARS), record.text(provider, most=record.MAX_NAME_CHARS)


def _error(data: Members) -> dict[str, str] | None:
    """The name of what went wrong, and what it says of itself."""
    error = raw_members.of(data.get("error"))
    if error is None:
        return None
    said = {**rows.texts(raw_members.of(error.get("data")) or {}), **rows.texts(error)}
    name, message = said.get("name") or said.get("type"), said.get("message")
    found = {"name": name and name[:MAX_FACT_CHARS], "message": message and message[:MAX_ERROR_CHARS]}
    return {key: value for key, value in found.items() if value} or None


def _upgraded(data: Members) -> Members:
    """A message of OpenCode 0.1 to 0.3, which kept what is told of it in `metadata`, in today's form."""
    about = raw_members.of(data.get("metadata"))
    if about is None or "time" in data:
        return data
    answer = raw_members.of(about.get("assistant")) or {}
    told: Members = {name: about[name] for name in ("time", "error") if name in about}
    return {**raw_members.without(data, "parts", "metadata"), **answer, **told}
