"""The nouns of indexing: what is indexed, what is asked, what is found. Structs only, no behaviour beyond their own.

Ids are the integers of the database's rows; times are epoch milliseconds; offsets are code points
(indexes into a Python `str`), end exclusive.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

FieldKind = Literal["text", "reasoning", "tool-call", "tool-result"]
Facet = Literal["source", "project", "model", "role", "tool", "day"]
Unit = Literal["session", "message"]


class Field(msgspec.Struct, frozen=True):
    """A stretch of a message that can be searched: its text, or one of its parts rendered as text."""

    ordinal: int
    """Of the part; -1 is the message's own text."""
    kind: FieldKind
    text: str
    tool_name: str = ""


class Passage(msgspec.Struct, frozen=True):
    """A piece of a field that is small enough to embed. Offsets into `Field.text`, in code points."""

    field: int
    """`Field.ordinal`"""
    start: int
    end: int
    sha256: bytes
    """Of the UTF-8 text: passages with the same text share one vector."""
    priority: int
    """Embedded first when small: 0 what people and assistants say, 1 reasoning and tool calls, 2 tool output."""


class TextDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What the text index keeps of a message (`unit="message"`) or of a session's titles (`unit="session"`)."""

    workspace_id: int
    unit: Unit
    id: int
    """The message's id; of a `session` document, the session's."""
    session_id: int
    said: str
    """What people and agents said: text and reasoning; of a session: its title and former titles."""
    done: str = ""
    """Tool calls and their results."""
    source: str = ""
    project_name: str = ""
    project_path: str = ""
    model: str = ""
    role: str = ""
    kind: str = "agent"
    tools: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    created_at_ms: int = 0
    has_error: bool = False


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages may be found. Empty tuples and None: no limit; several values: any of them.

    `projects` match the project's name or its path, exactly.
    """

    sources: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    session_ids: tuple[int, ...] | None = None
    """Resolved by the caller from ids and external ids; an empty tuple matches nothing."""
    tags: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    after_ms: int | None = None
    """Inclusive."""
    before_ms: int | None = None
    """Exclusive."""
    has_error: bool | None = None
    excluded: Filter | None = None
    """What passes any limit of values in here may not be found (`-source:pi -role:tool`)."""


class Term(msgspec.Struct, frozen=True):
    """One thing to look for, as the person wrote it (not analysed)."""

    text: str
    kind: Literal["word", "phrase", "prefix"] = "word"
    occur: Literal["should", "must", "must_not"] = "should"


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed search: `text` is what is embedded, `terms` what is looked up, `filter` what limits both."""

    text: str
    terms: tuple[Term, ...]
    filter: Filter = Filter()
    sessions: tuple[str, ...] = ()
    """What `session:` named, ids or external ids: the caller resolves them into `filter.session_ids`."""
    named: tuple[tuple[str, str], ...] = ()
    """(member of `Filter`, value) for each project, model, tool and tag that the text names, as it is written there."""
    excluded_sessions: tuple[str, ...] = ()
    """The same of `-session:`, for `filter.excluded`."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """One message (or, from the text index, a session's titles) in one ranking. Higher scores are better."""

    id: int
    session_id: int
    score: float
    unit: Unit = "message"
    passage: tuple[int, int, int] | None = None
    """Where the best match stands: field ordinal, start, end. Only vectors know it."""


class Standing(NamedTuple):
    """Where a message stands in its session, and in time."""

    before: int | None
    after: int | None
    said_at_ms: int


class Counts(msgspec.Struct, frozen=True):
    """How many sessions or messages match in all, and by facet value."""

    total: int
    facets: dict[str, dict[str, int]]
