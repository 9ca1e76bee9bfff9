"""Live streams where they usually break: crossing transactions, restarts, resumes, slow readers, lost rights.

The numbers are those of the check-list in docs/live.md; each test fails when the guard that it names is taken away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from copy import deepcopy
from pathlib import Path

import psycopg
import pytest
from http_service import HttpService, http_service
from live_house import House, stopped_reader, told
from live_reader import SOON_S, Query, Reader, following
from live_soak import moment
from live_writer import Writer, as_owner, writing

from service.api.gate import auth
from service.model import snapshot
from service.postgres import EmbeddedPostgres
from service.storage import people, standing
from service.storage.migrations import migrate

LIST: Query = ("a", "sessions.list", {})


def messages_of(session: str, id: str = "a") -> Query:
    return (id, "sessions.messages", {"session": session})


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Of the service that tests share; or of its own, with the patience that the test gives, in seconds."""
    if not hasattr(request, "param"):
        yield House(request.getfixturevalue("service"))
        return
    template = request.getfixturevalue("template_18")
    with http_service(template, tmp_path, indexed=False, patience_s=request.param) as service:
        yield House(service)


@pytest.fixture
def own_house(template_18: EmbeddedPostgres, tmp_path: Path) -> Iterator[House]:
    """On a database that no other test uses."""
    with http_service(template_18, tmp_path, indexed=False) as service:
        yield House(service)


@pytest.fixture
async def writer(house: House) -> AsyncIterator[Writer]:
    async with writing(house.database, house.workspace[0], ring=house.ring) as writer:
        yield writer


@pytest.fixture
async def other(house: House) -> AsyncIterator[Writer]:
    async with writing(house.database, house.workspace[0], ring=house.ring) as writer:
        yield writer


def listed(reader: Reader) -> list[str]:
    return sorted(reader.ids(rows="sessions"))


async def test_it_1_tells_what_commits_in_the_other_order(
    house: House, writer: Writer, other: Writer
) -> None:
    """The lower id and the lower transaction commit last, and arrive. Guard: a cursor is a snapshot."""
    async with following(house.url, house.key, LIST) as reader:
        await reader.until(lambda: "snapshot" in reader.kinds)
        await writer.session("lower")
        await other.session("higher")
        await other.commit()
        await reader.until(lambda: listed(reader) == ["higher"])
        await writer.commit()
        await reader.until(lambda: listed(reader) == ["higher", "lower"])


async def test_it_2_does_not_wait_for_an_open_transaction(
    house: House, writer: Writer, other: Writer
) -> None:
    """While one stays open others' changes arrive; its own when it commits. Guard: no horizon of xmin."""
    async with following(house.url, house.key, LIST) as reader:
        await reader.until(lambda: "snapshot" in reader.kinds)
        await writer.session("held")
        for number in range(20):
            await other.session(f"s{number}")
            await other.commit()
            await reader.until(lambda number=number: len(listed(reader)) == number + 1)  # type: ignore[misc]
        await writer.commit()
        await reader.until(lambda: "held" in listed(reader))


async def test_it_3_and_4_never_tells_what_was_rolled_back(house: House, writer: Writer) -> None:
    """Neither of a transaction nor of a savepoint; what savepoints keep arrives. Guard: xids of the top level."""
    async with following(house.url, house.key, LIST) as reader:
        await reader.until(lambda: "snapshot" in reader.kinds)
        await writer.session("rolled back")
        await writer.rollback()
        await writer.run("savepoint a")
        await writer.session("also")
        await writer.run("rollback to savepoint a")
        await writer.run("savepoint b")
        await writer.session("kept")
        await writer.run("release savepoint b")
        await writer.commit()
        await reader.until(lambda: listed(reader) == ["kept"])
        assert all("rolled back" not in str(event) and "also" not in str(event) for event in reader.events)


async def test_it_5_takes_out_what_moved_or_went(house: House, writer: Writer) -> None:
    """A message that moved leaves its session and comes to the other; a deleted session leaves the list, and its messages
    answer an error. Guard: the log tells old places too."""
    one, two = await writer.session("one"), await writer.session("two")
    await writer.message(one, "m1", "m2")
    await writer.commit()
    queries = (messages_of("one", "one"), messages_of(f"s{two}", "two"), LIST)
    async with following(house.url, house.key, *queries) as reader:
        await reader.until(lambda: reader.kinds.count("snapshot") == 3)
        await writer.run("update messages set session_id = %s where external_id = 'm1'", two)
        await writer.commit()
        await reader.until(lambda: (reader.ids("one"), reader.ids("two")) == (["m2"], ["m1"]))
        assert any(event.data.get("remove") for event in reader.events)
        await writer.run("delete from sessions where id = %s", two)
        await writer.commit()
        await reader.until(lambda: reader.result("two") == {"error": "Session not found"})
        await reader.until(lambda: listed(reader) == ["one"])


