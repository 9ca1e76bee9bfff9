"""What a tick reads in its one transaction: whom it must cut off, what readers have missed, and the answers.

Rule: every function here asks of the tick's own connection, so that all of it is of one snapshot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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


class Past(msgspec.Struct):
    """What streams that came with a token held, and what was committed since the oldest of the tokens."""

    resets: dict[Stream, str]
    """Why all that a stream holds is void."""
    seen: dict[Stream, Snapshot]
    """What the others had seen."""
    changes: list[tuple[int, Change]] | None = None
    """With their transactions; None: too many to compare."""
    names: dict[int, str] = {}
    """External ids of the sessions that may have got theirs."""

    def missed(self, book: Book) -> set[tuple[Stream, Entry]]:
        """The answers that may have changed since their stream's token. To be asked when the first answers are there:
        only then is it known which sessions are meant."""
        touched: dict[Entry, set[int]] = {}
        for xid, change in self.changes or ():
            for entry in book.touched([change]).keys() | self._by_name(book, change):
                touched.setdefault(entry, set()).add(xid)
        return {
            (each.stream, entry)
            for entry, xids in touched.items()
            for each in entry.subscribers
            if (at := self.seen.get(each.stream)) is not None and not at.sees_all(xids)
        }

    def _by_name(self, book: Book, change: Change) -> set[Entry]:
        if change.tbl != "sessions":
            return set()
        if change.op == "D":  # its name went with it
            return book.all_named(change.workspace_id)
        name = self.names.get(change.row_id or 0)
        return set() if name is None else book.named(change.workspace_id, [name])

    def knows(self, stream: Stream, entry: Entry) -> bool:
        """Whether it can be said what the stream has missed of this answer."""
        return self.changes is not None and stream in self.seen and entry.query.compute is None


class Again(Exception):
    """A statement failed and took the transaction with it; who was at fault is known: tick again."""


async def revoked(
    conn: Connection, tick: Tick, streams: Mapping[int, Collection[Stream]], coming: Collection[Stream]
) -> list[Stream]:
    """Those of the streams (by key) whose key may be another than it was, and now opens nothing. `conn`: system."""
    doubtful = suspects(tick, streams, coming)
    if not doubtful:
        return []
    found = await people.callers(conn, {stream.reader.key_id for stream in doubtful})
    return [
        stream
        for stream in doubtful
        if (caller := found.get(stream.reader.key_id)) is None
        or caller.workspace_id != stream.reader.workspace_id
        or "read" not in caller.scopes
    ]


def suspects(
    tick: Tick, streams: Mapping[int, Collection[Stream]], coming: Collection[Stream]
) -> set[Stream]:
    """The streams whose key is touched by the log, and those that come: theirs was looked up when they were admitted, up
    to a second ago, and what the log said since was read without them."""
    keys = {change.row_id for change in tick.changes if change.tbl == "api_keys"}
    users = {(change.workspace_id, change.user_id) for change in tick.changes if change.tbl == "members"}
    found = set(coming).union(*(streams.get(key or 0, ()) for key in keys))
    if users or tick.gap:
        everybody = (stream for of_key in streams.values() for stream in of_key)
        found |= {
            each for each in everybody if tick.gap or (each.reader.workspace_id, each.reader.user_id) in users
        }
    return found


async def past(moment: Moment, book: Book, coming: Sequence[Stream], *, epoch: str, cursor: str) -> Past:
    """The past of streams that come with a token. One look into the log for all. `moment`: as system still."""
    conn, found = moment.conn, Past({}, {})
    now = snapshot.parse(cursor)
    for stream in coming:
        if not stream.resume:
            continue
        at = stream.seen(epoch)
        if at is None or at.xmax > now.xmax:
            found.resets[stream] = OTHER_DATABASE
        else:
            found.seen[stream] = at
    if not found.seen:
        return found
    floor = await change_log.floor(conn)
    for stream in [stream for stream, at in found.seen.items() if at.xmin <= floor]:
        found.resets[stream] = TOO_SHORT
        del found.seen[stream]
    if found.seen:
        oldest = min(at.xmin for at in found.seen.values())
        workspaces = {stream.reader.workspace_id for stream in found.seen}
        found.changes = await change_log.since_xid(conn, oldest, workspaces)
        await _learn_names(moment, book, found)
    return found


async def _learn_names(moment: Moment, book: Book, found: Past) -> None:
    changes = [change for _, change in found.changes or ()]
    for workspace_id, session_ids in book.newly_named(changes).items():
        found.names |= await live.names_of(await moment.of(workspace_id), workspace_id, session_ids)


async def newly_named(moment: Moment, book: Book, changes: Sequence[Change]) -> set[Entry]:
    """The entries that ask for a session by a name under which one has come."""
    found: set[Entry] = set()
    for workspace_id, session_ids in book.newly_named(changes).items():
        names = await live.names_of(await moment.of(workspace_id), workspace_id, session_ids)
        found |= book.named(workspace_id, names.values())
    return found


async def answers(moment: Moment, due: Iterable[Entry], figures: Figures) -> list[tuple[Entry, Outcome]]:
    """The outcomes of these entries: one statement a query and workspace, and one more where some go on from their
    last answer and others do not. Errors: `Again`."""
    found: list[tuple[Entry, Outcome]] = []
    for workspace_id, entries in _in_groups(due):
        conn = await moment.of(workspace_id)
        try:
            stepped = await _stepped(conn, workspace_id, entries, figures)
            others = [entry for entry in entries if entry not in stepped]
            found += {**stepped, **await _whole(conn, workspace_id, others, figures)}.items()
        except Exception as error:
            if conn.closed:
                raise
            _blame(entries, error)
            raise Again from error
    return found


def _in_groups(due: Iterable[Entry]) -> Iterator[tuple[int, list[Entry]]]:
    """What goes into one statement, by workspace."""
    for (workspace_id, _, _), group in groupby(sorted(due, key=_group), key=_group):
        entries = list(group)
        for first in range(0, len(entries), MOST_AT_ONCE):
            yield workspace_id, entries[first : first + MOST_AT_ONCE]


def _group(entry: Entry) -> tuple[int, str, int]:
    return entry.workspace_id, entry.query.name, id(entry) if entry.alone else 0


async def _stepped(
    conn: Connection, workspace_id: int, entries: Sequence[Entry], figures: Figures
) -> dict[Entry, Outcome]:
    """The outcomes of those that can go on from their last answer."""
    query = entries[0].query
    steps = {entry: step for entry in entries if (step := entry.step()) is not None}
    if query.step is None or not steps:
        return {}
    figures.statements += 1
    outcomes = await query.step(conn, workspace_id, list(steps.values()))
    return {entry: outcome for entry, outcome in zip(steps, outcomes, strict=True) if outcome is not None}


async def _whole(
    conn: Connection, workspace_id: int, entries: Sequence[Entry], figures: Figures
) -> dict[Entry, Outcome]:
    if not entries:
        return {}
    if entries[0].failed:
        return {entries[0]: Outcome(RequestError(FAILED))}
    ask = entries[0].query.answers
    assert ask is not None
    figures.statements += 1
    outcomes = await ask(conn, workspace_id, [entry.asked for entry in entries])
    return dict(zip(entries, outcomes, strict=True))


def _blame(entries: Sequence[Entry], error: Exception) -> None:
    """Who was asked together is asked one by one next; who failed so has failed."""
    log.error(
        "live_query_failed", query=entries[0].query.name, error=type(error).__name__, entries=len(entries)
    )
    for entry in entries:
        entry.failed, entry.alone = entry.alone, True
