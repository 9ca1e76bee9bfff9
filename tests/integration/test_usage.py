"""Usage in Postgres: whatever happened in whatever order, the facts are those of a rebuild and of plain SQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from import_bench import NOW, Bench, call, found, new_bench
from usage_bench import FACT_SUMS, SONNET, answer, rows, sums

from analytics.pricing.rates import Rate
from service.jobs import rollup
from service.model.message import Part
from service.model.session import SessionWrite
from service.storage import messages, people, sessions
from service.storage.database import open_database
from service.storage.usage import marks, told
from service.storage.usage.told import Record

PLAIN_SQL = """
    select count(*) filter (where kind = 'm') as messages, coalesce(sum(input_tokens), 0) as input_tokens,
        coalesce(sum(cache_read_tokens), 0) as cache_read_tokens,
        coalesce(sum(cache_write_tokens), 0) as cache_write_tokens, coalesce(sum(output_tokens), 0) as output_tokens,
        coalesce(sum(cost_nano_usd), 0) * 0.000000001 as cost_usd
    from usage_rows where counted
"""
DERIVED = {
    "usage_rows": "occurred_at, kind, id", "usage_facts": "hour, source, provider, model, project, user_id, service, metric",
    "usage_tools": "hour, source, project, user_id, tool",
}  # fmt: skip


@pytest.fixture
async def bench(any_database_url: str) -> AsyncIterator[Bench]:
    db = await open_database(any_database_url, pool_size=4)
    yield await new_bench(db)
    await db.close()


async def derived(bench: Bench) -> dict[str, list[dict[str, Any]]]:
    return {
        table: await rows(bench, f"select * from {table} order by {key}") for table, key in DERIVED.items()
    }


class Story:
    """Acts on one workspace, in any order."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    async def write(self, session: int, message: int, hour: int, tokens: int, model: str) -> None:
        at = NOW + timedelta(hours=hour, minutes=message)
        write = answer(
            f"m{message}", f"s{session}", created_at=at, prompt_tokens=tokens or None, completion_tokens=tokens * 2 or None,
            cache_read_tokens=tokens * 3 or None, model=model or None, duration_ms=tokens or None,
        )  # fmt: skip
        await self.bench.sync(write)

    async def bring(self, session: int, message: int, hour: int, tokens: int, copied: bool) -> None:
        """An answer of a transcript; the same message in another session is a copy of it."""
        await self.bench.bring(
            found(
                f"msg_{message}", "x", "assistant", model=SONNET, prompt_tokens=tokens + 1, session_external_id=f"t{session}",
                created_at=NOW + timedelta(hours=hour), attrs={"forkedFrom": "t0"} if copied else None,
                parts=(call(f"toolu_{session}_{message}", "Bash"),),
            )
        )  # fmt: skip

    async def total(self, session: int, hour: int, tokens: int) -> None:
        at = NOW + timedelta(hours=hour)
        write = SessionWrite(
            external_id=f"s{session}",
            source="pi",
            model=SONNET,
            prompt_tokens=tokens or None,
            completion_tokens=9,
        )
        await self.bench.sync(write, now=at)

    async def tell(self, key: int, hour: int, quantity: int) -> None:
        record = Record(
            idempotency_key=f"k{key}", service="sandbox", metric="seconds", quantity=Decimal(quantity),
            occurred_at=NOW + timedelta(hours=hour), session_external_id=f"s{key % 3}",
        )  # fmt: skip
        await told.store(self.bench.db, self.bench.workspace_id, user_id=self.bench.user_id, records=[record])

    async def delete_message(self, nth: int) -> None:
        async with self.bench.db.workspace(self.bench.workspace_id) as conn:
            all_ = await (await conn.execute("select id from messages order by id")).fetchall()
            if all_:
                await messages.delete(conn, self.bench.workspace_id, all_[nth % len(all_)]["id"])

    async def delete_session(self, nth: int) -> None:
        async with self.bench.db.workspace(self.bench.workspace_id) as conn:
            all_ = await (await conn.execute("select id from sessions order by id")).fetchall()
            if all_:
                await sessions.delete(conn, self.bench.workspace_id, [all_[nth % len(all_)]["id"]])

    async def rename(self, session: int, project: str) -> None:
        await self.bench.sync(SessionWrite(external_id=f"s{session}", source="pi", project_name=project))

    async def roll_up(self) -> None:
        await rollup.roll_up(self.bench.db)