async def test_it_6_misses_nothing_that_is_written_while_it_subscribes(house: House, writer: Writer) -> None:
    """The one message of a session, committed at any moment while a reader comes, is told; no later change would mend a
    miss. Guard: answers and cursor are of one snapshot."""
    sessions = [await writer.session(f"busy {number}") for number in range(50)]
    await writer.commit()

    async def write(number: int) -> None:
        await moment(0.0005 * number)
        await writer.message(sessions[number], "only")
        await writer.commit()

    for number in range(50):
        async with following(house.url, house.key, messages_of(f"busy {number}")) as reader:
            writing = asyncio.create_task(write(number))  # the head is here, the first tick about to begin
            await reader.until(lambda reader=reader: reader.ids() == ["only"])  # type: ignore[misc]
        await writing


async def test_it_7_finds_what_was_committed_without_a_bell(house: House) -> None:
    """Who commits and dies before ringing, or writes with psql, is found by the next look. Guard: the poll of 250 ms."""
    async with following(house.url, house.key, LIST) as reader:
        await reader.until(lambda: "snapshot" in reader.kinds)
        async with writing(house.database, house.workspace[0]) as writer:
            for number in range(3):  # when it has just begun it looks a second time anyway
                await writer.session(f"quiet{number}")
                await writer.commit()
                await reader.until(lambda number=number: f"quiet{number}" in listed(reader))  # type: ignore[misc]


async def test_it_8_goes_on_when_postgres_is_back(home: Path, tmp_path: Path) -> None:
    """A stream outlives a restart of Postgres and tells what came before and after it. Guard: connections that stand again."""
    with EmbeddedPostgres.start(home.parent) as server:
        migrate(server.url)
        with HttpService(server.url, tmp_path, indexed=False) as service:
            house = House(service)
            async with following(house.url, house.key, LIST) as reader:
                await reader.until(lambda: "snapshot" in reader.kinds)
                async with writing(house.database, house.workspace[0]) as writer:
                    await writer.session("before")
                    await writer.commit()
                server.stop()
                with EmbeddedPostgres.start(home.parent):
                    async with writing(house.database, house.workspace[0]) as writer:
                        await writer.session("after")
                        await writer.commit()
                    await reader.until(lambda: listed(reader) == ["after", "before"])


async def test_it_9_resets_where_the_log_is_too_short(own_house: House) -> None:
    """A token from before what was dropped gets `reset` and the whole, not silence. Guard: the floor of the log."""
    house = own_house
    async with following(house.url, house.key, LIST) as reader:
        await reader.until(lambda: "snapshot" in reader.kinds)
        token = reader.token
    await as_owner(house.database, "update change_log_floor set dropped_xid = pg_current_xact_id()")
    async with following(house.url, house.key, LIST, resume=token) as reader:
        await reader.until(lambda: reader.kinds == ["reset", "snapshot"])
        assert "no longer reaches back" in reader.events[0].data["reason"]


@pytest.mark.parametrize("of", ["another database", "a restored one", "a later state", "nothing"])
async def test_it_10_resets_for_a_token_of_elsewhere(house: House, of: str) -> None:
    """Transaction ids begin again in a restored cluster: such a token means nothing here. Guard: the epoch, and xmax."""
    async with following(house.url, house.key, LIST) as reader:
        await reader.until(lambda: "snapshot" in reader.kinds)
    epoch, _, seen = reader.token.removeprefix("c.").partition(".")
    token = {
        "another database": f"c.abc-0.{seen}",
        "a restored one": f"c.{epoch.partition('-')[0]}-7.{seen}",
        "a later state": f"c.{epoch}.99999999:99999999:",
        "nothing": "what is this",
    }[of]
    async with following(house.url, house.key, LIST, resume=token) as reader:
        await reader.until(lambda: reader.kinds == ["reset", "snapshot"])


