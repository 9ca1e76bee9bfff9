"""People and keys: who loses what when, what may not be, and that a workspace that is deleted is gone from everywhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import House, owner_column, plant, tables

from indexing.fulltext import open_reader
from indexing.model import Query, Term
from service.api.gate import tickets
from service.api.gate.auth import CACHED_S, Keys
from service.errors import Conflict, NotFound, RequestError, SettingError, Unauthorized
from service.jobs import people as household
from service.jobs.index_words import index_words
from service.live.feed import Feed
from service.live.tasks import cancelled
from service.model.session import SessionWrite
from service.storage import administration, people, sync
from service.storage.database import Database, open_database

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SOON_S = 20.0


async def team(db: Database) -> tuple[administration.Workspace, str]:
    """A shared workspace of ann, its owner, and bob; bob's key."""
    for name in ("ann", "bob"):
        await household.create_user(db, name)
    await household.create_workspace(db, "team", kind="shared", owner="ann")
    await household.set_member(db, workspace="team", user="bob", role="admin")
    return await household.find_workspace(db, "team"), await key_of(db, "bob")


async def key_of(db: Database, user: str, scopes: tuple[str, ...] = people.ALL_SCOPES) -> str:
    made = await household.create_key(
        db, workspace="team", user=user, scopes=scopes, expires_at=None, name=""
    )
    return made.key


def headers(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def scopes_of(keys: Keys, key: str) -> set[str]:
    """What a key opens now; nothing when it is refused."""
    try:
        return set((await keys.of_key(key, now=datetime.now(UTC))).scopes)
    except Unauthorized:
        return set()


@pytest.mark.parametrize(
    ("act", "left"),
    [
        ("revoke", set()),
        ("remove", set()),
        ("lower", {"ingest", "read"}),
        ("expire", set()),
        ("delete", set()),
    ],
)
async def test_it_takes_a_key_away_on_every_process_within_a_second(
    db: Database, database_url: str, act: str, left: set[str]
) -> None:
    """Two processes know a key: revoked, expired, its member removed or lowered, its workspace deleted, both stop within a second."""
    workspace, key = await team(db)
    other = await open_database(database_url, pool_size=2)
    processes = [Keys(db), Keys(other)]
    assert [await scopes_of(keys, key) for keys in processes] == [set(people.ALL_SCOPES)] * 2

    (found,) = await household.list_keys(db, "team")
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "revoke": lambda: household.revoke_key(db, f"k{found.id}"),
        "remove": lambda: household.remove_member(db, workspace="team", user="bob"),
        "lower": lambda: household.set_member(db, workspace="team", user="bob", role="member"),
        "expire": lambda: expire(db, found),
        "delete": lambda: administration.close_workspace(db, workspace.id),
    }
    await acts[act]()
    done_s = time.monotonic()
    for keys in processes:
        while await scopes_of(keys, key) != left:
            assert time.monotonic() - done_s < CACHED_S + 0.5
    await other.close()


async def expire(db: Database, key: administration.Key) -> None:
    async with db.workspace(key.workspace_id) as conn:
        await conn.execute(
            "update api_keys set expires_at = now() - interval '1 second' where id = %s", [key.id]
        )


async def test_it_gives_the_scope_admin_to_owners_and_admins_only(db: Database) -> None:
    """A member may have keys that send and read; of a key with `admin`, that is what is left when the role is lowered."""
    await team(db)
    await household.set_member(db, workspace="team", user="bob", role="member")
    with pytest.raises(Conflict, match="takes an owner or admin"):
        await key_of(db, "bob", ("read", "admin"))
    read, both = await key_of(db, "bob", ("read",)), await key_of(db, "bob", ("ingest", "read"))
    assert await scopes_of(Keys(db), read) == {"read"}
    assert await scopes_of(Keys(db), both) == {"ingest", "read"}
    listed = {tuple(key.scopes) for key in await household.list_keys(db, "team")}
    assert listed == {("ingest", "read"), ("read",)}


