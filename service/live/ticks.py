"""What a tick reads in its one transaction: whom it must cut off, what readers have missed, and the answers.

Rule: every function here asks of the tick's own connection, so that all of it is of one snapshot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

import msgspec
import structlog

from service.errors import RequestError
from service.live.entries import Book, Entry
from service.live.feed import Tick
from service.live.figures import Figures
from service.live.query import Outcome
from service.live.streams import Stream
from service.model import snapshot
from service.model.snapshot import Snapshot
from service.storage import change_log, live, people
from service.storage.change_log import Change
from service.storage.database import Connection
from service.storage.moments import Moment

MOST_AT_ONCE = 500
"""Arguments of one statement."""
FAILED = "This query could not be answered: the log of the service says why. Other queries go on."
OTHER_DATABASE = "The token is of another database, or of one that was restored: here is all of it again."
TOO_SHORT = "The change log no longer reaches back to the token: here is all of it again."
log = structlog.get_logger()


class Missed(msgspec.Struct):
    """What a stream that came with a token does not hold."""

    reset: str = ""
    """Why all it holds is void."""
    entries: set[Entry] | None = None
    """The entries that changed since its token; None: any may have."""

    def holds(self, entry: Entry) -> bool:
        """Whether the reader holds this answer as it is now."""
        return self.entries is not None and entry not in self.entries and entry.query.compute is None


class Again(Exception):
    """A statement failed and took the transaction with it; who was at fault is known: tick again."""


async def revoked(conn: Connection, tick: Tick, streams: Collection[Stream]) -> list[Stream]:
    """The streams whose key, by the log, may be another than it was, and now opens nothing. `conn`: system."""
    keys = {c.row_id for c in tick.changes if c.tbl == "api_keys"}
    users = {(c.workspace_id, c.user_id) for c in tick.changes if c.tbl == "members"}
    suspects = [
        stream
        for stream in streams
        if tick.gap
        or stream.reader.key_id in keys
        or (stream.reader.workspace_id, stream.reader.user_id) in users
    ]
    if not suspects:
        return []
    found = await people.callers(conn, {stream.reader.key_id for stream in suspects})
    return [
        stream
        for stream in suspects
        if (caller := found.get(stream.reader.key_id)) is None
        or caller.workspace_id != stream.reader.workspace_id
        or "read" not in caller.scopes
    ]


async def missed(
    conn: Connection, coming: Sequence[Stream], book: Book, *, epoch: str, cursor: str
) -> dict[Stream, Missed]:
    """For each stream that came with a token what it does not hold. One look into the log for all. `conn`: system."""
    found = {stream: Missed() for stream in coming if stream.resume}
    now = snapshot.parse(cursor)
    seen: dict[Stream, Snapshot] = {}
    for stream, about in found.items():
        match = snapshot.TOKEN.fullmatch(stream.resume)
        at = stream.seen
        if match is None or at is None or match[1] != epoch or at.xmax > now.xmax:
            about.reset = OTHER_DATABASE
        else:
            seen[stream] = at
    if not seen:
        return found
    floor = await change_log.floor(conn)
    for stream in [stream for stream, at in seen.items() if at.xmin <= floor]:
        found[stream].reset = TOO_SHORT
        del seen[stream]
    if seen:
        oldest = min(at.xmin for at in seen.values())
        workspaces = {stream.reader.workspace_id for stream in seen}
        changes = await change_log.since_xid(conn, oldest, workspaces)
        if changes is not None:
            await _compare(conn, book, changes, seen, found)
    return found


async def _compare(
    conn: Connection,
    book: Book,
    changes: Sequence[tuple[int, Change]],
    seen: Mapping[Stream, Snapshot],
    found: Mapping[Stream, Missed],
) -> None:
    for about in found.values():
        about.entries = set() if not about.reset else None
    for xid, change in changes:
        for entry in book.touched([change]):
            for subscription in entry.subscribers:
                at = seen.get(subscription.stream)
                if at is not None and not at.sees(xid):
                    missing = found[subscription.stream].entries
                    assert missing is not None
                    missing.add(entry)


async def newly_named(moment: Moment, book: Book, changes: Sequence[Change]) -> set[Entry]:
    """The entries that ask for a session by a name under which one has come."""
    found: set[Entry] = set()
    for workspace_id, session_ids in book.newly_named(changes).items():
        names = await live.names_of(await moment.of(workspace_id), workspace_id, session_ids)
        found |= book.named(workspace_id, names)
    return found


async def answers(moment: Moment, due: Iterable[Entry], figures: Figures) -> list[tuple[Entry, Outcome]]:
    """The outcomes of these entries: one statement a query and workspace. Errors: `Again`."""
    found: list[tuple[Entry, Outcome]] = []
    for (workspace_id, _, _), group in groupby(sorted(due, key=_group), key=_group):
        entries = list(group)
        conn = await moment.of(workspace_id)
        for first in range(0, len(entries), MOST_AT_ONCE):
            some = entries[first : first + MOST_AT_ONCE]
            figures.statements += 1
            found += zip(some, await _asked(conn, moment, workspace_id, some), strict=True)
    return found


def _group(entry: Entry) -> tuple[int, str, int]:
    return entry.workspace_id, entry.query.name, id(entry) if entry.alone else 0


async def _asked(
    conn: Connection, moment: Moment, workspace_id: int, entries: Sequence[Entry]
) -> list[Outcome]:
    query = entries[0].query
    assert query.answers is not None
    if entries[0].failed:
        return [Outcome(RequestError(FAILED))]
    try:
        return await query.answers(conn, workspace_id, [entry.asked for entry in entries])
    except Exception as error:
        if conn.closed:
            raise
        log.error("live_query_failed", query=query.name, error=type(error).__name__, entries=len(entries))
        for entry in entries:
            entry.failed, entry.alone = entry.alone or len(entries) == 1, True
        raise Again from error
