"""Which raw lines and titles repeat what a message says, beside those that it was read from. Pure.

Rule: rather a raw line too many is cut than words of a deleted message stay. A text of some length is repeated wherever it
stands within a string of the line, whole or cut short at its end; a short one ("yes") where a string is just that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from service.model.message import Part
from service.storage.importing import twins

LONG_CHARS = 24
"""Of a text that hardly anybody says twice by chance."""
_WORD = re.compile(rb"[A-Za-z0-9_]{3,}")
_LETTERS = re.compile(r"\w+")
_CUT = "….-  "


def said_by(text: str | None, parts: Iterable[Part]) -> list[str]:
    """What a message says, white space folded: its text, as people typed it too, what it thought, and whatever of some
    length stands in its calls and results.

    >>> said_by("<ide_selection>x</ide_selection> fix  it", [Part("tool-call", b'{"args":{"path":"a.ts"}}')])
    ['<ide_selection>x</ide_selection> fix it', 'fix it']
    """
    texts = [text or ""]
    for part in parts:
        strings = _strings(msgspec.json.decode(part.content))
        texts += [one for one in strings if part.type in ("text", "reasoning") or _is_prose(one)]
    folded = (_folded(form) for one in texts for form in (one, twins.normalised(one)))
    return list(dict.fromkeys(one for one in folded if any(char.isalnum() for char in one)))


def probes(said: Iterable[str]) -> list[bytes] | None:
    """Words of which at least one stands in any bytes that repeat it, however they are spelled; None: there are none."""
    found: list[bytes] = []
    for text in said:
        words = _WORD.findall(text[:LONG_CHARS].encode())
        if not words:
            return None
        # The last one may be cut in two where the text was cut short.
        found.append(max(words[:-1] or words, key=len))
    return found


def repeats(line: bytes, said: Iterable[str]) -> bool:
    """Whether a raw line says it again.

    >>> repeats(b'{"type":"last-prompt","lastPrompt":"Why does the login loop for..."}', ["Why does the login loop forever?"])
    True
    >>> repeats(b'{"type":"queue-operation","content":"yes"}', ["yes"]), repeats(b'{"a":"yes, do"}', ["yes"])
    (True, False)
    """
    try:
        strings = [_folded(text) for text in _strings(msgspec.json.decode(line))]
    except (ValueError, RecursionError):
        strings = [_folded(line.decode(errors="replace"))]
    return any(_says(string, text) for text in said for string in strings)


def among(said: Iterable[str], text: str | None, parts: Iterable[str]) -> bool:
    """Whether another message says it too. `parts`: their contents as JSON.

    >>> among(["Why does the login loop for ever?"], "You asked: Why does the login loop for ever?", [])
    True
    """
    strings = [text or "", *(one for content in parts for one in _strings(msgspec.json.decode(content)))]
    return any(_says(_folded(string), one) for one in said for string in strings)


def is_title_of(title: str | None, said: Iterable[str]) -> bool:
    """Whether a title was made of its first words, cut or whole, or of a long line of it.

    >>> is_title_of("Fix the login", ["# Fix the login please"]), is_title_of("Login", ["Fix the login"])
    (True, False)
    """
    words = _bare(title or "")
    texts = [_bare(one) for one in said]
    return bool(words) and any(
        text.startswith(words) or (len(words) >= LONG_CHARS and words in text) for text in texts
    )


def _bare(text: str) -> str:
    """Without what a title loses: marks, emphasis, the sign of a cut."""
    return " ".join(_LETTERS.findall(text))


def _says(string: str, text: str) -> bool:
    if len(text) < LONG_CHARS:
        return string == text
    cut = string.rstrip(_CUT)
    return text in string or (len(cut) >= LONG_CHARS and text.startswith(cut))


def _is_prose(text: str) -> bool:
    """Whether it is no name and no id."""
    return len(text) >= LONG_CHARS and any(char.isspace() for char in text.strip())


def _strings(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _folded(text: str) -> str:
    return " ".join(text.split())