async def test_it_11_keeps_nothing_for_a_reader_that_stopped(house: House, writer: Writer) -> None:
    """Megabytes of changes cost a stopped reader's socket and no more; others are told all; when it reads again, it is
    brought up to date by few events. Guard: versions in place of a queue."""
    session = await writer.session("big")
    await writer.commit()
    figures = house.service.resources.live.figures
    query = '{"id":"a","query":"sessions.messages","args":{"session":"big"}}'.replace('"', "%22")
    with stopped_reader(house, query) as stopped:
        async with following(house.url, house.key, messages_of("big")) as reader:
            await reader.until(lambda: "snapshot" in reader.kinds)
            await writer.message(session, "m", text="x")
            await writer.commit()
            await reader.until(lambda: reader.ids() == ["m"])
            before = figures.bytes
            for number in range(60):
                wanted = f"{number:05}" * 100_000
                await writer.run("update messages set text = %s where external_id = 'm'", wanted)
                await writer.commit()
                await reader.until(lambda wanted=wanted: told(reader) == wanted)  # type: ignore[misc]
        assert figures.bytes - before > 30_000_000
        assert figures.bytes - before < 45_000_000  # the other's, and what the stopped one's buffers took
        stopped.settimeout(SOON_S)
        heard, last = bytearray(), wanted.encode()
        while last not in heard[-2_000_000:]:
            heard += (chunk := await asyncio.to_thread(stopped.recv, 1 << 20))
            assert chunk
        assert heard.count(b"event: ") < 40


@pytest.mark.parametrize("house", [1], indirect=True, ids=["after a second"])
async def test_it_11_cuts_a_reader_that_takes_nothing(house: House, writer: Writer) -> None:
    """Whoever takes nothing for the patience is cut, and counted. Guard: the patience of connections."""
    session = await writer.session("big")
    await writer.message(session, *[f"m{number}" for number in range(400)], text="x" * 40_000)
    await writer.commit()
    figures = house.service.resources.live.figures
    before = figures.closed.get("stalled", 0)
    with stopped_reader(
        house, "%7B%22query%22:%22sessions.messages%22,%22args%22:%7B%22session%22:%22big%22%7D%7D"
    ):
        async with following(house.url, house.key, LIST) as reader:
            await reader.until(lambda: "snapshot" in reader.kinds)
            for number in range(3):
                await writer.session(f"n{number}")
                await writer.run("update messages set text = text || 'x' where session_id = %s", session)
                await writer.commit()
                await reader.until(lambda number=number: f"n{number}" in str(reader.events[-1]))  # type: ignore[misc]
            async with asyncio.timeout(SOON_S):
                while figures.closed.get("stalled", 0) == before:
                    await moment(0.05)


@pytest.mark.parametrize(
    "loss",
    [
        "update api_keys set revoked_at = now() where user_id = %s",
        "delete from members where user_id = %s",
        "update api_keys set scopes = '{ingest}' where user_id = %s",
    ],
    ids=["key", "member", "scope"],
)
async def test_it_12_tells_nothing_after_rights_are_lost(house: House, writer: Writer, loss: str) -> None:
    """What is written in the very transaction that takes the right away is not told. Guard: keys before answers in a tick."""
    async with following(house.url, house.key, LIST, ("s", "stats", {})) as reader:
        await reader.until(lambda: reader.kinds.count("snapshot") == 2)
        await writer.session("secret")
        await writer.run(loss, house.workspace[1])
        await writer.commit()
        await reader.until_ended()
        assert reader.kinds[2:] == ["revoked"]
        assert house.service.resources.live.count(0) == 0