few, hours, tokens = st.integers(0, 3), st.integers(-30, 3), st.sampled_from([0, 1, 7, 100_000])
ACTS = st.one_of(
    st.tuples(
        st.just("write"), few, few, hours, tokens, st.sampled_from(["", SONNET, "gpt-5", "nobody-knows"])
    ),
    st.tuples(st.just("bring"), few, few, hours, tokens, st.booleans()),
    st.tuples(st.just("total"), few, hours, tokens),
    st.tuples(st.just("tell"), few, hours, tokens),
    st.tuples(st.just("delete_message"), few),
    st.tuples(st.just("delete_session"), few),
    st.tuples(st.just("rename"), few, st.sampled_from(["shop", "blog"])),
    st.tuples(st.just("roll_up")),
)


def test_it_is_the_same_as_a_rebuild_whatever_happened(any_database_url: str) -> None:
    """After any order, repetition, delay, edit and deletion, with rollups in between: rows, facts and tools equal a full
    rebuild, facts add up to what plain SQL says of the rows, and the check finds nothing."""
    with asyncio.Runner() as runner:
        db = runner.run(open_database(any_database_url, pool_size=2))

        async def play(acts: list[tuple[Any, ...]], name: str) -> None:
            bench = Bench(db, *await people.create_workspace(db, name=name, user=name))
            story = Story(bench)
            for verb, *arguments in acts:
                await getattr(story, verb)(*arguments)
            await rollup.roll_up(db)
            incremental = await derived(bench)
            async with db.workspace(bench.workspace_id) as conn:
                assert await marks.mark_differing(conn, bench.workspace_id) == 0
                for table in DERIVED:
                    await conn.execute(f"delete from {table}")  # type: ignore[arg-type]
                await marks.mark_all(conn, bench.workspace_id)
            await rollup.roll_up(db)
            assert await derived(bench) == incremental
            assert await rows(bench, PLAIN_SQL) == await rows(bench, FACT_SUMS)

        @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(ACTS, max_size=12))
        def every(acts: list[tuple[Any, ...]]) -> None:
            every.count += 1  # type: ignore[attr-defined]
            runner.run(play(acts, f"w{every.count}"))  # type: ignore[attr-defined]

        every.count = 0  # type: ignore[attr-defined]
        every()
        runner.run(db.close())


async def test_it_counts_an_answer_once_in_whichever_session_it_stands(bench: Bench) -> None:
    """A fork repeats its parent's answers: the parent's counts, and the fork's when the parent is deleted."""
    said = {"model": SONNET, "prompt_tokens": 1000, "role": "assistant", "text": "x"}
    for session, hour, attrs in (("fork", 1, {"forkedFrom": "parent"}), ("parent", 5, {})):
        at = NOW + timedelta(hours=hour)
        write = found(
            "msg_1", session_external_id=session, created_at=at, attrs={**attrs, "requestId": "r1"}, **said
        )
        await bench.bring(
            write,
            found("msg_2", session_external_id=session, created_at=at, attrs={"requestId": session}, **said),
        )
    assert (await sums(bench))["input_tokens"] == 3000
    (of_parent,) = await rows(bench, "select id from sessions where external_id = 'parent'")
    async with bench.db.workspace(bench.workspace_id) as conn:
        await sessions.delete(conn, bench.workspace_id, [of_parent["id"]])
    assert (await sums(bench))["input_tokens"] == 2000


async def test_it_does_not_count_history_that_codex_copied(bench: Bench) -> None:
    """A sub-agent's file repeats the parent's usage: what says so counts nowhere."""
    await bench.bring(found("a", "x", "assistant", prompt_tokens=5, model="gpt-5", attrs={"copiedFrom": "p"}))
    assert (await sums(bench))["input_tokens"] == 0


