"""Evidence as it is handed over: plain text, Markdown, XML, or messages of a chat. Pure.

Each style knows what its opening, a session's heading and a message cost, since all of it counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol
from xml.sax.saxutils import escape, quoteattr

from indexing.budget.model import Block, Piece, Source

TITLE_CHARACTERS = 80
QUERY_CHARACTERS = 200
"""Of the query in the opening; a pasted page would take the room of what was found."""
GAP = "…"
NEW_LINE = "\n"
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Style(Protocol):
    apart: bool
    """Is each piece a text of its own?"""

    def opening(self, query: str) -> str: ...
    def heading(self, source: Source) -> str: ...
    def piece(self, piece: Piece) -> str: ...
    def closing(self) -> str: ...
    def ending(self) -> str: ...


def rendered(style: Style, query: str, blocks: Sequence[Block]) -> list[str]:
    """The texts, as they are counted and sent."""
    if style.apart:
        return [style.piece(piece) for block in blocks for piece in block.pieces]
    inner = (
        style.heading(block.source) + "".join(map(style.piece, block.pieces)) + style.closing()
        for block in blocks
    )
    return ["".join([style.opening(query), *inner, style.ending()])]


class Text:
    """`[3] user: …` below a line for each session."""

    apart = False

    def opening(self, query: str) -> str:
        return f'Relevant coding sessions for: "{one_line(query, QUERY_CHARACTERS)}"\n'

    def heading(self, source: Source) -> str:
        return f"\n{about(source)}\n"

    def piece(self, piece: Piece) -> str:
        return f"{GAP + NEW_LINE if piece.gap else ''}[{piece.n}] {piece.said.role}: {piece.text}\n"

    def closing(self) -> str:
        return ""

    def ending(self) -> str:
        return ""


class Markdown(Text):
    """A heading a session, a paragraph a message."""

    def opening(self, query: str) -> str:
        return f'# Relevant coding sessions for: "{one_line(query, QUERY_CHARACTERS)}"\n'

    def heading(self, source: Source) -> str:
        return f"\n## {about(source)}\n"

    def piece(self, piece: Piece) -> str:
        apart = f"\n{GAP}\n" if piece.gap else ""
        return f"{apart}\n**[{piece.n}] {piece.said.role}:** {piece.text}\n"


class Xml:
    """`<context><session><message n="3">`, escaped; what XML cannot hold (control characters) is left out."""

    apart = False

    def opening(self, query: str) -> str:
        return f"<context query={attribute(one_line(query, QUERY_CHARACTERS))}>\n"

    def heading(self, source: Source) -> str:
        facts = {
            "title": title(source), "project": one_line(source.project, TITLE_CHARACTERS),
            "model": one_line(source.model, TITLE_CHARACTERS), "date": day(source.created_at_ms),
        }  # fmt: skip
        return (
            f"<session {' '.join(f'{name}={attribute(value)}' for name, value in facts.items() if value)}>\n"
        )

    def piece(self, piece: Piece) -> str:
        apart, text = "<gap/>\n" if piece.gap else "", escape(_NO_XML.sub("", piece.text))
        return f'{apart}<message n="{piece.n}" role={attribute(piece.said.role)}>{text}</message>\n'

    def closing(self) -> str:
        return "</session>\n"

    def ending(self) -> str:
        return "</context>\n"


class Messages:
    """The contents alone: what they are of stands beside them, in metadata that a model does not read."""

    apart = True

    def opening(self, query: str) -> str:
        return ""

    def heading(self, source: Source) -> str:
        return ""

    def piece(self, piece: Piece) -> str:
        return piece.text

    def closing(self) -> str:
        return ""

    def ending(self) -> str:
        return ""


Format = Literal["text", "messages", "markdown", "xml"]
FORMATS: dict[Format, Style] = {"text": Text(), "messages": Messages(), "markdown": Markdown(), "xml": Xml()}


def about(source: Source) -> str:
    """
    >>> about(Source(session_id=1, title="Login loop", project="shop", model="m1", created_at_ms=0))
    'Login loop (shop, m1, 1970-01-01)'
    """
    facts = (
        one_line(source.project, TITLE_CHARACTERS),
        one_line(source.model, TITLE_CHARACTERS),
        day(source.created_at_ms),
    )
    return f"{title(source)} ({', '.join(filter(None, facts))})"


def title(source: Source) -> str:
    return one_line(source.title, TITLE_CHARACTERS) or "Untitled"


def one_line(text: str, most: int) -> str:
    """
    >>> one_line("two\\nwords", 80), one_line("a long title", 6)
    ('two words', 'a lon…')
    """
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def day(epoch_ms: int) -> str:
    try:
        return f"{_EPOCH + timedelta(milliseconds=epoch_ms):%Y-%m-%d}"
    except OverflowError:
        return ""


def attribute(value: str) -> str:
    return quoteattr(_NO_XML.sub("", value))
