"""A message while its rows arrive, and the write that it becomes.

Rule: one answer of the model is one message, however many rows it came in. Their blocks stand in order, each once; what
grew takes the place of what it grew from; the last usage counts, the first time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from service.importers.claude_code import blocks
from service.importers.claude_code.blocks import Block, Content
from service.importers.claude_code.naming import SOURCE
from service.importers.claude_code.usage import Usage
from service.model.message import MessageWrite, Part, Role

_GROWING = {"text": "text", "thinking": "thinking"}
"""Blocks that are streamed, and the member that grows."""


@dataclass(slots=True)
class Answer:
    """What makes rows one answer: the model's message id, the request, and the person's turn that it belongs to."""

    id: str
    request: str | None
    turn: int
    new_id: bool = True
    """False when another message has this id already: then it says nothing about which message this is."""


@dataclass(slots=True)
class Draft:
    session: str
    external_id: str
    role: Role
    content: Content
    lines: list[int]
    size: int
    """Bytes of its lines."""
    records: dict[str, None] = field(default_factory=dict)
    """The ids of its rows."""
    calls: dict[str, None] = field(default_factory=dict)
    """The ids of the tool calls that no other message made before."""
    time: datetime | None = None
    told: str | None = None
    """The time as the transcript spells it."""
    attrs: dict[str, Any] = field(default_factory=dict)
    model: str | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    duration_ms: int | None = None
    answer: Answer | None = None
    queued: bool = False
    """A prompt that waits: it becomes a message only when it is never delivered."""
    left_out: str | None = None
    """Why it is no message after all."""

    def add(self, later: Draft) -> None:
        """Another row of the same answer."""
        self.lines += later.lines
        self.size += later.size
        self.records |= later.records
        self.calls |= later.calls
        self.content = merged(_listed(self.content), _listed(later.content))
        self.attrs |= {key: value for key, value in later.attrs.items() if key != "parentUuid"}
        self.time = self.time or later.time
        self.told = self.told or later.told
        self.model = later.model or self.model
        self.usage = later.usage or self.usage
        self.cost_usd = later.cost_usd or self.cost_usd
        self.duration_ms = later.duration_ms or self.duration_ms

    def write(self, created_at: datetime | None) -> MessageWrite:
        usage = self.usage or Usage()
        return MessageWrite(
            session_external_id=self.session,
            external_id=self.external_id,
            role=self.role,
            text=blocks.joined(blocks.texts(self.content)),
            model=self.model,
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
            cost_usd=self.cost_usd,
            duration_ms=self.duration_ms,
            source=SOURCE,
            created_at=created_at,
            parts=self._parts(),
            attrs=self.attrs or None,
        )

    def _parts(self) -> tuple[Part, ...] | None:
        if isinstance(self.content, str) or blocks.only_text(self.content):
            return None
        return tuple(part for block in self.content if (part := block.part) is not None)


def merged(known: list[Block], row: list[Block]) -> list[Block]:
    """The blocks of an answer with those of its next row.

    >>> said = [blocks.block("I am")]
    >>> [block.text for block in merged(said, [blocks.block("I am here"), blocks.block("Done")])]
    ['I am here', 'Done']
    """
    kept, added = list(known), []
    for block in row:
        place = _known_at(kept, block)
        if place is None:
            added.append(block)
        elif _longer(block, kept[place]):
            kept[place] = block
    return kept + added


def _listed(content: Content) -> list[Block]:
    return ([blocks.block(content)] if content else []) if isinstance(content, str) else content


def _known_at(known: list[Block], block: Block) -> int | None:
    """Where the same block stands, or the shorter or longer form of it."""
    call = _call_id(block)
    for place, earlier in enumerate(known):
        if earlier.value == block.value or (call is not None and _call_id(earlier) == call):
            return place
    # Only the last block is still being streamed: an earlier one that begins alike is another.
    return len(known) - 1 if known and _continues(known[-1], block) else None


def _continues(earlier: Block, block: Block) -> bool:
    said, now = _streamed(earlier), _streamed(block)
    if not said or not now or earlier.type != block.type:
        return False
    return now.startswith(said) or said.startswith(now)


def _longer(block: Block, earlier: Block) -> bool:
    if _call_id(block):
        return len(bytes(block.raw or b"")) > len(bytes(earlier.raw or b""))
    return len(_streamed(block) or "") > len(_streamed(earlier) or "")


def _call_id(block: Block) -> str | None:
    call = block.value.get("id") if (block.type or "").endswith("tool_use") else None
    return call if isinstance(call, str) else None


def _streamed(block: Block) -> str | None:
    if isinstance(block.value, str):
        return block.value
    said = block.value.get(_GROWING.get(block.type or "")) if isinstance(block.value, dict) else None
    return said if isinstance(said, str) else None
