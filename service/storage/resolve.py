"""Which session a write means. Pure: what the tables hold goes in, decisions come out.

A session's key is (source, external id). A source that was only assumed is provisional: the first write
that names one adopts the session. A write without a source means the session of that external id that was
updated last. What was deleted stays deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

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
    targets: dict[Ref, Target] = {}
    for ref in sorted(set(refs), key=lambda ref: (ref.external_id, ref.source is None, ref.source or "")):
        candidates = by_external_id.get(ref.external_id, [])
        targets[ref] = (
            with_source(ref.external_id, ref.source, candidates, deleted, targets)
            if ref.source is not None
            else without_source(ref, candidates, deleted, targets)
        )
    return targets


def with_source(
    external_id: str,
    source: str,
    candidates: list[Existing],
    deleted: Collection[tuple[str, str]],
    decided: Mapping[Ref, Target],
) -> Target:
    for session in candidates:
        if session.source == source:
            return Found(session.id, source, adopts=session.source_provisional)
    if (source, external_id) in deleted:
        return Deleted(external_id)
    taken = {target.id for target in decided.values() if isinstance(target, Found) and target.adopts}
    for session in candidates:
        if session.source_provisional and session.id not in taken:
            return Found(session.id, source, adopts=True)
    if ("", external_id) in deleted:
        return Deleted(external_id)
    return Missing(external_id, source, source_provisional=False)


def without_source(
    ref: Ref, candidates: list[Existing], deleted: Collection[tuple[str, str]], decided: Mapping[Ref, Target]
) -> Target:
    if candidates:
        latest = max(candidates, key=lambda session: (session.updated_at, session.id))
        return Found(latest.id, latest.source)
    named = [target for other, target in decided.items() if other.external_id == ref.external_id]
    if named:
        return named[0]
    if any(external_id == ref.external_id for _, external_id in deleted):
        return Deleted(ref.external_id)
    return Missing(ref.external_id, ASSUMED_SOURCE, source_provisional=True)