async def test_it_keeps_an_owner(db: Database) -> None:
    """The last owner is neither removed nor lowered, and can go when there is another."""
    await team(db)
    with pytest.raises(Conflict, match="keeps an owner"):
        await household.remove_member(db, workspace="team", user="ann")
    with pytest.raises(Conflict, match="keeps an owner"):
        await household.set_member(db, workspace="team", user="ann", role="admin")
    await household.set_member(db, workspace="team", user="bob", role="owner")
    await household.remove_member(db, workspace="team", user="ann")
    assert [m.user for m in await administration.members(db)] == ["bob"]


async def test_it_keeps_an_owner_of_two_who_leave_at_once(db: Database) -> None:
    """Both ask at the same moment: one goes, the other is told."""
    await team(db)
    await household.set_member(db, workspace="team", user="bob", role="owner")
    left = await asyncio.gather(
        *(household.remove_member(db, workspace="team", user=user) for user in ("ann", "bob")),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in left) == ["Conflict", "Member"]
    assert len(await administration.members(db)) == 1


async def test_it_keeps_a_personal_workspace_to_its_owner(db: Database) -> None:
    """Nobody else becomes a member of it."""
    await household.create_user(db, "bob")
    await household.create_user(db, "ann")
    await household.create_workspace(db, "own", kind="personal", owner="ann")
    with pytest.raises(Conflict, match="somebody's own"):
        await household.set_member(db, workspace="own", user="bob", role="member")


