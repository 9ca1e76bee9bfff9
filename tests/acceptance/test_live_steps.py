"""Answers of sessions from the messages that changed: never another than the whole, and without reading it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest
from http_service import HttpService
from live_house import House
from live_reader import Query, Reader, following
from live_writer import Writer, as_owner, writing

from service.api.live.queries import steps

QUERIES: list[Query] = [
    ("messages", "sessions.messages", {"session": "one"}),
    ("get", "sessions.get", {"session": "one"}),
    ("last", "sessions.messages", {"session": "one", "limit": 3, "tail": True}),
]


@pytest.fixture
def house(service: HttpService) -> House:
    return House(service)


@pytest.fixture
async def writer(house: House) -> AsyncIterator[Writer]:
    async with writing(house.database, house.workspace[0], ring=house.ring) as writer:
        yield writer


@pytest.fixture
def stepped(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each answer that was asked for by its changes, whether they led to it."""
    found: list[bool] = []
    placed = steps.placed

    def noted(*asked: object) -> steps.Placed | None:
        answer = placed(*asked)  # type: ignore[arg-type]
        found.append(answer is not None)
        return answer

    monkeypatch.setattr(steps, "placed", noted)
    return found


def texts(reader: Reader, id: str) -> list[str]:
    return [row["textContent"] for row in reader.result(id)["messages"]]


async def test_it_reads_only_what_changed(house: House, writer: Writer, stepped: list[bool]) -> None:
    """Messages that come behind the last one, or are written anew in their place, are told without the others."""
    one = await writer.session("one")
    await writer.message(one, *[f"m{number}" for number in range(30)])
    await writer.commit()
    async with following(house.url, house.key, *QUERIES) as reader:
        await reader.until(lambda: len(reader.folded) == 3)
        await writer.message(one, "m30", text="behind")
        await writer.run("update messages set text = 'anew' where external_id = 'm7'")
        await writer.commit()
        await reader.until(lambda: all(texts(reader, id)[-1:] == ["behind"] for id in ("messages", "get")))
        assert stepped == [True, True]
        assert [texts(reader, id)[7] for id in ("messages", "get")] == ["anew", "anew"]
        assert [row["seq"] for row in reader.result("messages")["messages"]] == list(range(31))


@pytest.mark.parametrize(
    "change",
    [
        "delete from messages where external_id = 'm1'",
        "update messages set session_id = {two} where external_id = 'm1'",
        "update messages set session_id = {one} where external_id = 'early'",
        "update messages set created_at = now() + interval '1 day' where external_id = 'm1'",
        "update sessions set external_id = 'former' where external_id = 'one'",
        "update sessions set external_id = 'one', source = 'other', updated_at = now() + interval '1 day' where external_id = 'two'",
        "delete from sessions where external_id = 'one'",
    ],
    ids=[
        "went",
        "moved away",
        "moved between",
        "changed places",
        "renamed",
        "has a namesake",
        "session went",
    ],
)
async def test_it_reads_all_where_places_change(house: House, writer: Writer, change: str) -> None:
    """A message that goes or comes between others, and a session that is another one, are told as plain reads have them."""
    two = await writer.session("two")
    await writer.message(two, "early")
    one = await writer.session("one")
    await writer.message(one, "m0", "m1", "m2")
    await writer.commit()
    async with following(house.url, house.key, *QUERIES) as reader:
        await reader.until(lambda: len(reader.folded) == 3)
        await writer.run(change.format(one=one, two=two))
        await writer.message(two, "mark")
        await writer.commit()
        await agree(house, reader)


async def test_it_never_differs_from_the_whole(house: House, writer: Writer, stepped: list[bool]) -> None:
    """A hundred random transactions on one session: after each of them every answer is that of a plain read."""
    chance = random.Random(11)
    one, two = await writer.session("one"), await writer.session("two")
    await writer.message(one, *[f"m{number}" for number in range(10)])
    await writer.message(two, "early")
    await writer.commit()
    some = "(select id from messages where session_id = {} order by id offset {} limit 1)"
    async with following(house.url, house.key, *QUERIES) as reader:
        for number in range(100):
            for _ in range(chance.choice((1, 1, 2))):
                of = some.format(chance.choice((one, one, one, two)), chance.randrange(15))
                match chance.choices(range(6), weights=(6, 6, 1, 1, 1, 2))[0]:
                    case 0:
                        await writer.message(one, f"n{number}-{chance.random()}")
                    case 1:
                        await writer.run(f"update messages set text = %s where id = {of}", f"t{number}")
                    case 2:
                        await writer.run(f"delete from messages where id = {of}")
                    case 3:
                        await writer.run(f"update messages set session_id = %s where id = {of}", one)
                    case 4:
                        await writer.run(f"update messages set session_id = %s where id = {of}", two)
                    case 5:
                        await writer.run(
                            "update sessions set updated_at = now(), title = %s where id = %s",
                            f"t{number}",
                            one,
                        )
            await writer.commit()
            await agree(house, reader)
    assert stepped.count(True) > 60
    assert stepped.count(False) > 5


async def test_it_means_a_number_before_a_name(house: House, writer: Writer) -> None:
    """Who asks for a name of the form of a number is told of the session that comes under that number."""
    (last,) = (await as_owner(house.database, "select max(id) from sessions"))[0]
    named = await writer.session(f"s{(last or 0) + 3}")
    await writer.message(named, "by name")
    await writer.commit()
    wanted = f"s{(last or 0) + 3}"
    async with following(house.url, house.key, ("a", "sessions.messages", {"session": wanted})) as reader:
        await reader.until(lambda: reader.ids() == ["by name"])
        while (coming := await writer.session(f"another {random.random()}")) < int(wanted[1:]):
            pass
        assert coming == int(wanted[1:])
        await writer.message(coming, "by number")
        await writer.commit()
        await reader.until(lambda: reader.ids() == ["by number"])


async def agree(house: House, reader: Reader) -> None:
    """Wait until all is as plain reads have it."""
    with house.service.client(house.key) as api:
        messages = api.get("/api/sessions/one/messages?limit=1000").json()
        wanted = {"messages": messages, "get": api.get("/api/sessions/one").json()}
        last = {"messages": messages["messages"][-3:]} if "messages" in messages else messages
    await reader.until(
        lambda: (
            {**wanted, "last": last}
            == {id: without_cursor(reader.result(id)) for id in ("messages", "get", "last")}
        )
    )


def without_cursor(result: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in result.items() if name != "nextCursor"}
