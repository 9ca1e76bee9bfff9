"""Whether this process lives, and whether it can answer searches yet; part by part for who watches it.

Rule: not ready means that a search by words would fail or that this program and the database no longer belong
together. A worker that is silent and a model that is not open yet are told, and stop nothing.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from indexing.fulltext import IndexDamaged
from service.api.gate import freshness
from service.api.gate.params import Nothing
from service.api.gate.routes import Answer, Call, answer, route
from service.api.shapes import epoch_ms
from service.bootstrap import Resources
from service.errors import DatabaseUnavailable, NotYet
from service.storage import migrations, workers

EXAMPLE = {
    "status": "ready",
    "timestamp": 1769846400000,
    "checks": {
        "postgres": {"state": "ok"},
        "migrations": {"state": "ok"},
        "textIndex": {"state": "ok"},
        "embedder": {"state": "ok"},
        "worker": {"state": "ok", "silentSeconds": 2},
    },
}
RETRY_S = 1


class Health(msgspec.Struct):
    status: str
    timestamp: int


class Check(msgspec.Struct, frozen=True, rename="camel"):
    """One part. `waits` will be well by itself; `late`: it should have been heard of; `off`: not wanted."""

    state: Literal["ok", "waits", "late", "off", "fails"]
    detail: str | UnsetType = UNSET
    silent_seconds: int | UnsetType = UNSET


class Checks(msgspec.Struct, rename="camel"):
    postgres: Check
    migrations: Check
    text_index: Check
    embedder: Check
    worker: Check


class Readiness(Health):
    checks: Checks


@route(
    "GET", "/health", scope=None, summary="Health", gives=Health,
    description="Answers as soon as the process takes requests; it asks nothing of Postgres.",
    example={"status": "ok", "timestamp": 1769846400000},
)  # fmt: skip
async def health(call: Call, asked: Nothing) -> Answer:
    return answer(Health("ok", epoch_ms(call.now)))


@route(
    "GET", "/health/ready", scope=None, summary="Readiness", gives=Readiness,
    description=(
        "200 once words can be searched; until then 503, and `missing` says what is not there yet. `checks` tells part by "
        "part: a silent worker or a model that waits is told there and is no reason for 503."
    ),
    example=EXAMPLE, errors=(503,),
)  # fmt: skip
async def ready(call: Call, asked: Nothing) -> Answer:
    checks = await examine(call.resources)
    lacking = missing(checks)
    if not lacking:
        return answer(Readiness("ready", epoch_ms(call.now), checks))
    said = {
        "error": f"Not ready: {' and '.join(lacking)} cannot be asked now; `checks` tells more.",
        "missing": lacking,
        "checks": checks,
    }
    return Answer(msgspec.json.encode(said), status=503, headers={"Retry-After": str(RETRY_S)})


def missing(checks: Checks) -> list[str]:
    """What a search lacks."""
    parts = (
        ("Postgres", checks.postgres),
        ("the schema that this program knows", checks.migrations),
        ("the text index", checks.text_index),
    )
    # Of what Postgres would have told, nothing is known without it.
    return [name for name, check in parts if check.state in ("fails", "waits")]


async def examine(resources: Resources) -> Checks:
    try:
        async with resources.db.system() as conn:
            heard, newer = await workers.seen(conn), await migrations.unknown(conn)
        embedder = await of_embedder(resources)
        postgres, schema, worker = Check("ok"), of_schema(newer), of_worker(heard)
    except DatabaseUnavailable:
        unknown = Check("late", "Postgres would know.")
        postgres, schema, worker, embedder = Check("fails", "It does not answer."), unknown, unknown, unknown
    return Checks(postgres, schema, of_text_index(resources), embedder, worker)


def of_schema(newer: list[str]) -> Check:
    """
    >>> of_schema(["0042_more"]).detail
    'A newer Backscroll has migrated the database (0042_more): start that version here.'
    """
    if newer:
        return Check(
            "fails",
            f"A newer Backscroll has migrated the database ({max(newer)}): start that version here.",
        )
    return Check("ok")


def of_text_index(resources: Resources) -> Check:
    try:
        resources.text.refresh()
        if freshness.seen_by_text(resources) == freshness.NOTHING_SEEN:
            return Check("waits", "The worker of this machine has not built it yet.")
    except (NotYet, IndexDamaged):
        return Check("fails", "It is damaged; the worker of this machine builds it anew.")
    return Check("ok")


async def of_embedder(resources: Resources) -> Check:
    if resources.settings.embedding_model == "none":
        return Check("off")
    if resources.embedder_is_open:
        return Check("ok")
    if await resources.vectors.model() is None:
        return Check("waits", "The worker has not prepared the model yet; words are searched.")
    return Check("waits", "It is opened for the first search by meaning.")


def of_worker(heard: list[workers.Worker]) -> Check:
    if not heard:
        return Check("late", workers.said_of(heard))
    state: Literal["ok", "late"] = "ok" if heard[0].works else "late"
    detail = UNSET if state == "ok" else workers.said_of(heard)
    return Check(state, detail, silent_seconds=round(heard[0].silent_s))
