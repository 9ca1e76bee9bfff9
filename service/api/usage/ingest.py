"""POST /api/usage, and the rates by which it is priced."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from analytics.pricing.rates import Rate
from service.api import examples, shapes
from service.api.gate import params
from service.api.gate.params import EPOCH, Nothing
from service.api.gate.routes import Answer, Call, answer, route, written
from service.api.usage import records
from service.api.usage.records import RecordsBody, Word
from service.errors import RequestError
from service.model import json_items
from service.model.bounds import LAST_MS
from service.storage.apart import each
from service.storage.attempts import Refused
from service.storage.usage import told
from service.storage.usage.told import DELETED, Record

MAX_RATES = 10_000
LEAST_USD = Decimal("1e-15")
"""What a rate is kept to."""
QUARTER = timedelta(minutes=15)


class UsageStored(msgspec.Struct):
    """How many records were accepted: stored, or there already under their key."""

    records: int
    errors: list[str]
    ok: bool = True


class RateBody(msgspec.Struct, kw_only=True, rename="camel"):
    """What a unit of a metric costs from a moment on, until the next rate of the same service, metric and model."""

    service: Annotated[Word, Meta(description="`llm`: the tokens of messages, whoever served them.")]
    metric: Word
    model: Annotated[
        Annotated[str, Meta(max_length=500)], Meta(description="As messages name it; absent: every model.")
    ] = ""
    valid_from: Annotated[
        Annotated[int, Meta(ge=0, le=LAST_MS)],
        Meta(description="Epoch milliseconds; a quarter of an hour begins there. Absent: always."),
    ] = 0
    usd_per_unit: Annotated[float, Meta(ge=0, le=1e6)]


class Rates(msgspec.Struct):
    rates: list[RateBody]


@route(
    "POST", "/api/usage", scope="ingest", summary="Tell usage", takes=RecordsBody, gives=UsageStored,
    description=(
        "Quantities of any metric that any service used: tokens, sandbox seconds, runs. A record counts once for its "
        "`idempotencyKey`; each bad one is told in `errors` and hurts no other."
    ),
    example_body={"records": [examples.USAGE_RECORD]}, example={"ok": True, "records": 1, "errors": []}, errors=(400, 413),
)  # fmt: skip
async def tell_usage(call: Call, asked: Nothing) -> Answer:
    found = records.read(call.body, now=call.now)
    accepted, errors = await store(call, found.records)
    return await written(call, UsageStored(accepted, [*found.errors, *errors]))


@route(
    "GET", "/api/usage/rates", scope="read", summary="List rates", gives=Rates,
    description="What goes before the price table, by service, metric, model and date.",
    example={"rates": [examples.USAGE_RATE]},
)  # fmt: skip
async def list_rates(call: Call, asked: Nothing) -> Answer:
    async with call.rows(still=True) as conn:
        rows = await told.rates(conn, call.workspace_id)
    return answer(Rates([shown(row) for row in rows]))


@route(
    "PUT", "/api/usage/rates", scope="admin", summary="Replace rates", takes=Rates, gives=Rates,
    description="All rates of the workspace from now on. What was used since the first that changed is priced again.",
    example_body={"rates": [examples.USAGE_RATE]}, example={"rates": [examples.USAGE_RATE]}, errors=(400, 413),
)  # fmt: skip
async def replace_rates(call: Call, asked: Nothing) -> Answer:
    told_rates = json_items.read_object(call.body).get("rates")
    if not isinstance(told_rates, list) or not all(isinstance(each, dict) for each in told_rates):
        raise RequestError("rates must be a list of objects.")
    given = Rates([params.from_json(each, RateBody) for each in told_rates])
    if len(given.rates) > MAX_RATES:
        raise RequestError(f"rates holds more than {MAX_RATES:,} items.")
    async with call.rows() as conn:
        await told.replace_rates(conn, call.workspace_id, [row_of(rate) for rate in given.rates])
        rows = await told.rates(conn, call.workspace_id)
    return await written(call, Rates([shown(row) for row in rows]))


async def store(call: Call, items: list[Record]) -> tuple[int, list[str]]:
    """How many were accepted, and an error for each that was not."""

    async def store_all(some: list[Record]) -> list[Record]:
        return await told.store(
            call.resources.db, call.workspace_id, user_id=call.caller.user_id, records=some
        )

    accepted, errors = 0, []
    for some, gone in await each(items, store_all):  # type: ignore[arg-type]  # a list is cut into lists
        if isinstance(gone, Refused):
            errors += [f"{record.idempotency_key}: {gone}" for record in some]
        else:
            accepted += len(some) - len(gone)
            errors += [f"{record.idempotency_key}: {DELETED}" for record in gone]
    return accepted, errors


def row_of(rate: RateBody) -> Rate:
    at: datetime = EPOCH + timedelta(milliseconds=rate.valid_from)
    usd = Decimal(str(rate.usd_per_unit)).quantize(LEAST_USD)
    if rate.usd_per_unit and not usd:
        raise RequestError(f"usdPerUnit must be 0 or at least {LEAST_USD}: less would be nothing.")
    return Rate(
        rate.service.strip(), rate.metric.strip(), rate.model.strip(), at - (at - EPOCH) % QUARTER,
        usd,
    )  # fmt: skip


def shown(row: Rate) -> RateBody:
    return RateBody(
        service=row.service, metric=row.metric, model=row.model, valid_from=shapes.epoch_ms(row.valid_from),
        usd_per_unit=float(row.usd_per_unit),
    )  # fmt: skip
