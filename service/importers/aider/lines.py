"""Whose is a line of aider's chat history: the run's header, the user's, a note of aider's, or the model's words.

Rule: aider ends each line that it marks itself (`#### ` of the user, `> ` of its own) with two spaces, and a model's
answer does not. So once a run shows that habit, headings, quotations and fenced code in answers are told from marks
by it; a file that lost its trailing spaces goes by the marks alone, outside of fenced code.

What stands where (as `InputOutput` writes it): a run's header between blank lines; an answer between blank lines;
the user's lines after one blank line; notes right after each other. A note whose text has several lines has only the
first one marked, and the last one ends in two spaces.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

Kind = Literal["run", "user", "note", "answer"]

USER = "#### "
NOTE = "> "

_RUN = re.compile(r"# aider chat started at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)$")


class Habits(msgspec.Struct):
    """What the lines of a run so far say about the next one."""

    started_at: str = ""
    """As its header says it; "" before the first header."""
    spoken: bool = False
    """The user has said something: what is unmarked is the model's."""
    last: Kind = "note"
    spaced: bool = False
    """Marked lines end in two spaces."""
    fence: str = ""
    """That of the code in which we are."""
    unended: bool = False
    """In a note of several lines."""

    def kind_of(self, text: str, *, after_blank: bool) -> Kind:
        """Whose a line is, which is then the last one.

        >>> habits = Habits()
        >>> [habits.kind_of(line, after_blank=False) for line in ("> Aider v1  ", "#### hi  ", "Hello", "#### Step 1")]
        ['note', 'user', 'answer', 'answer']
        """
        self.last = self._kind(text, after_blank)
        if self.last == "answer":
            self._mind_fence(text)
        else:
            self.fence = ""
        self.spoken = self.spoken or self.last == "user"
        return self.last

    def _kind(self, text: str, after_blank: bool) -> Kind:
        begun = started_at(text)
        # A header quoted in code tells an earlier time; after an answer that was cut inside its code comes a later one.
        if begun and (not self.fence or (after_blank and begun >= self.started_at)):
            return "run"
        ends = text.endswith("  ")
        if self.unended:
            self.unended = not ends
            return "note"
        marked: Kind | None = "user" if _has(text, USER) else "note" if _has(text, NOTE) else None
        if marked is None:
            return "answer" if self.spoken else "note"
        return self._marked(marked, ends=ends, after_blank=after_blank)

    def _marked(self, kind: Kind, *, ends: bool, after_blank: bool) -> Kind:
        if ends and (not self.fence or (self.spaced and after_blank)):
            self.spaced = True
            return kind
        if self.fence:
            return "answer"
        if not self.spaced:
            return kind
        if kind == "note" and self.last != "answer":
            self.unended = True
            return "note"
        return "answer" if self.spoken else "note"

    def _mind_fence(self, text: str) -> None:
        found = _FENCE.fullmatch(text.rstrip())
        if found is None:
            return
        if not self.fence:
            self.fence = found[1]
        elif found[1].startswith(self.fence) and not found[2].strip():
            self.fence = ""


def started_at(text: str) -> str:
    """The time in a run's header, in the zone of its machine; "" of any other line.

    >>> started_at("# aider chat started at 2025-03-01 09:30:00"), started_at("# a title")
    ('2025-03-01 09:30:00', '')
    """
    found = _RUN.fullmatch(text)
    return found[1] if found else ""


def bare(text: str, kind: Kind) -> str:
    """The line without its mark and without the two spaces.

    >>> bare("#### why?  ", "user"), bare(">  ", "note"), bare("  > quoted", "answer")
    ('why?', '', '  > quoted')
    """
    if kind == "answer":
        return text
    mark = USER if kind == "user" else NOTE
    return (text[len(mark) :] if text.startswith(mark) else text.removeprefix(mark.rstrip())).rstrip()


def _has(text: str, mark: str) -> bool:
    return text.startswith(mark) or text == mark.rstrip()