async def test_it_takes_cached_tokens_out_of_the_input_by_convention(bench: Bench) -> None:
    """OpenAI's clients count them inside, Anthropic's beside; a transcript's are disjoint already."""
    counts = {"prompt_tokens": 1000, "cache_read_tokens": 900}
    await bench.sync(answer("a", **counts), answer("b", model="gpt-5", **counts))
    await bench.bring(found("c", "x", "assistant", model="gpt-5", session_external_id="t", **counts))
    await rollup.roll_up(bench.db)
    by_model = await rows(bench, "select model, kind, input_tokens from usage_rows order by id")
    assert [row["input_tokens"] for row in by_model] == [1000, 100, 1000]


async def test_it_counts_what_a_session_tells_beyond_its_messages(bench: Bench) -> None:
    """At each increase, less what messages brought; a total that falls takes the latest increase back."""

    async def total(tokens: int, hour: int) -> None:
        told_then = SessionWrite(external_id="s", source="pi", model=SONNET, prompt_tokens=tokens)
        await bench.sync(told_then, now=NOW + timedelta(hours=hour))

    async def left() -> list[int]:
        await rollup.roll_up(bench.db)
        found_ = await rows(
            bench, "select input_tokens from usage_rows where kind = 's' order by occurred_at"
        )
        return [row["input_tokens"] for row in found_]

    await total(1000, 0)
    await total(1500, 25)
    assert await left() == [1000, 500]
    assert {row["cost_source"] for row in await rows(bench, "select cost_source from usage_rows")} == {
        "estimated"
    }
    await bench.sync(answer("a", prompt_tokens=200, cache_read_tokens=900))
    assert await left() == [400]
    await total(1200, 26)
    assert await left() == [100]


async def test_it_forgets_totals_with_their_session(bench: Bench) -> None:
    """A session that told totals and no message is deleted: nothing of it is left in rows or facts."""
    await bench.sync(SessionWrite(external_id="s", source="pi", model=SONNET, prompt_tokens=1000))
    assert (await sums(bench))["input_tokens"] == 1000
    async with bench.db.workspace(bench.workspace_id) as conn:
        (gone,) = await (await conn.execute("select id from sessions")).fetchall()
        await sessions.delete(conn, bench.workspace_id, [gone["id"]])
    assert (await sums(bench))["input_tokens"] == 0


async def test_it_prices_records_by_rates_from_their_date_on(bench: Bench) -> None:
    """A rate holds from its date; a new one prices again what was used since; nothing known is unknown and counted."""

    async def costs() -> list[tuple[Any, ...]]:
        await rollup.roll_up(bench.db)
        return [
            tuple(row.values())
            for row in await rows(
                bench,
                "select cost_nano_usd * 0.000000001 as cost_usd, cost_source from usage_rows order by id",
            )
        ]

    async def rate(*usd: tuple[str, int]) -> None:
        async with bench.db.workspace(bench.workspace_id) as conn:
            rates = [
                Rate("box", "seconds", "", NOW + timedelta(hours=hour), Decimal(each)) for each, hour in usd
            ]
            await told.replace_rates(conn, bench.workspace_id, rates)

    recorded = [
        Record(idempotency_key=f"k{hour}", service="box", metric="seconds", quantity=Decimal(10), occurred_at=NOW + timedelta(hours=hour))
        for hour in (0, 2)
    ]  # fmt: skip
    for _ in range(2):
        await told.store(bench.db, bench.workspace_id, user_id=bench.user_id, records=recorded)
    assert await costs() == [(None, "unknown")] * 2
    await rate(("0.1", 1))
    assert await costs() == [(None, "unknown"), (Decimal(1), "computed")]
    await rate(("0.1", 1), ("0.3", -1))
    assert await costs() == [(Decimal(3), "computed"), (Decimal(1), "computed")]
    await rate()
    assert await costs() == [(None, "unknown")] * 2
    (fact,) = await rows(bench, "select sum(unpriced_messages)::int as n from usage_facts")
    assert fact["n"] == 2


