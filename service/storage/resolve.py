"""Which session a write means. Pure: what the tables hold goes in, decisions come out.

A session's key is (source, external id). A source that was only assumed is provisional: the first write
that names one adopts the session. A write without a source means the session of that external id that was
updated last. What was deleted stays deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import groupby

import msgspec

ASSUMED_SOURCE = "opencode"


class Ref(msgspec.Struct, frozen=True):
    """A session as a write names it."""

    external_id: str
    source: str | None


class Existing(msgspec.Struct, frozen=True):
    id: int
    external_id: str
    source: str
    source_provisional: bool
    updated_at: datetime
    transcript: bool = False
    """An import has brought something of it; `client`: a client has."""
    client: bool = False
    transcript_totals: int = 0
    total_tokens: int = 0
    told_below: bool = False
    """An import has brought a session that it started."""
    version: str = ""
    """Changes with whatever is written to the session or its messages."""


class Found(msgspec.Struct, frozen=True):
    id: int
    source: str
    adopts: bool = False
    """The write names the source of a session that only had an assumed one."""


class Missing(msgspec.Struct, frozen=True):
    """To be made, under this key."""

    external_id: str
    source: str
    source_provisional: bool


class Deleted(msgspec.Struct, frozen=True):
    external_id: str


Target = Found | Missing | Deleted


def decide(
    refs: Iterable[Ref], *, existing: Collection[Existing], deleted: Collection[tuple[str, str]]
) -> dict[Ref, Target]:
    """A target for each ref. `deleted` holds (source, external id) of tombstones; source "" is any source.

    Refs that name a source are decided first, so that one without it in the same batch means the same session.

    >>> decide([Ref("a", None), Ref("a", "pi")], existing=[], deleted=[])[Ref("a", None)]
    Missing(external_id='a', source='pi', source_provisional=False)
    """
    by_external_id: dict[str, list[Existing]] = {}
    for session in existing:
        by_external_id.setdefault(session.external_id, []).append(session)
    sources_deleted: dict[str, set[str]] = {}
    for source, external_id in deleted:
        sources_deleted.setdefault(external_id, set()).add(source)
    targets: dict[Ref, Target] = {}
    in_turn = sorted(set(refs), key=lambda ref: (ref.external_id, ref.source is None, ref.source or ""))
    # Only what bears the same external id can matter: a request may name thousands.
    for external_id, same in groupby(in_turn, key=lambda ref: ref.external_id):
        candidates = by_external_id.get(external_id, [])
        gone, decided = sources_deleted.get(external_id, set()), list[Target]()
        for ref in same:
            targets[ref] = (
                with_source(external_id, ref.source, candidates, gone, decided)
                if ref.source is not None
                else without_source(external_id, candidates, gone, decided)
            )
            decided.append(targets[ref])
    return targets


def with_source(
    external_id: str, source: str, candidates: list[Existing], gone: set[str], decided: Sequence[Target]
) -> Target:
    """`gone`: the sources of which it was deleted; `decided`: the targets of its other refs so far."""
    for session in candidates:
        if session.source == source:
            return Found(session.id, source, adopts=session.source_provisional)
    if source in gone:
        return Deleted(external_id)
    taken = {target.id for target in decided if isinstance(target, Found) and target.adopts}
    for session in candidates:
        if session.source_provisional and session.id not in taken:
            return Found(session.id, source, adopts=True)
    if "" in gone:
        return Deleted(external_id)
    return Missing(external_id, source, source_provisional=False)


def without_source(
    external_id: str, candidates: list[Existing], gone: set[str], decided: Sequence[Target]
) -> Target:
    if candidates:
        latest = max(candidates, key=lambda session: (session.updated_at, session.id))
        return Found(latest.id, latest.source)
    if decided:
        return decided[0]
    if gone:
        return Deleted(external_id)
    return Missing(external_id, ASSUMED_SOURCE, source_provisional=True)
