"""The change log: what is new since a cursor, how far followers are, and the partitions that hold it.

Partitions are days. They are made a week ahead by whoever starts or keeps time, and dropped a day after
their end, but only behind every cursor. Where nobody made one in time, rows fall into `change_log_rest`
and are moved when the partition is made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import psycopg

from service.storage.database import Connection
from service.storage.migrations import LOCK, connect
from service.storage.queries import load

SQL = load("change_log")
DAYS_AHEAD = 7
CURSOR_LIFE_DAYS = 7
MOST_CHANGES = 50_000
"""That are read at once: about 35 MB."""

WORDS, FACTS, COUNTS, LABELS, ACTIVITY = 1, 2, 4, 8, 16
"""Bits of `Change.cols`: which kinds of columns changed (see migrations/0004)."""


class Change(msgspec.Struct, frozen=True):
    """One row of the log. `row_id` None: a bulk statement touched many rows of the session."""

    workspace_id: int
    tbl: str
    op: str
    row_id: int | None
    session_id: int | None
    user_id: int | None
    cols: int
    at: datetime
    """When it was written, some time before its commit."""


def change_of(row: Mapping[str, Any]) -> Change:
    names = ("workspace_id", "tbl", "op", "row_id", "session_id", "user_id", "cols", "at")
    return Change(*[row[name] for name in names])


async def since(conn: Connection, cursor: str) -> tuple[str, list[Change]]:
    """The new cursor, and every change that it sees and `cursor` did not, in no order. `conn`: system.

    More than `MOST_CHANGES` of them: some are missing, and comparing with the tables costs less than reading them.
    """
    params = {"cursor": cursor, "most": MOST_CHANGES + 1}
    rows = await (await conn.execute(SQL["changes_since"], params)).fetchall()
    snapshot = rows[0].pop("snapshot")
    return snapshot, [change_of(row) for row in rows if row["tbl"] is not None]


async def since_xid(
    conn: Connection, xid: int, workspace_ids: Collection[int]
) -> list[tuple[int, Change]] | None:
    """What these workspaces changed in transactions from `xid` on, with the transaction; None: too much. `conn`: system."""
    params = {"xid": str(xid), "workspace_ids": list(workspace_ids), "most": MOST_CHANGES + 1}
    rows = await (await conn.execute(SQL["changes_since_xid"], params)).fetchall()
    return None if len(rows) > MOST_CHANGES else [(int(row["xid"]), change_of(row)) for row in rows]


async def floor(conn: Connection) -> int:
    """The highest transaction whose changes may have been dropped. `conn`: system."""
    row = await (await conn.execute(SQL["floor"])).fetchone()
    assert row is not None
    return int(row["dropped_xid"])


async def is_too_short(conn: Connection, cursor: str) -> bool:
    """Whether something that `cursor` had not seen may have been dropped: then compare with the tables."""
    row = await (await conn.execute(SQL["too_short"], {"cursor": cursor})).fetchone()
    assert row is not None
    return bool(row["too_short"])


async def snapshot(conn: Connection) -> str:
    """The cursor that has seen everything committed by now."""
    row = await (await conn.execute(SQL["snapshot"])).fetchone()
    assert row is not None
    return str(row["snapshot"])


async def waiting(conn: Connection, workspace_id: int, cursor: str) -> int:
    """How many messages of a workspace changed since `cursor`."""
    row = await (
        await conn.execute(SQL["waiting"], {"workspace_id": workspace_id, "cursor": cursor})
    ).fetchone()
    assert row is not None
    return int(row["messages"])


async def missing(conn: Connection, workspace_id: int, *, cursor: str, token: str) -> bool:
    """Whether `token` (a snapshot) sees a change of the workspace that `cursor` does not."""
    params = {"workspace_id": workspace_id, "cursor": cursor, "token": token}
    row = await (await conn.execute(SQL["missing"], params)).fetchone()
    assert row is not None
    return bool(row["missing"])


async def waiting_in_all(conn: Connection, cursor: str) -> int:
    """How many changes of messages followed `cursor`, whosever they are. `conn`: system."""
    row = await (await conn.execute(SQL["waiting_in_all"], {"cursor": cursor})).fetchone()
    assert row is not None
    return int(row["changes"])


async def read_cursor(conn: Connection, name: str) -> str | None:
    row = await (await conn.execute(SQL["read_cursor"], {"name": name})).fetchone()
    return row["snapshot"] if row else None


async def move_cursor(conn: Connection, name: str, cursor: str) -> None:
    await conn.execute(SQL["move_cursor"], {"name": name, "snapshot": cursor})


async def forget_cursors(conn: Connection) -> None:
    """Followers that were not heard of for a week stop holding the log back; they compare when they return."""
    await conn.execute(SQL["forget_cursors"], {"days": CURSOR_LIFE_DAYS})


def keep_partitions(url: str, *, now: datetime, keep_hours: int) -> tuple[list[date], list[date]]:
    """Make the partitions up to a week ahead and drop those that nobody needs; the days made and dropped.

    Runs as the owner, under the migrations' lock; safe to repeat and to run in several processes. A partition that
    somebody reads right now (a dump, say) is left for the next time: waiting for it would hold up every write.
    """
    with connect(url) as conn:
        conn.execute("select pg_advisory_lock(%s)", (LOCK,))
        try:
            conn.execute("set lock_timeout = '2s'")
            present = [
                datetime.strptime(row[0], "%Y%m%d").date()
                for row in conn.execute(SQL["partitions"]).fetchall()
            ]
            wanted = to_make(present, now=now)
            old = to_drop(present, now=now, keep_hours=keep_hours)
            made = [day for day in wanted if unless_read(make_partition, conn, day)]
            dropped = [day for day in old if unless_read(drop_partition, conn, day)]
            return made, dropped
        finally:
            conn.execute("select pg_advisory_unlock(%s)", (LOCK,))


def to_make(present: Sequence[date], *, now: datetime) -> list[date]:
    """
    >>> to_make([date(2026, 1, 1)], now=datetime(2026, 1, 1, 23, tzinfo=UTC))[0]
    datetime.date(2026, 1, 2)
    """
    today = now.astimezone(UTC).date()
    wanted = (today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1))
    return [day for day in wanted if day not in present]


def to_drop(present: Sequence[date], *, now: datetime, keep_hours: int) -> list[date]:
    """Days that ended longer than `keep_hours` ago.

    >>> to_drop([date(2026, 1, 1), date(2026, 1, 2)], now=datetime(2026, 1, 3, 12, tzinfo=UTC), keep_hours=24)
    [datetime.date(2026, 1, 1)]
    """
    end = now - timedelta(hours=keep_hours)
    return [day for day in present if start_of(day + timedelta(days=1)) <= end]


def unless_read(
    change: Callable[[psycopg.Connection, date], bool], conn: psycopg.Connection, day: date
) -> bool:
    """Make or drop a partition; False when that would have to wait for somebody, or need not be."""
    try:
        return change(conn, day)
    except psycopg.errors.LockNotAvailable:
        return False


def make_partition(conn: psycopg.Connection, day: date) -> bool:
    """A day's partition; rows of that day that fell into the rest move into it."""
    name, start, end = f"change_log_{day:%Y%m%d}", start_of(day), start_of(day + timedelta(days=1))
    with conn.transaction():
        run(conn, "lock table change_log in share row exclusive mode")
        run(conn, f"create table {name} (like change_log including defaults including constraints)")
        run(conn, f"alter table {name} enable row level security")
        run(
            conn,
            f"with moved as (delete from change_log_rest where at >= '{start}' and at < '{end}' returning *)"
            f" insert into {name} select * from moved",
        )
        run(conn, f"alter table change_log attach partition {name} for values from ('{start}') to ('{end}')")
    return True


def drop_partition(conn: psycopg.Connection, day: date) -> bool:
    """Drop a day unless a follower may still need it; remember how far back the log now reaches."""
    name = f"change_log_{day:%Y%m%d}"
    with conn.transaction():
        # First of all, so that no transaction that wrote to it is still open.
        run(conn, f"lock table change_log, {name} in access exclusive mode")
        row = conn.execute(f"select max(xid::text::numeric) from {name}").fetchone()
        highest = row[0] if row else None
        oldest = conn.execute(SQL["oldest_cursor"]).fetchone()
        if highest is not None and oldest and oldest[0] is not None and int(oldest[0]) <= highest:
            return False
        if highest is not None:
            conn.execute(
                "update change_log_floor set dropped_xid = greatest(dropped_xid::text::numeric, %s)::text::xid8",
                (highest,),
            )
        run(conn, f"drop table {name}")
    return True


def run(conn: psycopg.Connection, statement: str) -> None:
    """A statement that names a partition: a day's digits, never anything from outside."""
    conn.execute(statement)


def start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
