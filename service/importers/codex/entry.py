"""A message that may still grow: what its records said so far, and the write that this makes.

Rule: nothing that was said is taken back. The item of the conversation is the message; its event adds what only the
event knows. An event whose item never comes is the message itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from service.importers.codex import context, draft, usage
from service.importers.codex.draft import Draft
from service.importers.codex.state import Counts
from service.importers.model import FoundMessage
from service.model.message import MessageWrite, Part

SOURCE = "codex-cli"


class Entry:
    """`id`, `at`, `first` and its place among the others come from the first of its records and stay."""

    def __init__(self, *, id: str, session: str, at: datetime | None, first: int) -> None:
        self.id, self.session, self.at, self.first = id, session, at, first
        self.lines = [first]
        self.item: Draft | None = None
        self.event: Draft | None = None
        self.item_texts: list[str] = []
        self.event_texts: list[str] = []
        self.records: list[str] = []
        self.attrs: dict[str, Any] = {}
        self.model: str | None = None
        self.counts: Counts | None = None
        self.usage: dict[str, Any] | None = None

    @property
    def draft(self) -> Draft:
        found = self.item or self.event
        assert found is not None
        return found

    def take(self, said: Draft, *, event: bool, line: int | None = None) -> None:
        """One more record of this message."""
        if event:
            self.event = self.event or said
            self.event_texts += said.texts
        else:
            self.item = self.item or said
            self.item_texts += said.texts
        self.records += [name for name in said.records if name not in self.records]
        if line is not None and line not in self.lines:
            self.lines.append(line)

    def spend(self, counts: Counts, told: Any, line: int | None = None) -> None:
        """What the model used for this answer; several counts of one answer add up."""
        self.counts = usage.plus(self.counts, counts)
        self.usage = usage.added(self.usage, told)
        if line is not None:
            self.lines.append(line)

    def awaits(self, said: Draft, *, event: bool) -> bool:
        """Whether the record is the other copy of what this message has from one kind of record only."""
        if not event and self.event is None:
            return False
        mine = self.draft
        if mine.kind != said.kind or mine.role != said.role:
            return False
        if said.kind in ("call", "output"):
            return (self.event if event else self.item) is None and _same_call(mine, said)
        if said.attrs.get("event") == "plan":
            return any(said.texts[0].strip() in text for text in self.item_texts)
        have, want = (self.event_texts, self.item_texts) if event else (self.item_texts, self.event_texts)
        return len(have) < len(want) and _same_words(said, have, want, item=not event)

    def found(self) -> FoundMessage:
        said = self.draft
        spent = usage.tokens(self.counts or usage.NOTHING)
        write = MessageWrite(
            session_external_id=self.session,
            external_id=self.id,
            role=said.role,
            text=self._text(),
            model=self.model if said.role == "assistant" else None,
            prompt_tokens=spent.prompt,
            completion_tokens=spent.completion,
            cache_read_tokens=spent.cache_read,
            cache_write_tokens=spent.cache_write,
            duration_ms=said.duration_ms or (self.event.duration_ms if self.event else None),
            source=SOURCE,
            created_at=self.at,
            parts=self._parts() or None,
            attrs=self._attrs() or None,
        )
        return FoundMessage(write, tuple(self.records), tuple(self.lines))

    def _text(self) -> str | None:
        if self.draft.kind not in ("message", "note"):
            return None
        return "\n\n".join(self._texts()) or None

    def _texts(self) -> list[str]:
        """Of both copies: the item's, and before it what only events said."""
        if self.item is None:
            return self.event_texts
        if self.draft.kind != "reasoning":
            return self.item_texts
        told = set(self.item_texts)
        more = [text for text in self.item_texts if text not in set(self.event_texts)]
        return self.item_texts if told.issuperset(self.event_texts) else [*self.event_texts, *more]

    def _parts(self) -> tuple[Part, ...]:
        said = self.draft
        if said.kind == "reasoning":
            return draft.reasoning(tuple(self._texts()))
        if said.kind != "output":
            return said.parts
        error = self.event.error if self.event and self.event.error is not None else said.error
        return (*said.parts, *draft.result(said.call_id, said.tool, said.result, error))

    def _attrs(self) -> dict[str, Any]:
        of_event = self.event.attrs if self.event else {}
        of_item = self.item.attrs if self.item else {}
        used = {"usage": self.usage} if self.usage else {}
        return {**self.attrs, **of_event, **of_item, **used}


def _same_call(mine: Draft, said: Draft) -> bool:
    """By the call's id; a search has none in some versions, and is then known by its tool and its order."""
    if mine.call_id and said.call_id:
        return mine.call_id == said.call_id
    return mine.kind == "call" and mine.tool == said.tool and mine.tool is not None


def _same_words(said: Draft, have: Sequence[str], want: Sequence[str], *, item: bool) -> bool:
    rest = list(want)
    for text in have:
        if text in rest:
            rest.remove(text)
    if any(text in rest for text in said.texts):
        return True
    if said.kind == "reasoning":
        return False
    mine, other = "".join(said.texts), "".join(rest)
    if (
        said.role == "system" and item
    ):  # instructions of the header, which stand again with a frame around them
        return len(other) > 20 and other.strip() in mine
    return context.shown(mine) == context.shown(other)
