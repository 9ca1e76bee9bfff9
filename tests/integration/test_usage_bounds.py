"""Usage at its bounds: whatever a field takes is rolled up, and what fails in one workspace stays there."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from import_bench import NOW, Bench, call, new_bench
from usage_bench import FAR, LONG_AGO, answer, rows, sums

from analytics.pricing.rates import Rate
from service.jobs import rollup
from service.model.session import SessionWrite
from service.storage import people
from service.storage.database import open_database
from service.storage.usage import facts, told
from service.storage.usage.told import Record


@pytest.fixture
async def bench(any_database_url: str) -> AsyncIterator[Bench]:
    db = await open_database(any_database_url, pool_size=4)
    yield await new_bench(db)
    await db.close()


async def test_it_takes_absurd_numbers_without_stopping(bench: Bench) -> None:
    """A message with as many tokens and as great a cost as a field takes is counted; nobody believes its cost."""
    most = {"prompt_tokens": 10**15, "completion_tokens": 10**15}
    await bench.sync(answer("a", **most), answer("b", cost_usd=Decimal(10**9)), answer("c", prompt_tokens=1))
    assert (await sums(bench))["output_tokens"] == 10**15
    kinds = await rows(bench, "select cost_source from usage_rows order by id")
    assert [row["cost_source"] for row in kinds] == ["unknown", "unknown", "computed"]


async def test_it_takes_absurd_records_and_rates_without_stopping(bench: Bench) -> None:
    """The dearest rate of the largest quantity is a cost that nobody believes, and no end of the rollup."""
    async with bench.db.workspace(bench.workspace_id) as conn:
        dear = [
            Rate("box", "seconds", "", LONG_AGO, Decimal(10**6)),
            Rate("llm", "input_tokens", "", LONG_AGO, Decimal(10**6)),
        ]
        await told.replace_rates(conn, bench.workspace_id, dear)
    most = Record(
        idempotency_key="k", service="box", metric="seconds", quantity=Decimal(10**15), occurred_at=NOW
    )
    await told.store(bench.db, bench.workspace_id, user_id=bench.user_id, records=[most])
    await bench.sync(answer("a", prompt_tokens=10**9))
    await rollup.roll_up(bench.db)
    (fact,) = await rows(bench, "select * from usage_facts where service = 'box'")
    assert (fact["quantity"], fact["cost_usd"], fact["unpriced_messages"]) == (10**15, 0, 1)
    assert await rows(bench, "select from usage_rows where cost_source <> 'unknown'") == []


async def test_it_takes_names_as_long_as_they_may_be(bench: Bench) -> None:
    """No index is asked to hold them: a path of ten thousand characters that nothing can compress, and a model, a provider
    and a tool of five hundred."""
    odd = random.Random(1)
    path, model, provider, tool = (
        "".join(chr(odd.randrange(0x4E00, 0x9F00)) for _ in range(length))
        for length in (10_000, 500, 500, 500)
    )
    used = SessionWrite(external_id="s", source="pi", project_path=path, provider=provider)
    await bench.sync(used, answer("a", prompt_tokens=5, model=model, parts=(call("t", tool),)))
    await rollup.roll_up(bench.db)
    (fact,) = await rows(bench, "select * from usage_facts")
    assert (fact["project"], fact["model"], fact["provider"]) == (path, model, provider)
    assert [row["tool"] for row in await rows(bench, "select tool from usage_tools")] == [tool]
    service, metric, dear = (
        "".join(chr(odd.randrange(0x20000, 0x2A000)) for _ in range(length)) for length in (100, 100, 500)
    )
    odd_rate = Rate(service, metric, dear, LONG_AGO, Decimal(1))
    async with bench.db.workspace(bench.workspace_id) as conn:
        await told.replace_rates(conn, bench.workspace_id, [odd_rate])
        assert await told.rates(conn, bench.workspace_id) == [odd_rate]


async def test_it_derives_others_where_one_workspace_fails(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails in one workspace is told, and holds up nobody else; its marks stay."""
    other = Bench(bench.db, *await people.create_workspace(bench.db, name="other", user="other"))
    for each in (bench, other):
        await each.sync(answer("a", prompt_tokens=5))
    derive = rollup.derive

    async def failing(conn: Any, workspace_id: int, *more: Any) -> int:
        if workspace_id == bench.workspace_id:
            raise ZeroDivisionError
        return await derive(conn, workspace_id, *more)

    monkeypatch.setattr(rollup, "derive", failing)
    with pytest.raises(ExceptionGroup):
        await rollup.roll_up(bench.db)
    assert len(await other.rows("usage_facts")) == 1
    monkeypatch.undo()
    assert await rollup.roll_up(bench.db) == 1


@pytest.mark.parametrize("name", ['a,"b"\nc', "", "\\N", "{1}", "ü\u2028"])
async def test_it_reads_names_of_any_form(bench: Bench, name: str) -> None:
    """A project's name comes back as it was written, whatever CSV makes of it."""
    await bench.sync(
        SessionWrite(external_id="s", source="pi", project_name=name or None), answer("a", prompt_tokens=5)
    )
    await rollup.roll_up(bench.db)
    async with bench.db.workspace(bench.workspace_id) as conn:
        read = await facts.read(conn, bench.workspace_id, start=LONG_AGO, end=FAR)
    assert read["project"].to_list() == [name]