async def test_it_names_what_there_is(db: Database) -> None:
    """Unknown names are answered with the known ones, taken ones are refused, and a name that is left out means the only one."""
    with pytest.raises(NotFound, match="backscroll user create NAME"):
        await household.create_workspace(db, "team", kind="shared", owner=None)
    await household.create_user(db, "ann")
    made = await household.create_workspace(db, "team", kind="shared", owner=None)
    assert made.members == ["ann"]
    assert (await household.find_workspace(db, None)).name == "team"
    with pytest.raises(Conflict, match="already"):
        await household.create_user(db, " ann ")
    with pytest.raises(Conflict, match="already"):
        await household.create_workspace(db, "team", kind="shared", owner="ann")
    await household.create_workspace(db, "second", kind="shared", owner="ann")
    with pytest.raises(NotFound, match="`second`, `team`"):
        await household.find_workspace(db, "tea")
    with pytest.raises(SettingError, match="--workspace"):
        await household.find_workspace(db, None)
    await household.create_user(db, "bob")
    with pytest.raises(NotFound, match="no member"):
        await key_of(db, "bob")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\0", "x" * 201, "\x1b[31m", "\udc80"])
async def test_it_refuses_names_that_cannot_be_shown(db: Database, name: str) -> None:
    """A name is one printable line."""
    with pytest.raises(RequestError, match="A name is one line"):
        await household.create_user(db, name)


@pytest.mark.parametrize(
    "text", ["", "30", "0d", "-1d", "1w", "2026-13-01", "999999999d", "2026-05-04", "tomorrow"]
)
def test_it_refuses_an_expiry_that_is_none_or_over(text: str) -> None:
    """Days, hours or a day ahead; all else is a sentence."""
    with pytest.raises(SettingError, match="An expiry"):
        household.expiry(text, now=NOW)


async def test_it_remembers_who_brought_a_session(db: Database) -> None:
    """In a shared workspace each session has the user whose key brought it, also after that user has gone."""
    workspace, bobs = await team(db)
    keys = Keys(db)
    for name, key in (("ann", await key_of(db, "ann")), ("bob", bobs)):
        caller = await keys.of_key(key, now=datetime.now(UTC))
        await sync.apply(
            db,
            workspace_id=workspace.id,
            user_id=caller.user_id,
            now=NOW,
            sessions=[SessionWrite(external_id=name)],
        )
    await household.remove_member(db, workspace="team", user="bob")
    ids = {user.id: user.name for user in await administration.users(db)}
    async with db.workspace(workspace.id) as conn:
        rows = await (await conn.execute("select external_id, user_id from sessions")).fetchall()
    assert {row["external_id"]: ids[row["user_id"]] for row in rows} == {"ann": "ann", "bob": "bob"}


async def test_it_leaves_nothing_of_a_deleted_workspace(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    """No table has a row of it (the change log has ids, for followers), no document is left in the text index; another's stay."""
    (a, ann), (b, bob) = [await people.create_workspace(db, name=name, user=name) for name in ("a", "b")]
    async with db.system() as conn:
        await conn.execute("insert into embedding_models (name, dimension, status) values ('m', 2, 'active')")
    await plant(db, a, ann)
    await plant(db, b, bob)
    house = House(db, database_url, a, b)
    before = await house.filled(b)
    assert before == set(tables(database_url))
    async with Feed(database_url) as feed:
        indexer = asyncio.create_task(index_words(db, feed, tmp_path))
        await until(db, lambda: in_index(tmp_path, a) == in_index(tmp_path, b) == 2)
        assert await household.delete_workspace(db, await household.find_workspace(db, "a")) == 1
        await until(db, lambda: in_index(tmp_path, a) == 0)
        assert in_index(tmp_path, b) == 2
        await cancelled(indexer)
    assert rows_left(database_url, a) == {"audit_log", "change_log"}
    assert await house.filled(b) == before
    with psycopg.connect(database_url) as conn:
        told = conn.execute(
            "select op::text, row_id from change_log where tbl = 'workspaces' and workspace_id = %s", [a]
        )
        assert told.fetchall() == [("D", a)]


def in_index(directory: Path, workspace_id: int) -> int:
    """How many messages and titles of a workspace the text index finds."""
    query = Query(text="hello", terms=(Term("hello"),))
    return len(open_reader(directory).search(workspace_id, query, limit=10))


async def until(db: Database, good: Callable[[], bool]) -> None:
    """Until it is so, with a round trip to the database between two looks."""
    async with asyncio.timeout(SOON_S):
        while not good():
            await db.token()


def rows_left(url: str, workspace_id: int) -> set[str]:
    """The tables that have rows of a workspace, as one sees them who may see all."""
    with psycopg.connect(url) as conn:
        return {
            table
            for table in tables(url)
            if table != "users"
            and conn.execute(
                f"select 1 from {table} where {owner_column(table)} = %s limit 1",  # type: ignore[arg-type]
                [workspace_id],
            ).fetchone()
        }


async def test_it_goes_on_deleting_where_it_was_cut_short(db: Database, database_url: str) -> None:
    """A workspace whose members and some sessions are gone already is deleted by asking again."""
    workspace_id, user_id = await people.create_workspace(db, name="w", user="ann")
    many = administration.SESSIONS_AT_ONCE * 2 + 1
    writes = [SessionWrite(external_id=f"s{n}") for n in range(many)]
    await sync.apply(db, workspace_id=workspace_id, user_id=user_id, now=NOW, sessions=writes)
    await administration.close_workspace(db, workspace_id)
    cut_short = await administration.delete_some_sessions(db, workspace_id)
    told: list[int] = []
    workspace = await household.find_workspace(db, "w")
    assert (
        await household.delete_workspace(db, workspace, report=told.append) + cut_short
        == many
        == 50 + told[-1]
    )
    assert rows_left(database_url, workspace_id) == {"audit_log", "change_log"}
    assert await administration.workspaces(db) == []


async def test_it_logs_no_request_of_a_workspace_that_is_gone(db: Database) -> None:
    """Lines of a workspace that was deleted while they waited are dropped without an error."""
    async with db.workspace(4711) as conn:
        line = people.RequestLine(4711, 1, NOW, "GET", "/", 200, 1.0)
        await people.log_requests(conn, 4711, [line])


async def test_it_finds_keys_of_its_own_database_by_ticket(db: Database) -> None:
    """A ticket opens what its key opens, ends with it and by itself, and opens nothing when its numbers are another's."""
    workspace, key = await team(db)
    keys = Keys(db)
    found = await keys.of_key(key, now=datetime.now(UTC))
    ends_at = datetime.now(UTC) + timedelta(minutes=1)

    async with db.system() as conn:
        secret = await people.cookie_secret(conn)

    def ticket(key_id: int) -> str:
        ends_s = int(ends_at.timestamp())
        return tickets.seal(key, of_house=secret, workspace_id=workspace.id, key_id=key_id, ends_s=ends_s)

    opened = await keys.of_ticket(ticket(found.key_id), now=datetime.now(UTC))
    assert (opened.key_id, opened.scopes, opened.expires_at) == (
        found.key_id,
        found.scopes,
        ends_at.replace(microsecond=0),
    )
    await key_of(db, "ann")
    for value, now in ((ticket(found.key_id), ends_at), (ticket(found.key_id + 1), datetime.now(UTC))):
        with pytest.raises(Unauthorized, match="Invalid or expired token"):
            await keys.of_ticket(value, now=now)


KEY, HOUSE = "osk_secret-key-of-somebody", b"a secret of the house" + 11 * b"."
TICKET = tickets.seal(KEY, of_house=HOUSE, workspace_id=3, key_id=7, ends_s=1_900_000_000)
SHA256 = people.key_sha256(KEY)


@given(st.data())
def test_it_opens_no_ticket_that_was_changed(data: st.DataObject) -> None:
    """Torn anywhere, or with one character for another, it is none."""
    place = data.draw(st.integers(0, len(TICKET) - 2))  # the last character has bits that mean nothing
    other = data.draw(st.characters(codec="latin-1").filter(lambda c: c != TICKET[place]))
    for value in (TICKET[:place], TICKET[:place] + other + TICKET[place + 1 :], TICKET + other):
        read = tickets.read(value)
        assert read is None or not tickets.opens(read, SHA256, of_house=HOUSE)


@given(st.text(max_size=600))
def test_it_reads_any_text_as_a_ticket_or_none(text: str) -> None:
    """Nothing raises."""
    assert tickets.read(text) is None


def test_it_makes_no_ticket_of_what_the_database_holds() -> None:
    """The hash and the secret, as whoever reads the database has them, seal nothing that opens: the key itself must lie within."""
    head, nonce, secret = b"1.3.7.1900000000", b"n" * 16, tickets.both(SHA256, HOUSE)
    sealed = tickets.mixed(b"osk_guess", secret, nonce)
    forged = tickets.Ticket(
        head, 3, 7, 1_900_000_000, nonce, sealed, tickets.tag(secret, head, nonce, sealed)
    )
    assert not tickets.opens(forged, SHA256, of_house=HOUSE)


def test_it_opens_no_ticket_with_what_a_backup_holds() -> None:
    """The hash of the key, as a stolen backup has it, neither opens a stolen ticket nor unseals the key in it."""
    ticket = tickets.read(TICKET)
    assert ticket is not None
    assert tickets.opens(ticket, SHA256, of_house=HOUSE)
    for guess in (b"", SHA256, HOUSE[:-1]):
        assert not tickets.opens(ticket, SHA256, of_house=guess)
        assert tickets.mixed(ticket.sealed, tickets.both(SHA256, guess), ticket.nonce) != KEY.encode()
    assert tickets.mixed(ticket.sealed, SHA256, ticket.nonce) != KEY.encode()


def test_it_does_not_tell_the_key_in_a_ticket() -> None:
    """The key is not in it, and the same key is sealed otherwise each time."""
    again = tickets.seal(KEY, of_house=HOUSE, workspace_id=3, key_id=7, ends_s=1_900_000_000)
    first, second = tickets.read(TICKET), tickets.read(again)
    assert first is not None
    assert second is not None
    assert first.sealed != second.sealed
    assert b"secret" not in first.sealed