async def test_it_counts_tools_with_errors_and_time(bench: Bench) -> None:
    """A call by its tool; of its result the error, and the time since the call; of a plugin's row what it measured."""
    failed = Part("tool-result", b'{"toolCallId":"t1","result":"no","isError":true}')
    await bench.bring(
        found("m1", None, "assistant", parts=(call("t1", "Bash"),), records=["m1", "t1"], minute=1),
        found("r1", None, "tool", parts=(failed,), records=["r1"], minute=3),
    )
    both = (call("", "Read"), Part("tool-result", b'{"result":"ok"}'))
    await bench.sync(answer("toolu_9", "live", parts=both, duration_ms=40))
    await rollup.roll_up(bench.db)
    told_ = await rows(bench, "select tool, calls, errors, durations_ms from usage_tools order by tool")
    assert [tuple(row.values()) for row in told_] == [("Bash", 1, 1, [120_000]), ("Read", 1, 0, [40])]


async def test_it_lets_one_worker_at_a_time_derive_a_workspace(bench: Bench) -> None:
    """While another is at it, a worker passes the workspace by; what was marked meanwhile is derived afterwards."""
    await bench.sync(answer("a", prompt_tokens=5))
    async with bench.db.workspace(bench.workspace_id) as conn:
        assert await marks.only_one(conn, bench.workspace_id)
        assert await rollup.roll_up(bench.db) == 0
    both = await asyncio.gather(rollup.roll_up(bench.db), rollup.roll_up(bench.db))
    assert sum(both) == 1
    assert (await sums(bench))["input_tokens"] == 5


async def test_it_rests_no_longer_than_others_write(bench: Bench) -> None:
    """After much work others come first; where none of them writes, what comes late is not left waiting."""
    await bench.sync(answer("a", prompt_tokens=5))
    async with asyncio.timeout(60):
        await rollup.rest(bench.db, 3600.0)


async def test_it_derives_nothing_where_nothing_changed(bench: Bench) -> None:
    """The same batch again leaves no mark; a rollup without marks writes nothing, one with the same rows no row."""
    await bench.sync(answer("a", prompt_tokens=5))
    await rollup.roll_up(bench.db)
    versions = {table: await rows(bench, f"select xmin::text from {table}") for table in DERIVED}
    await bench.sync(answer("a", prompt_tokens=5))
    assert await rollup.roll_up(bench.db) == 0
    await rollup.rebuild(bench.db)
    assert {table: await rows(bench, f"select xmin::text from {table}") for table in DERIVED} == versions


async def test_it_says_what_has_yet_to_be_derived(bench: Bench) -> None:
    """A reader who must see a write knows from its token whether the facts contain it."""
    await bench.sync(answer("a", prompt_tokens=5))
    token = (await bench.db.token()).rpartition(".")[2]

    async def waits() -> bool:
        async with bench.db.workspace(bench.workspace_id) as conn:
            return await marks.pending(conn, bench.workspace_id, token)

    assert await waits()
    await rollup.roll_up(bench.db)
    assert not await waits()
    await bench.sync(answer("b", prompt_tokens=5))
    assert not await waits()


async def test_it_mends_what_a_hand_in_the_database_did(bench: Bench) -> None:
    """The nightly check marks hours whose messages, rows and facts disagree."""
    await bench.sync(
        answer("a", prompt_tokens=5), answer("b", prompt_tokens=6, created_at=NOW + timedelta(hours=9))
    )
    before = await sums(bench)
    damages: tuple[str, ...] = (
        "update usage_facts set input_tokens = 0",
        "delete from usage_rows",
        "delete from usage_facts",
    )
    for damage in damages:
        await rows(bench, damage + " returning 1")
        assert await rollup.check(bench.db) > 0
        assert await sums(bench) == before
    assert await rollup.check(bench.db) == 0
