"""The sessions of a log while it is read: what is known of them so far, and the writes that say it.

Rule: all of it is plain JSON (`state`), so that a parser that goes on from there says what one that read the whole log
would say: sums are absolute, attributes are sent whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from service.importers import blocks, record, totals
from service.importers.clock import Clock, from_ms, to_ms
from service.importers.model import FoundMessage, FoundSession, LeftOut, State
from service.importers.names import last_folder
from service.model.message import MessageWrite, Part, Role
from service.model.session import SessionWrite

_SMALLEST = Decimal("1e-10")


class Usage(NamedTuple):
    """Tokens of a message: four disjoint counts, input without what was cached; and its cost if it was told."""

    prompt: int | None = None
    completion: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cost_usd: Decimal | None = None

    def over(self, before: Usage) -> Usage:
        """What is told now, and where nothing is told what was known before.

        >>> Usage(prompt=5).over(Usage(prompt=3, completion=2))[:3]
        (5, 2, None)
        """
        told = {name: count for name, count in self._asdict().items() if count is not None}
        return before._replace(**told)


UNKNOWN = Usage()


class Again(NamedTuple):
    """What was written of a message before: its time, and what was counted for it."""

    created_at: datetime | None
    usage: Usage


class Running:
    """The transcript's own session (the root), and those of its sub-agents."""

    def __init__(self, source: str, fallback: str, state: State | None = None) -> None:
        """`fallback` names the root where the transcript does not."""
        kept = msgspec.json.decode(msgspec.json.encode(state or {}))
        self._source = source
        self._fallback = fallback
        self._root: str | None = kept.get("root")
        self._sessions: dict[str, dict[str, Any]] = kept.get("sessions", {})
        self._clock = Clock(kept.get("clock"))

    def state(self) -> State:
        """A copy, which what is read later does not change."""
        state = {"root": self._root, "sessions": self._sessions, "clock": self._clock.state}
        copy: State = msgspec.json.decode(msgspec.json.encode(state))
        return copy

    def root(self, session: str | None = None) -> str:
        """The first id that the transcript was called by when it was first asked for; it stays that one."""
        self._root = self._root or session or self._fallback
        return self._root

    def says(
        self, line: int | None, session: str, *, at: datetime | None = None, **fields: Any
    ) -> FoundSession:
        """A line that says something of a session: fields of SessionWrite (JSON values), None is not said."""
        known = self._known(session, at)
        said = {name: value for name, value in fields.items() if value not in (None, {})}
        if "attrs" in said:
            said["attrs"] = known["attrs"] = {**known.get("attrs", {}), **said["attrs"]}
        known.update(said)
        return FoundSession(
            SessionWrite(external_id=session, source=self._source, **said), () if line is None else (line,)
        )

    def message(
        self,
        session: str,
        external_id: str,
        role: Role,
        parts: Sequence[Part] = (),
        *,
        lines: Sequence[int],
        records: Iterable[str | None] = (),
        text: str | None = None,
        at: datetime | None = None,
        model: str | None = None,
        usage: Usage = UNKNOWN,
        again: Again | None = None,
        duration_ms: int | None = None,
        attrs: dict[str, Any] | None = None,
    ) -> FoundMessage:
        """A message at the end of its session; `again`: one that was written before, which keeps its place.

        `text` stands in for that of its parts. `attrs` without their Nones."""
        known = self._known(session, at)
        if model:
            known["model"] = model
        counted = again.usage if again else UNKNOWN
        usage = usage.over(counted)
        self._add(known, usage, counted)
        said = {name: value for name, value in (attrs or {}).items() if value not in (None, "", [], {})}
        created_at = again.created_at if again else self._clock.at(session, at)
        if at and created_at and to_ms(at) != to_ms(created_at):
            said["timestamp"] = at.isoformat(timespec="milliseconds")
        write = MessageWrite(
            session_external_id=session,
            external_id=external_id,
            role=role,
            text=text or blocks.text_of(parts),
            model=model,
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
            cost_usd=usage.cost_usd,
            duration_ms=duration_ms,
            source=self._source,
            created_at=created_at,
            parts=blocks.worth_keeping(parts, text),
            attrs=said or None,
        )
        return FoundMessage(write, tuple(dict.fromkeys(filter(None, (external_id, *records)))), tuple(lines))

    def left_out(self, line: int, reason: str) -> LeftOut:
        return LeftOut(line, reason, self._root)

    def finish(self) -> list[FoundSession]:
        """Each session as it is known now."""
        return [FoundSession(self._write(session, known)) for session, known in self._sessions.items()]

    def told(self, session: str) -> Mapping[str, Any]:
        """Fields that are known of a session; none of one that is not."""
        return self._sessions.get(session, {})

    def completion_of_children(self) -> int:
        """What the messages of the sub-agents add up to."""
        children = (known for session, known in self._sessions.items() if session != self._root)
        return sum(known.get("sums", {}).get("completion_tokens", 0) for known in children)

    def _known(self, session: str, at: datetime | None) -> dict[str, Any]:
        known = self._sessions.setdefault(session, {})
        if at is not None:
            known["created"] = min(to_ms(at), known.get("created", to_ms(at)))
        return known

    def _add(self, known: dict[str, Any], usage: Usage, replaces: Usage) -> None:
        added = totals.minus(usage[:4], replaces[:4])
        known["sums"] = totals.fields(totals.plus(totals.of(known.get("sums", {})), added))
        if cost := (usage.cost_usd or 0) - (replaces.cost_usd or 0):
            known["cost"] = str(Decimal(known.get("cost", "0")) + cost)

    def _write(self, session: str, known: dict[str, Any]) -> SessionWrite:
        fields = {name: value for name, value in known.items() if name not in ("sums", "cost", "created")}
        sums = {name: value for name, value in known.get("sums", {}).items() if value > 0}
        cost = Decimal(known.get("cost", "0"))
        return SessionWrite(
            external_id=session,
            source=self._source,
            created_at=from_ms(known["created"]) if "created" in known else None,
            cost_usd=cost if cost > 0 else None,
            **{**sums, **fields},
        )