async def test_it_12_tells_nothing_to_who_comes_with_a_right_that_is_remembered(
    house: House, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key is remembered for a second: a stream that is opened with one that was revoked in it, after the tick that saw
    that, is cut as well. Guard: who comes is looked up in its first tick."""
    monkeypatch.setattr(auth, "CACHED_S", 600.0)
    key = house.service.key(house.workspace)
    with house.service.client(key) as api:
        assert api.get("/api/stats").status_code == 200
    async with following(house.url, house.key, LIST) as reader:
        await reader.until(lambda: "snapshot" in reader.kinds)
        await writer.run(
            "update api_keys set revoked_at = now() where key_sha256 = %s", people.key_sha256(key)
        )
        await writer.session("mark")
        await writer.commit()
        await reader.until(lambda: listed(reader) == ["mark"])
        async with following(house.url, key, LIST) as late:
            await late.until_ended()
            assert late.kinds == ["revoked"]


async def test_it_13_takes_many_back_at_once(house: House, writer: Writer) -> None:
    """Readers who come back all at one moment cost a look into the log and no answer each. Guard: one look for all who come."""
    await writer.session("one")
    await writer.commit()
    async with following(house.url, house.key, LIST) as reader:
        await reader.until(lambda: "snapshot" in reader.kinds)
        token, held = reader.token, reader.folded
    live = house.service.resources.live
    before = live.figures.statements
    async with AsyncExitStack() as stack:
        comings = [
            following(house.url, house.key, LIST, resume=token, held=deepcopy(held)) for _ in range(150)
        ]
        readers = await asyncio.gather(*map(stack.enter_async_context, comings))
        while not all(each.ready for stream in live.open_streams() for each in stream.subscriptions):
            await moment(0.01)
        assert [each.kinds for each in readers if each.events] == []
        await writer.session("two")
        await writer.commit()
        for each in readers:
            await each.until(lambda each=each: listed(each) == ["one", "two"])  # type: ignore[misc]
            assert each.kinds == ["delta"]
        assert live.figures.statements - before < 20


async def test_it_15_tells_of_a_bulk_statement(house: House, writer: Writer) -> None:
    """More than 500 rows at once are one row of the log, and all arrive. Guard: rows are watched by their session."""
    session = await writer.session("bulk")
    await writer.commit()
    async with following(house.url, house.key, messages_of("bulk")) as reader:
        await reader.until(lambda: "snapshot" in reader.kinds)
        await writer.message(session, *[f"m{number}" for number in range(700)])
        await writer.commit()
        await reader.until(lambda: len(reader.ids()) == 700)


async def test_it_16_reads_from_the_primary(database_url: str) -> None:
    """A standby, where an acknowledged commit may not have arrived, is not read: no connection stands on one that only
    reads. Guard: target_session_attrs."""
    async with standing.connected(database_url, role="backscroll_app", name="test"):
        pass
    name = database_url.partition("@/")[2].partition("?")[0]
    await as_owner(database_url, f"alter database {name} set default_transaction_read_only = on")
    with pytest.raises(psycopg.OperationalError, match="read-only"):
        async with standing.connected(database_url, role="backscroll_app", name="test"):
            pass


async def test_it_17_passes_proxies_and_carries_a_page_in_one_stream(house: House) -> None:
    """Nothing on the way may hold events back, and one connection carries many queries. Guard: headers; several `q`."""
    queries = [(str(number), "sessions.list", {"limit": number}) for number in range(1, 13)]
    async with following(house.url, house.key, *queries) as reader:
        await reader.until(lambda: len(reader.folded) == 12)
        headers = reader.answer.headers
        assert headers["x-accel-buffering"] == "no"
        assert headers["cache-control"] == "no-cache, no-transform"
        assert headers["content-type"].startswith("text/event-stream")
        assert "content-length" not in headers


async def test_it_18_listens_outside_of_transactions(house: House, writer: Writer) -> None:
    """Who listens in an open transaction fills the queue of NOTIFY: while ticks run, the listener never is in one, and
    whoever ticks is not for long. Guard: another connection for ticks."""
    async with following(house.url, house.key, LIST) as reader:
        for number in range(30):
            await writer.session(f"s{number}")
            await writer.commit()
            await reader.until(lambda number=number: f"s{number}" in listed(reader))  # type: ignore[misc]
            states = await as_owner(
                house.database,
                "select state, xact_start is null or query ilike '%%poll%%' from pg_stat_activity"
                " where application_name = 'backscroll-feed' and datname = current_database()",
            )
            assert states
            assert all(state == "idle" and outside for state, outside in states)


async def test_it_19_tells_how_long_a_transaction_is_held(
    house: House, writer: Writer, other: Writer
) -> None:
    """One that stays open (or prepared and forgotten) holds the oldest snapshot: /metrics tells for how long, for an alert."""
    held = house.service.resources.live.figures
    async with following(house.url, house.key, LIST) as reader:
        await reader.until(lambda: "snapshot" in reader.kinds)
        await writer.session("held")
        for number in range(5):
            await other.session(f"s{number}")
            await other.commit()
            await reader.until(lambda number=number: f"s{number}" in listed(reader))  # type: ignore[misc]
        assert held.held_s > 0
        assert snapshot.parse(reader.token.rpartition(".")[2]).xip
        await writer.commit()
        await reader.until(lambda: "held" in listed(reader))
