"""The nouns of a context: sessions, messages that may be handed over, and what is."""

from __future__ import annotations

import msgspec


class Content(msgspec.Struct, frozen=True):
    """A message as one text, and where in it stands what was looked for."""

    text: str
    start: int = 0
    end: int = 0


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A session, as its heading names it."""

    session_id: int
    title: str = ""
    project: str = ""
    model: str = ""
    created_at_ms: int = 0


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A message that may be handed over."""

    id: int
    session_id: int
    seq: int
    """Its place in the session, from 0."""
    role: str
    created_at_ms: int = 0
    score: float
    """Of the search; 0 for a neighbour that it did not find."""
    worth: float
    """What is worth more is offered first."""
    content: Content


class Piece(msgspec.Struct, frozen=True):
    """A message that is handed over, or the part of it that is."""

    said: Said
    text: str
    n: int = 0
    """Its citation, from 1 in reading order."""
    gap: bool = False
    """Is something of the session left out between the piece before and this one?"""


class Block(msgspec.Struct, frozen=True):
    """What is handed over of one session, in its order."""

    source: Source
    pieces: list[Piece]


class Packed(msgspec.Struct, frozen=True):
    blocks: list[Block]
    texts: list[str]
    """One; of chat messages, one each. None where not even the opening fits."""
    tokens: int
    """Of all texts."""