def project(cwd: Any) -> dict[str, str]:
    """A working directory as the fields of a session.

    >>> project("/src/app/"), project(None)
    ({'project_path': '/src/app/', 'project_name': 'app'}, {})
    """
    path = record.text(cwd, most=record.MAX_LINE_CHARS)
    folder = last_folder(path)
    named = {"project_name": folder} if folder else {}
    return {"project_path": path, **named} if path else {}


def name(value: Any) -> str | None:
    """A title, a model, a provider: a string that says something, not too long."""
    return record.text(value, most=record.MAX_NAME_CHARS)


def facts(said: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """What of these small facts is there: strings (cut), numbers, truth values; objects only as `usage`.

    >>> facts({"api": "chat", "usage": {"n": 1}, "data": [1]}, ("api", "data", "usage", "stop"))
    {'api': 'chat', 'usage': {'n': 1}}
    """
    found: dict[str, Any] = {}
    for key in names:
        fact = said.get(key)
        if isinstance(fact, str):
            found[key] = fact[: record.MAX_NAME_CHARS]
        elif isinstance(fact, int | float) or (key == "usage" and isinstance(fact, dict)):
            found[key] = fact
    return found


def money(raw: Raw | None) -> Decimal | None:
    """A number of dollars as it was spelled; None for 0 and for what is none.

    >>> money(Raw(b"0.0123")), money(Raw(b"0")), money(Raw(b'"free"'))
    (Decimal('0.0123'), None, None)
    """
    try:
        cost = Decimal(bytes(raw or b"").decode())
    except (InvalidOperation, UnicodeDecodeError):
        return None
    if not cost.is_finite() or not _SMALLEST <= cost < 10**6:
        return None
    return cost.quantize(_SMALLEST).normalize()
