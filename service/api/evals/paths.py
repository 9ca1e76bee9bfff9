"""Eval sets before they are exported: what is marked, what a set would hold, labels at once and their history."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from service.api import examples, shapes
from service.api.evals import asking, labelling
from service.api.evals.asking import EvalsAsked, SetAsked, SetBody
from service.api.evals.labelling import LabelsBody
from service.api.evals.making import make
from service.api.evals.selecting import select
from service.api.gate import cursors, params
from service.api.gate.params import Cursor, Nothing
from service.api.gate.routes import Answer, Call, answer, route, written
from service.api.search.asking import SearchAsked
from service.errors import NotFound, RequestError
from service.exports import manifest
from service.exports.model import Case
from service.exports.tallying import Tally, Warned
from service.model import ids, json_items
from service.privacy.cleaning import Cleaner
from service.storage import evals, labels, sessions
from service.storage.database import Connection
from service.storage.evals import Position

SAMPLES = 3
SAMPLE_CHARS = 2000


class Stats(msgspec.Struct, rename="camel"):
    """Over all that the filters let through. `byStatus` has every status, `unset` for none."""

    total: int
    by_status: dict[str, int]
    by_source: dict[str, int]
    by_tag: dict[str, int]


class Evals(msgspec.Struct, rename="camel"):
    sessions: list[shapes.Session]
    stats: Stats
    next_cursor: str | UnsetType = UNSET


class Sample(msgspec.Struct, rename="camel"):
    """A case in short: texts are cut."""

    id: str
    session_id: str
    title: str
    input: str
    output: str


class Preview(msgspec.Struct, rename="camel"):
    """What an export with the same parameters would hold."""

    format: str
    session_count: int
    test_case_count: int
    skipped_sessions: int
    skipped: dict[str, int]
    """What gives no case, by reason."""
    by_source: dict[str, int]
    by_model: dict[str, int]
    by_status: dict[str, int]
    by_split: dict[str, int]
    credentials: dict[str, int]
    """What `redact` cuts, by kind."""
    anonymized: dict[str, int]
    warnings: list[Warned]
    sample_cases: list[Sample]


class Labelled(msgspec.Struct):
    """How many were there and are labelled so now."""

    sessions: int
    messages: int
    ok: bool = True


class HistoryAsked(msgspec.Struct, kw_only=True):
    id: Annotated[
        params.Name | None,
        Meta(description="The session's id or external id.", extra_json_schema=params.NEEDED),
    ] = None
    limit: Annotated[int, Meta(ge=0, le=1000)] = 100
    cursor: Cursor = None


class Change(msgspec.Struct, kw_only=True, rename="camel"):
    """A label as it is from then on; without a value: emptied. Of the session, or of the message that is named."""

    session_id: str
    message_id: str | UnsetType = UNSET
    at: int
    user: str | UnsetType = UNSET
    field: str
    value: Any | UnsetType = UNSET


class History(msgspec.Struct, rename="camel"):
    changes: list[Change]
    next_cursor: str | UnsetType = UNSET


@route(
    "GET", "/api/evals", scope="read", summary="List sessions for evals", asks=EvalsAsked, gives=Evals, live="evals.list",
    description="Sessions that are marked, or that have a marked message, the latest first, with counts over all of them.",
    example={"sessions": [examples.SESSION | {"evalReady": True}], "stats": examples.EVAL_STATS}, errors=(400,),
)  # fmt: skip
async def list_evals(call: Call, asked: EvalsAsked) -> Answer:
    async with call.rows(still=True) as conn:
        return answer(await read(conn, call.workspace_id, asked))


async def read(conn: Connection, workspace_id: int, asked: EvalsAsked) -> Evals:
    """Errors: `RequestError`."""
    filter, after = asking.filter_of(asked), position(asked)
    counts = await evals.counts(conn, workspace_id, filter)
    found = await evals.page(conn, workspace_id, filter, limit=asked.limit + 1, after=after)
    rows = await sessions.by_ids(conn, workspace_id, found[: asked.limit])
    shown = [rows[id] for id in found[: asked.limit]]
    listed = Evals([shapes.session(row) for row in shown], Stats(**msgspec.structs.asdict(counts)))
    if len(found) > len(shown) > 0:
        listed.next_cursor = cursors.encode(
            Position(shown[-1]["created_at"], shown[-1]["id"]), of=order(asked)
        )
    return listed


def position(asked: EvalsAsked) -> Position | None:
    """Where the page before ended. Errors: `RequestError`."""
    return cursors.decode(asked.cursor, Position, of=order(asked)) if asked.cursor else None


def order(asked: EvalsAsked) -> str:
    return f"evals {msgspec.json.encode(msgspec.structs.replace(asked, limit=0, cursor=None)).decode()}"


@route(
    "GET", "/api/evals/preview", scope="read", summary="Preview an eval set", asks=SetAsked, gives=Preview,
    description="What an export with these parameters would hold, what would be left out and why, and what to look at: "
    "calls without a result, near-duplicates, the same question in two splits, credentials.",
    example=examples.EVAL_PREVIEW, errors=(400, 404),
)  # fmt: skip
async def preview_set(call: Call, asked: SetAsked) -> Answer:
    return await preview(call, asked, None)


@route(
    "POST", "/api/evals/preview", scope="read", summary="Preview an eval set from a search", asks=SetAsked,
    takes=SetBody, gives=Preview, description="The same with the body of an export, a search for example.",
    example_body=examples.EVAL_SET_BODY, example=examples.EVAL_PREVIEW, errors=(400, 404, 413),
)  # fmt: skip
async def preview_search(call: Call, asked: SetAsked) -> Answer:
    return await preview(call, *asking.from_body(json_items.read_object(call.body), asked))


@route(
    "POST", "/api/evals/labels", scope="admin", summary="Label many", takes=LabelsBody, gives=Labelled,
    description="Sets the same labels on sessions (by ids, by the filters of a list, or by a search) and on messages "
    "(by ids). `addTags` and `removeTags` leave other tags as they are.",
    example_body=examples.LABELS_BODY, example={"ok": True, "sessions": 3, "messages": 0}, errors=(400, 413),
)  # fmt: skip
async def label_many(call: Call, asked: Nothing) -> Answer:
    counts = await labelling.label(call, labelling.read(call.body))
    return await written(call, Labelled(*counts))


@route(
    "GET", "/api/evals/history", scope="read", summary="List changes of labels", asks=HistoryAsked, gives=History,
    description="Who changed which label of a session and of its messages, the latest first.",
    example={"changes": [{"sessionId": "s12", "at": 1769846500000, "user": "ann", "field": "evalReady", "value": True}]},
    errors=(400, 404),
)  # fmt: skip
async def label_history(call: Call, asked: HistoryAsked) -> Answer:
    if not asked.id:
        raise RequestError("Missing session ID")
    async with call.rows(still=True) as conn:
        session = await sessions.find(conn, call.workspace_id, asked.id)
        if session is None:
            raise NotFound("Session not found")
        of = f"history {session['id']}"
        before = cursors.decode(asked.cursor, int, of=of) if asked.cursor else None
        rows = await labels.history(
            conn, call.workspace_id, session["id"], limit=asked.limit + 1, before=before
        )
    found = History([change(row) for row in rows[: asked.limit]])
    if len(rows) > asked.limit > 0:
        found.next_cursor = cursors.encode(rows[asked.limit - 1]["id"], of=of)
    return answer(found)


async def preview(call: Call, asked: SetAsked, search: SearchAsked | None) -> Answer:
    """Credentials are looked for in any case. Errors: as of an export."""
    asking.shares(asked)
    selection = await select(call, asked, search)
    cleaner, shown = Cleaner(redact=True, anonymize=asked.anonymize), Shown()
    tally = await make(call, asked, selection, cleaner, shown.add)
    if not asked.redact:
        tally.tell_secrets(cleaner.redacted)
    return answer(preview_of(asked, tally, cleaner, shown.samples))


class Shown:
    """The first cases."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    def add(self, case: Case) -> None:
        if len(self.samples) < SAMPLES:
            title, texts = case.about.title, (case.input[:SAMPLE_CHARS], case.output[:SAMPLE_CHARS])
            self.samples.append(Sample(case.id, case.about.id, title, *texts))


def preview_of(asked: SetAsked, tally: Tally, cleaner: Cleaner, samples: list[Sample]) -> Preview:
    counts = manifest.counts(tally)
    return Preview(
        format=asked.format,
        session_count=counts.sessions,
        test_case_count=counts.test_cases,
        skipped_sessions=counts.skipped_sessions,
        skipped=counts.skipped,
        by_source=counts.by_source,
        by_model=counts.by_model,
        by_status=counts.by_status,
        by_split=counts.by_split,
        credentials=dict(sorted(cleaner.redacted.items())),
        anonymized=dict(sorted(cleaner.anonymized.items())),
        warnings=tally.warnings,
        sample_cases=samples,
    )


def change(row: dict[str, Any]) -> Change:
    return Change(
        session_id=ids.session(row["session_id"]),
        message_id=UNSET if row["message_id"] is None else ids.message(row["message_id"]),
        at=shapes.epoch_ms(row["at"]),
        user=shapes.known(row["user_name"]),
        field=row["field"],
        value=UNSET if row["value"] is None else json.loads(row["value"]),
    )
