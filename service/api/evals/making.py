"""A selection to cases: one session after the other is read, made into cases in a thread, counted and written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from service.api import shapes
from service.api.evals import asking
from service.api.evals.asking import SetAsked
from service.api.evals.selecting import Selection
from service.api.gate.routes import Call
from service.exports import splits
from service.exports.model import About, Case
from service.exports.tallying import Tally
from service.exports.turns import build
from service.model import ids
from service.privacy.cleaning import Cleaner
from service.storage import evals, messages

AT_ONCE = 50
"""Sessions whose facts are read together; of their messages one session's are in memory."""
ALL = 2**31


async def make(
    call: Call, asked: SetAsked, selection: Selection, cleaner: Cleaner, each: Callable[[Case], None]
) -> Tally:
    """`each` is given every case; what is cut is counted in `cleaner`, all else in the tally."""
    wanted, shares, tally = asking.wanted(asked), asking.shares(asked), Tally()

    def add(row: Mapping[str, Any], said: list[dict[str, Any]]) -> None:
        about = about_of(row)
        only = selection.messages.get(row["id"])
        asked_for = msgspec.structs.replace(wanted, messages=None if only is None else frozenset(only))
        ready = selection.named or row["eval_ready"]
        split = splits.part(about.root, shares)
        built = build(about, said, asked_for, ready=ready, split=split, cleaner=cleaner)
        tally.add(about, built)
        for case in built.cases:
            each(case)

    for start in range(0, len(selection.ids), AT_ONCE):
        async with call.rows() as conn:
            facts = await evals.to_export(conn, call.workspace_id, selection.ids[start : start + AT_ONCE])
        for row in facts:
            async with call.rows() as conn:
                said = await messages.page(conn, call.workspace_id, row["id"], limit=ALL)
            await asyncio.to_thread(add, row, said)
    return tally


def about_of(row: Mapping[str, Any]) -> About:
    """Facts of a row of `storage.evals.to_export`."""
    name = row["external_id"]
    return About(
        id=ids.session(row["id"]),
        name=f"{name}@{row['source']}" if row["shares_id"] else name,
        root=row["root_external_id"],
        source=row["source"],
        created_at_ms=shapes.epoch_ms(row["created_at"]),
        title=row["title"] or "",
        project=row["project_name"] or "",
        project_path=row["project_path"] or "",
        model=row["model"] or "",
        provider=row["provider"] or "",
        tags=tuple(row["tags"]),
        status=row["eval_status"] or "",
        expected=row["expected_output"] or "",
        prompt_tokens=row["prompt_tokens"] or 0,
        completion_tokens=row["completion_tokens"] or 0,
    )
