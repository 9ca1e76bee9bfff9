"""A message as one text to read: what was said, and each tool call or result in one line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from indexing import cutting
from indexing.budget.model import Content
from indexing.model import Field, Term
from indexing.snippets import best_window

LINE_CHARACTERS = 160
MATCHED_CHARACTERS = 400
"""Of the line in which the match stands."""
LINES = 4
"""Of tools, in one message; the others are counted."""
WINDOW_CHARACTERS = 400


def content(
    fields: Sequence[Field], terms: Sequence[Term] = (), *, passage: tuple[int, int, int] | None = None
) -> Content:
    """All that is worth reading of a message; empty for one without words. Thoughts only where they match, or stand alone.

    >>> content([Field(-1, "text", "Run it."), Field(0, "tool-call", "Bash command: make test", "Bash")], [Term("make")])
    Content(text='Run it.\\nBash(command: make test)', start=8, end=32)
    """
    window = best_window(fields, terms, passage=passage, limit=WINDOW_CHARACTERS)
    matched = window.field.ordinal if window else -1
    pieces: list[str] = []
    start = end = 0
    shown = {each.ordinal for each in _shown(fields, matched)}
    left_out = 0
    for field in fields:
        if field.ordinal not in shown:
            left_out += field.kind.startswith("tool")
            continue
        at = (window.start, window.end) if window and field.ordinal == matched else None
        piece, low, high = _piece(field, at)
        if at is not None:
            before = sum(len(each) + 1 for each in pieces)
            start, end = before + low, before + high
        pieces.append(piece)
    if left_out:
        pieces.append(f"(and {left_out} more of tools)")
    return Content("\n".join(pieces), start, end)


def _shown(fields: Sequence[Field], matched: int) -> list[Field]:
    said = [field for field in fields if field.kind == "text"]
    tools = [field for field in fields if field.kind.startswith("tool")]
    thought = [field for field in fields if field.kind == "reasoning"]
    there = [field for field in fields if field.ordinal == matched]
    lines = [each for each in tools if each.ordinal != matched][:LINES]
    return said + lines + there + ([] if said or tools else thought)


def _piece(field: Field, at: tuple[int, int] | None) -> tuple[str, int, int]:
    """A field as it is shown, and where in it the match stands."""
    if field.kind in ("text", "reasoning"):
        text = field.text.strip()
        before = len(field.text) - len(field.text.lstrip())
        low, high = (max(edge - before, 0) for edge in at or (before, before))
        return text, min(low, len(text)), min(high, len(text))
    line = _line(field, at)
    return line, 0, len(line)


def _line(field: Field, at: tuple[int, int] | None) -> str:
    """A call as `Tool(arguments)`, a result as `Tool -> what it printed`."""
    limit = MATCHED_CHARACTERS if at else LINE_CHARACTERS
    text = field.text
    name = field.tool_name or "tool"
    start, end = at or (0, 0)
    if field.kind == "tool-call" and field.tool_name and text.startswith(field.tool_name):
        cut_off = len(field.tool_name)
        text, start, end = text[cut_off:], max(start - cut_off, 0), max(end - cut_off, 0)
    low, high = cutting.around(text, start, min(end, start + limit), limit=limit)
    told = " ".join(text[low:high].split())
    told = f"{'…' if text[:low].strip() else ''}{told}{'…' if text[high:].strip() else ''}"
    return f"{name}({told})" if field.kind == "tool-call" else f"{name} -> {told}"
