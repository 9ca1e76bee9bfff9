"""Records and rates, as services and operators tell them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from analytics.pricing.rates import Rate
from service.storage.arrays import columns
from service.storage.attempts import in_one_transaction
from service.storage.database import Connection, Database
from service.storage.queries import load
from service.storage.usage import marks

SQL = load("usage_told")
DELETED = "its session was deleted here, so it is not stored."
_COLUMNS = {
    "idempotency_key": "text", "service": "text", "metric": "text", "quantity": "numeric", "model": "text",
    "provider": "text", "session_external_id": "text", "message_external_id": "text", "cost_usd": "numeric",
    "attrs": "text", "occurred_at": "timestamptz",
}  # fmt: skip
_RATE_COLUMNS = {
    "service": "text", "metric": "text", "model": "text", "valid_from": "timestamptz", "usd_per_unit": "numeric",
}  # fmt: skip


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a service used; `attrs` is JSON text."""

    idempotency_key: str
    service: str
    metric: str
    quantity: Decimal
    occurred_at: datetime
    model: str | None = None
    provider: str | None = None
    session_external_id: str | None = None
    message_external_id: str | None = None
    cost_usd: Decimal | None = None
    attrs: str = "{}"


async def store(db: Database, workspace_id: int, *, user_id: int, records: Sequence[Record]) -> list[Record]:
    """Store what is not there under its key; those that were not taken, since their session was deleted here.

    Of a key that comes twice the first counts. Errors: `Refused`, with nothing stored.
    """
    first: dict[str, Record] = {}
    for record in records:
        first.setdefault(record.idempotency_key, record)

    async def work(conn: Connection) -> set[str]:
        named = sorted({name for record in records if (name := record.session_external_id)})
        params = {"workspace_id": workspace_id, "external_ids": named}
        cursor = await conn.execute(SQL["deleted_sessions"], params)
        gone = {row["external_id"] for row in await cursor.fetchall()}
        rows = [
            msgspec.structs.asdict(each) for each in first.values() if each.session_external_id not in gone
        ]
        if rows:
            common = {"workspace_id": workspace_id, "user_id": user_id}
            await conn.execute(SQL["insert_records"], common | columns(rows, _COLUMNS))
        return gone

    gone = await in_one_transaction(db, workspace_id, work)
    return [record for record in records if record.session_external_id in gone]


async def rates(conn: Connection, workspace_id: int) -> list[Rate]:
    """By service, metric, model and date."""
    cursor = await conn.execute(SQL["rates"], {"workspace_id": workspace_id})
    return [Rate(**row) for row in await cursor.fetchall()]


async def replace_rates(conn: Connection, workspace_id: int, given: Sequence[Rate]) -> None:
    """Keep these as all rates; what was used since the first that differs is marked. Of two for one date the last counts."""
    new = {rate[:4]: rate for rate in given}
    old = {rate[:4]: rate for rate in await rates(conn, workspace_id)}
    differing = [rate.valid_from for rate in set(new.values()) ^ set(old.values())]
    if not differing:
        return
    await conn.execute(SQL["delete_rates"], {"workspace_id": workspace_id})
    rows = [rate._asdict() for rate in new.values()]
    if rows:
        await conn.execute(SQL["insert_rates"], {"workspace_id": workspace_id} | columns(rows, _RATE_COLUMNS))
    await marks.mark_all(conn, workspace_id, since=min(differing))
