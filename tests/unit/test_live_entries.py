"""Entries of live queries: what makes them dirty, what their subscribers are told, and when the day turns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from service.errors import NotFound
from service.live.entries import Book, Cursor, Entry
from service.live.query import Outcome, Query, Watches
from service.storage.change_log import ACTIVITY, FACTS, WORDS, Change

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Asked(msgspec.Struct):
    session: str = "one"
    tz: str = ""


class Row(msgspec.Struct):
    id: str
    text: str = ""


class Rows(msgspec.Struct):
    rows: list[Row]
    next_cursor: str = ""


def clock(asked: Asked) -> tzinfo | None:
    return ZoneInfo(asked.tz) if asked.tz else None


QUERY = Query(
    name="q",
    summary="",
    asks=Asked,
    gives=Rows,
    rows="rows",
    clock=clock,
    watches=lambda asked: Watches(
        tables=frozenset({"sessions", "messages"}), session_ids=frozenset(), name=asked.session
    ),
)


def rows(*ids: str, text: str = "", cursor: str = "") -> Outcome:
    return Outcome(Rows([Row(id, text) for id in ids], cursor), frozenset({7}))


def change(
    tbl: str,
    session_id: int,
    *,
    op: str = "U",
    workspace_id: int = 1,
    cols: int = -1,
    row_id: int | None = -1,
) -> Change:
    """`row_id` -1: the session's own number."""
    row_id = session_id if row_id == -1 else row_id
    return Change(workspace_id, tbl, op, row_id, session_id, None, cols, NOW)


def entered(book: Book) -> Entry:
    return book.enter(QUERY, Asked(), 1)


def test_it_is_shared_by_equal_arguments_of_one_workspace() -> None:
    """The same query and arguments are one entry; another workspace's are another."""
    book = Book()
    assert entered(book) is entered(book)
    assert book.enter(QUERY, Asked(), 2) is not entered(book)
    assert book.enter(QUERY, Asked("two"), 1) is not entered(book)


def test_it_watches_what_was_found_under_its_name() -> None:
    """Before the first answer its name, from then on the sessions that were found too; in its workspace only."""
    book = Book()
    entry = entered(book)
    assert book.touched([change("messages", 7)]) == {}
    assert book.named(1, ["one"]) == {entry}
    book.take(entry, rows("a"))
    assert book.touched([change("messages", 7)]).keys() == {entry}
    assert book.touched([change("messages", 8), change("messages", 7, workspace_id=2)]) == {}
    assert book.newly_named([change("sessions", 9, op="I"), change("sessions", 8, cols=16)]) == {1: [9]}
    book.leave(entry)
    assert book.touched([change("messages", 7)]) == {}
    assert book.newly_named([change("sessions", 9, op="I")]) == {}


def test_it_knows_which_messages_changed() -> None:
    """Single ones by their ids; what says no id, or may have moved others or the session, is all of them."""
    book = Book()
    entry = entered(book)
    book.take(entry, rows("a"))
    single = [change("messages", 7, row_id=number, cols=WORDS) for number in (1, 2)] + [
        change("sessions", 7, cols=ACTIVITY)
    ]
    assert book.touched(single) == {entry: {1, 2}}
    for all_of_them in (
        change("messages", 7, row_id=None, cols=WORDS),
        change("messages", 7, row_id=3, cols=FACTS),
        change("sessions", 7, cols=FACTS | ACTIVITY),
        change("sessions", 7, op="D"),
    ):
        assert book.touched([*single, all_of_them, *single]) == {entry: None}
    assert book.touched([change("messages", 7, row_id=4, op="D")]) == {entry: {4}}


def test_it_goes_on_from_an_answer_that_leaves_a_memory() -> None:
    """A step holds all that changed since the answer; none without a memory, after a change of anything, or when alone."""
    book, cursor = Book(), Cursor(1, "one")
    entry = entered(book)
    assert entry.step() is None
    book.take(entry, Outcome(Rows([Row("a")]), memory="m"))
    book.soil(entry, cursor, {1})
    book.soil(entry, cursor, {2})
    step = entry.step()
    assert step is not None
    assert (set(step.changed), step.memory, list(step.rows)) == ({1, 2}, "m", ["a"])
    assert book.take(entry, Outcome(Rows([Row("b")]), memory="n", is_step=True))
    assert entry.since(1) == [("delta", b'"upsert":[{"id":"b","text":""}],"remove":[]}')]
    book.soil(entry, cursor, {3})
    book.soil(entry, cursor)
    book.soil(entry, cursor, {4})
    assert entry.step() is None
    book.take(entry, Outcome(Rows([Row("a")])))
    book.soil(entry, cursor, {5})
    assert entry.step() is None


def test_it_tells_the_steps_or_the_whole() -> None:
    """Who is one or two versions behind gets deltas, who is further behind or new the whole, who is there nothing."""
    book = Book()
    entry = entered(book)
    book.take(entry, rows("a"))
    for last in ("b", "c", "d"):
        assert book.take(entry, rows("a", last))
    assert [kind for kind, _ in entry.since(None)] == ["snapshot"]
    assert [kind for kind, _ in entry.since(1)] == ["snapshot"]
    assert [kind for kind, _ in entry.since(2)] == ["delta", "delta"]
    assert entry.since(3) == [("delta", b'"upsert":[{"id":"d","text":""}],"remove":["c"]}')]
    assert entry.since(4) == []


def test_it_drops_an_answer_that_did_not_change() -> None:
    """The same answer is no version; an error is one, once."""
    book = Book()
    entry = entered(book)
    assert book.take(entry, rows("a"))
    assert not book.take(entry, rows("a"))
    assert book.take(entry, Outcome(NotFound("Session not found")))
    assert not book.take(entry, Outcome(NotFound("Session not found")))
    assert entry.since(1) == [("error", b'"error":"Session not found"}')]
    assert entry.version == 2


def test_it_tells_what_stands_beside_the_rows() -> None:
    """A member that changed is told with the delta."""
    book = Book()
    entry = entered(book)
    book.take(entry, rows("a", cursor="x"))
    book.take(entry, rows("a", cursor="y"))
    assert entry.since(1) == [("delta", b'"upsert":[],"remove":[],"rest":{"next_cursor":"y"}}')]


def test_it_is_right_until_the_first_unseen_change() -> None:
    """What it may promise is the cursor before its first change, also while it is computed apart."""
    book = Book()
    entry = entered(book)
    book.take(entry, rows("a"))
    assert entry.right_until is None
    book.soil(entry, Cursor(1, "one"))
    book.soil(entry, Cursor(2, "two"))
    assert entry.right_until == Cursor(1, "one")
    book.begin(entry)
    book.soil(entry, Cursor(3, "three"))
    assert entry.right_until == Cursor(1, "one")
    book.take(entry, rows("b"))
    assert entry.right_until == Cursor(3, "three")
    assert book.dirty == {entry}


def test_it_is_dirty_when_its_day_turns() -> None:
    """At midnight of its own zone, where it depends on the clock."""
    book = Book()
    timeless = entered(book)
    far_east = book.enter(QUERY, Asked(tz="Pacific/Kiritimati"), 1)
    for entry in (timeless, far_east):
        book.take(entry, rows("a"))
    now = datetime.now(UTC)
    assert book.turned(now) == []
    assert book.turned(now + timedelta(days=1)) == [far_east]
