"""Titles: which of two is the better one, and how one is made where a client sends none.

Rule: a title gives way to one of the same or a higher rank, never to a lower one. Clients overwrite the first
prompt with a made-up slug, and a good title with "Untitled Session"; both are kept out by rank. A slug, or a bare
command (`/clear`), is better than nothing and worse than a person's first words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

NONE, WEAK, DERIVED, REAL, GIVEN = 0, 1, 2, 3, 4
"""GIVEN: by a person here."""
MAX_DERIVED_CHARS = 80

_PLACEHOLDER = re.compile(
    r"(?:untitled|no title|(?:untitled|new|child) (?:session|chat|conversation|thread))"
    r"(?: *[-–:] *\d{4}-\d\d-\d\d.*)?",
    re.IGNORECASE | re.DOTALL,
)
_SLUG = re.compile(r"[a-z]{3,}(?:-[a-z]{3,}){1,2}")
_COMMAND = re.compile(r"/[A-Za-z][\w:.-]*")
_OPENING = re.compile(
    r"(?:please )?(?:implement|execute|follow) (?:the following|this) plan\W*", re.IGNORECASE
)
"""What a program says when a plan is carried out: the plan says what for."""

# What a client wraps around a prompt, and nobody typed.
_WRAPPED = re.compile(
    r"<(system-reminder|local-command-[a-z]+|command-message|command-contents|environment_context"
    r"|user_instructions|ide_[a-z_]+)\b[^<>]*>.*?(?:</\1>|\Z)",
    re.DOTALL,
)
# A tag is markup when its name is a compound or when it begins or ends a line; `<div>` in a sentence is not.
_TAG = re.compile(
    r"</?[A-Za-z][A-Za-z0-9]*[-_:][\w:-]*(?:\s[^<>]*)?>|^\s*<[A-Za-z]\w*(?:\s[^<>]*)?>|</[A-Za-z]\w*>\s*$",
    re.MULTILINE,
)
_FENCE = re.compile(r"^\s*(?:```|~~~).*$", re.MULTILINE)
_LINE_MARK = re.compile(r"^(?:\s|#{1,6}\s|>|[-*+]\s(?:\[[ xX]\]\s)?)+")
_EMPHASIS = re.compile(r"\*\*|`|(?<!\w)__|__(?!\w)")


def title_rank(title: str | None, *, derived: bool = False) -> int:
    """How good a title is: 0 none or a placeholder, 1 a made-up slug or a bare command, 2 derived from the text, 3 real.

    Only who stored it knows that a title was derived, and says so.

    >>> [title_rank(title) for title in (None, "Untitled Session", "brave-falcon", "/clear", "Fix the login loop")]
    [0, 0, 1, 1, 3]
    """
    if title is None or is_placeholder_title(title):
        return NONE
    if is_command_title(title) or (is_slug_title(title) and not derived):
        return WEAK
    return DERIVED if derived else REAL


def is_placeholder_title(title: str) -> bool:
    """Whether a client sent this for want of a title.

    >>> [is_placeholder_title(title) for title in ("", "New session - 2026-01-21", "Connection Test")]
    [True, True, False]
    """
    title = title.strip()
    return not title or _PLACEHOLDER.fullmatch(title) is not None


def is_slug_title(title: str) -> bool:
    """Whether this is two or three plain words that a client put together at random.

    >>> [is_slug_title(title) for title in ("wandering-sparking-otter", "brave-falcon", "setup-ci", "Fix it")]
    [True, True, False, False]
    """
    return _SLUG.fullmatch(title.strip()) is not None


def is_command_title(title: str) -> bool:
    """Whether this is a slash command with nothing behind it, which says nothing of what the session is about.

    >>> [is_command_title(title) for title in ("/clear", "/plugin:review", "/review the diff", "/usr/bin")]
    [True, True, False, False]
    """
    return _COMMAND.fullmatch(title.strip()) is not None


def derived(texts: Iterable[str]) -> tuple[str, int] | None:
    """A title made of a session's first prompts, and its rank: the first that is no bare command, else the first.

    >>> derived(["/clear", "Fix it"]), derived(["/init"]), derived([])
    (('Fix it', 2), ('/init', 1), None)
    """
    weak: tuple[str, int] | None = None
    for text in texts:
        if title := first_line_title(text):
            ranked = title, title_rank(title, derived=True)
            if ranked[1] == DERIVED:
                return ranked
            weak = weak or ranked
    return weak


def first_line_title(text: str) -> str:
    """A title of one line, at most 80 characters, cut at a word; "" where the text has no word at all. Of a plan that
    is to be carried out, the plan's first line.

    >>> first_line_title("<system-reminder>be kind</system-reminder>\\n## Fix **the** `login` loop\\nplease")
    'Fix the login loop'
    """
    text = _FENCE.sub("", _TAG.sub(" ", _WRAPPED.sub("", text[:20_000])))
    lines = (_EMPHASIS.sub("", _LINE_MARK.sub("", line)) for line in text.splitlines())
    said = (" ".join(line.split()) for line in lines if any(char.isalnum() for char in line))
    first = next(said, "")
    return _cut(next(said, first) if _OPENING.fullmatch(first) else first)


def _cut(line: str) -> str:
    if len(line) <= MAX_DERIVED_CHARS:
        return line
    kept = line[: MAX_DERIVED_CHARS - 1]
    # Chinese and Japanese have no spaces to cut at, and a long path has none soon enough.
    at_word = kept if line[len(kept)].isspace() else kept.rpartition(" ")[0]
    return (at_word if len(at_word) >= MAX_DERIVED_CHARS // 2 else kept).rstrip(" ,;:.-") + "…"
