"""The body of POST /api/usage as records: each stands alone, and what is wrong with one is told and hurts no other.

Rule: 0 is 0 here. A time that is not told is now. Nothing is cut or guessed; `null` is absent, unknown fields are ignored.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from service.api.gate import params
from service.api.gate.params import EPOCH
from service.errors import RequestError, TooLarge
from service.model import json_items
from service.model.bounds import COST_UNIT, LAST_MS, MAX_COST_USD, MAX_COUNT, MAX_ID_CHARS, MAX_NAME_CHARS
from service.storage.usage.told import Record

MAX_RECORDS = 10_000
MAX_ATTRS_BYTES = 64 * 1024
Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS, pattern=r"\S")]
Word = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
Name = Annotated[str, Meta(max_length=MAX_NAME_CHARS)]
Usd = Annotated[float, Meta(ge=0, le=MAX_COST_USD)]


class RecordBody(msgspec.Struct, kw_only=True, rename="camel"):
    """A quantity of a metric that a service used. The same key again changes nothing."""

    idempotency_key: Id
    service: Word
    metric: Annotated[
        Word,
        Meta(
            description="`input_tokens`, `cache_read_tokens`, `cache_write_tokens`, `output_tokens` count as tokens."
        ),
    ]
    quantity: Annotated[float, Meta(ge=0, le=MAX_COUNT)]
    model: Name | None = None
    provider: Name | None = None
    session_external_id: Id | None = None
    message_external_id: Id | None = None
    occurred_at: Annotated[
        Annotated[int, Meta(ge=0, le=LAST_MS)] | None, Meta(description="Epoch milliseconds; absent: now.")
    ] = None
    cost_usd: Annotated[Usd | None, Meta(description="Absent: computed from rates and prices.")] = None
    attrs: dict[str, Any] | None = None


class RecordsBody(msgspec.Struct):
    records: list[RecordBody]


class Records(msgspec.Struct):
    records: list[Record] = []
    errors: list[str] = []


def read(body: bytes, *, now: datetime) -> Records:
    """Errors: RequestError when the body is no object with a list of records, TooLarge when they are too many.

    >>> from datetime import UTC
    >>> read(b'{"records": [{"idempotencyKey": "a"}]}', now=datetime(2026, 1, 1, tzinfo=UTC)).errors
    ['a: service is missing.']
    """
    members = dict(json_items.members(json_items.object_text(json_items.repaired(body))))
    text = members.get("records", b"null")
    if not text.startswith(b"["):
        raise RequestError("records must be a list.")
    items = json_items.elements(text, limit=MAX_RECORDS + 1)
    if len(items) > MAX_RECORDS:
        raise TooLarge(f"A request holds at most {MAX_RECORDS:,} records: send the rest in another one.")
    found = Records()
    for place, item in enumerate(items):
        try:
            found.records.append(_record(item, now))
        except RequestError as error:
            found.errors.append(f"{_label(item) or f'records[{place}]'}: {error}")
    return found


def _record(text: bytes, now: datetime) -> Record:
    given = json_items.decoded(text, type=Any, name="An item")
    if not isinstance(given, dict):
        raise RequestError("An item must be an object.")
    for name in ("idempotencyKey", "service", "metric", "quantity"):
        if given.get(name) is None:
            raise RequestError(f"{name} is missing.")
    told = params.from_json({name: value for name, value in given.items() if value is not None}, RecordBody)
    attrs = msgspec.json.encode(told.attrs or {})
    if len(attrs) > MAX_ATTRS_BYTES:
        raise RequestError(f"attrs is longer than {MAX_ATTRS_BYTES:,} bytes.")
    return Record(
        idempotency_key=told.idempotency_key,
        service=told.service.strip(),
        metric=told.metric.strip(),
        quantity=_decimal(told.quantity),
        model=(told.model or "").strip() or None,
        provider=(told.provider or "").strip() or None,
        session_external_id=told.session_external_id,
        message_external_id=told.message_external_id,
        cost_usd=None if told.cost_usd is None else _decimal(told.cost_usd),
        attrs=attrs.decode(),
        occurred_at=now if told.occurred_at is None else EPOCH + timedelta(milliseconds=told.occurred_at),
    )


def _decimal(told: float) -> Decimal:
    return Decimal(str(told)).quantize(COST_UNIT)


def _label(text: bytes) -> str | None:
    """The key of an item that is otherwise at fault."""
    try:
        key = json_items.decoded(text, type=dict[str, Any]).get("idempotencyKey")
    except RequestError:
        return None
    return key[:MAX_ID_CHARS] if isinstance(key, str) and key.strip() else None
