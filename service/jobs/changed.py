"""Which rows each index must look at again, decided from the change log. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from service.jobs.purge import Deleted
from service.storage.change_log import FACTS, WORDS, Change


class Work(msgspec.Struct):
    """Of one workspace: ids to read again. A row that is not there any more goes out of the index."""

    messages: set[int] = msgspec.field(default_factory=set)
    sessions: set[int] = msgspec.field(default_factory=set)
    """Their titles."""
    filed_anew: set[int] = msgspec.field(default_factory=set)
    """Sessions whose facts changed: all their messages carry them."""
    written_in_bulk: set[int] = msgspec.field(default_factory=set)
    """Sessions of which many messages were written: those that the follower has not seen."""
    thinned_in_bulk: set[int] = msgspec.field(default_factory=set)
    """Sessions that lost many messages: all out, and in again what is left."""


def for_words(changes: Iterable[Change]) -> dict[int, Work]:
    """What the text index must do, by workspace: it keeps words and facts.

    >>> from datetime import UTC, datetime
    >>> renamed = Change(7, "sessions", "U", 3, 3, None, WORDS, datetime.now(UTC))
    >>> for_words([renamed])[7].sessions, for_words([msgspec.structs.replace(renamed, cols=16)])
    ({3}, {})
    """
    work: dict[int, Work] = {}
    for change in changes:
        if not change.cols & (WORDS | FACTS) or change.tbl not in ("sessions", "messages"):
            continue
        here = work.setdefault(change.workspace_id, Work())
        if change.tbl == "messages":
            add_message(here, change)
        elif change.row_id is not None:
            here.sessions.add(change.row_id)
            if change.op == "U" and change.cols & FACTS:
                here.filed_anew.add(change.row_id)
    return work


def for_meaning(changes: Iterable[Change]) -> dict[int, Work]:
    """What must be split again: messages whose words changed. Passages of those that went are gone already.

    >>> from datetime import UTC, datetime
    >>> at = datetime.now(UTC)
    >>> for_meaning([Change(7, "messages", "I", 5, 3, None, -1, at), Change(7, "messages", "D", 4, 3, None, -1, at)])[7].messages
    {5}
    """
    work: dict[int, Work] = {}
    for change in changes:
        if change.tbl == "messages" and change.op != "D" and change.cols & WORDS:
            add_message(work.setdefault(change.workspace_id, Work()), change)
    return work


def deleted(changes: Iterable[Change]) -> Deleted | None:
    """The most that is gone: a workspace, a session or message, or nothing.

    >>> from datetime import UTC, datetime
    >>> at = datetime.now(UTC)
    >>> deleted([Change(7, "messages", "D", 5, 3, None, -1, at), Change(7, "messages", "I", 6, 3, None, -1, at)])
    'row'
    """
    gone = {change.tbl for change in changes if change.op == "D"}
    if "workspaces" in gone:
        return "workspace"
    return "row" if gone & {"sessions", "messages"} else None


def add_message(work: Work, change: Change) -> None:
    if change.row_id is not None:
        work.messages.add(change.row_id)
    elif change.session_id is not None:
        (work.thinned_in_bulk if change.op == "D" else work.written_in_bulk).add(change.session_id)
