"""Ids that were seen a while ago: of answers that are complete, and of tool calls.

Rule: an id says which message it belongs to only while it is unique. Servers that number their answers or calls from
one again give the same ids to many: the first keeps it, later ones go by their rows' own ids.
"""

from __future__ import annotations

from zlib import crc32

import msgspec

from service.importers.claude_code.drafts import Draft
from service.importers.model import State

_MOST_ANSWERS = 16
_MOST_CALLS = 64
_MOST_ROWS = 16


class Complete(msgspec.Struct, omit_defaults=True, rename="camel"):
    """An answer that left the window."""

    session: str
    id: str
    request: str | None = None
    rows: list[str] = []


class Known(msgspec.Struct, rename="camel"):
    answers: list[Complete] = []
    calls: list[str] = []
    """With a digest of their session, as two sessions of a file may number theirs alike."""

    @classmethod
    def of(cls, state: State | None) -> Known:
        return msgspec.convert(state or {}, cls)

    @property
    def state(self) -> State:
        return dict(msgspec.to_builtins(self))

    def answer(self, session: str, id: str) -> Complete | None:
        """The latest complete answer with this id."""
        return next((it for it in reversed(self.answers) if it.id == id and it.session == session), None)

    def records_of(self, draft: Draft) -> tuple[str, ...]:
        """The ids by which the message can be known; they are remembered."""
        found = dict(draft.records)
        if (answer := draft.answer) is not None:
            rows = list(draft.records)[:_MOST_ROWS]
            self.answers.append(Complete(draft.session, answer.id, answer.request, rows))
            del self.answers[:-_MOST_ANSWERS]
            if answer.new_id:
                found[answer.id] = None
        if draft.calls:
            self.calls += (_seen(draft.session, call) for call in draft.calls)
            del self.calls[:-_MOST_CALLS]
        return tuple(found | draft.calls)

    def has_call(self, session: str, call: str) -> bool:
        return _seen(session, call) in self.calls


def _seen(session: str, call: str) -> str:
    return f"{crc32(session.encode()):x} {call}"
