"""What a transcript says of its sessions: the main one, and those of its sub-agents.

Rule: facts are set by messages as they leave the window, or say the same when a line is read again; so a
parser that goes on from a `Resume` says at its end what one says that read everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from service.importers import clock, record, totals
from service.importers.claude_code.drafts import Draft
from service.importers.claude_code.naming import SOURCE
from service.importers.claude_code.usage import Usage
from service.importers.model import FoundSession, State
from service.importers.names import last_folder
from service.model.session import SessionWrite

_KEPT = ("version", "entrypoint", "slug", "agentId", "sessionKind", "teamName")
_MOST = 80
"""Sessions in mind: more than the window holds messages, so that none of theirs is still to come."""
_LAST = ("version",)
"""Of these the last one said counts, of the others the first."""


class Facts(msgspec.Struct, omit_defaults=True, rename="camel"):
    """Of one session, as the state keeps them."""

    parent: str | None = None
    nested: bool = False
    """Told in another session's records only: an extract, of which nothing is summed up."""
    title: str | None = None
    cwd: str | None = None
    branch: str | None = None
    model: str | None = None
    created_ms: int | None = None
    usage: Usage = Usage()
    cost_usd: str | None = None
    attrs: dict[str, Any] = {}


class Sessions:
    """The sessions of one transcript. `said` are those that this reading has something to say of."""

    def __init__(self, state: State | None = None) -> None:
        self._facts: dict[str, Facts] = msgspec.convert(state or {}, dict[str, Facts])
        self._said: dict[str, None] = {}
        self._announced: set[str] = set()
        self._noted: str | None = None

    @property
    def state(self) -> State:
        return {session: msgspec.to_builtins(facts) for session, facts in self._facts.items()}

    def of(self, session: str) -> Facts:
        """The session's facts, to be changed; what changed is told at the end."""
        self._said[session] = None
        return self._facts.setdefault(session, Facts())

    def note(self, session: str, values: dict[str, Any], *, parent: str | None, nested: bool) -> Facts:
        """A row of the session. It alone makes none: it may be left out."""
        facts = self._latest(session)
        facts.parent = facts.parent or parent
        facts.nested = nested
        if facts.cwd is None:
            facts.cwd = record.text(values.get("cwd"), most=4_000)
        if facts.branch is None:
            facts.branch = record.text(values.get("gitBranch"), most=record.MAX_NAME_CHARS)
        for name in _KEPT:
            if name in values and values[name] != facts.attrs.get(name):
                said = record.text(values[name], most=record.MAX_NAME_CHARS)
                if said is not None and (name in _LAST or name not in facts.attrs):
                    facts.attrs[name] = said
        return facts

    def count(self, draft: Draft, created_at: datetime | None) -> None:
        """A message of the session that is complete."""
        facts = self.of(draft.session)
        if facts.created_ms is None and created_at is not None:
            facts.created_ms = clock.to_ms(created_at)
        facts.model = draft.model or facts.model
        if facts.nested:
            return
        if (used := draft.usage) is not None:
            facts.usage = _sum(facts.usage, used)
        if draft.cost_usd is not None:
            facts.cost_usd = str(Decimal(facts.cost_usd or 0) + draft.cost_usd)

    def announce(self, session: str) -> FoundSession | None:
        """The session before its first message, once in a reading."""
        if session in self._announced:
            return None
        self._announced.add(session)
        return FoundSession(self.write(session))

    def has_messages(self, session: str | None) -> bool:
        facts = self._facts.get(session or "")
        return facts is not None and (session in self._announced or facts.created_ms is not None)

    def forgotten(self, main: str | None) -> Iterator[FoundSession]:
        """The sub-agents that nothing was heard of for long, for the last time; a file can have any number."""
        while len(self._facts) > _MOST:
            session = next(name for name in self._facts if name != main)
            if session in self._said:
                yield FoundSession(self.write(session))
            del self._facts[session]
            self._said.pop(session, None)
            self._announced.discard(session)

    def found(self) -> Iterator[FoundSession]:
        """All that is known, of every session of which this reading says something."""
        for session in self._said:
            yield FoundSession(self.write(session))

    def write(self, session: str) -> SessionWrite:
        facts = self._facts.get(session) or Facts()
        return SessionWrite(
            external_id=session,
            source=SOURCE,
            title=facts.title,
            project_path=facts.cwd,
            project_name=last_folder(facts.cwd),
            model=facts.model,
            **totals.fields(msgspec.structs.astuple(facts.usage)),
            cost_usd=None if facts.cost_usd is None else Decimal(facts.cost_usd),
            created_at=None if facts.created_ms is None else clock.from_ms(facts.created_ms),
            parent_external_id=facts.parent,
            attrs=facts.attrs | ({"gitBranch": facts.branch} if facts.branch else {}) or None,
            announced=facts.parent is not None and not self.has_messages(session),
        )

    def _latest(self, session: str) -> Facts:
        """The session's facts, moved behind those of the others."""
        if session != self._noted:
            self._facts[session] = self._facts.pop(session, Facts())
            self._noted = session
        return self._facts.setdefault(session, Facts())


def _sum(known: Usage, more: Usage) -> Usage:
    sums = totals.plus(msgspec.structs.astuple(known), msgspec.structs.astuple(more))
    return Usage(*(count or None for count in sums))
