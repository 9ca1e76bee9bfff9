"""Results of a search, as they are shown: each re-read from the tables, with a snippet and its reasons.

Rule: what is gone meanwhile, or of another workspace, is not there when it is re-read, and so is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from indexing.alike import Seen, shape
from indexing.fusion import Fused, Placed
from indexing.model import Term
from indexing.search import Group
from indexing.snippets import snippet
from service.api import shapes
from service.model import ids, parts
from service.model.message import Part, PartType, Role
from service.storage import hit_rows
from service.storage.database import Database
from service.storage.hit_rows import Rows

SCORE_DIGITS = 6


class Ranks(msgspec.Struct):
    """The place in each ranking, from 1; absent where that ranking did not find it."""

    text: int | UnsetType = UNSET
    vector: int | UnsetType = UNSET


class PlacedBy(msgspec.Struct):
    rank: int
    score: float
    z: float


class Explained(msgspec.Struct):
    """What a score is made of: `fused` of both rankings, shares of its neighbours and of its session's best, what the session's messages together say of the query (`coverage`), and that it is new."""

    fused: float
    neighbours: float
    session: float
    coverage: float
    recency: float
    text: PlacedBy | UnsetType = UNSET
    vector: PlacedBy | UnsetType = UNSET


class FoundPart(msgspec.Struct, kw_only=True, rename="camel"):
    """The part that the snippet was taken from."""

    type: PartType
    tool_name: str | UnsetType = UNSET
    external_id: str | UnsetType = UNSET


class Alike(msgspec.Struct, kw_only=True, rename="camel"):
    """Hits that say nearly the same and were folded into this one."""

    count: int
    message_ids: list[str]


class Match(msgspec.Struct, kw_only=True, rename="camel"):
    """A message that was found. `highlights` are offsets into the snippet, in code points, end exclusive."""

    message_id: str
    message_external_id: str
    session_id: str
    role: Role
    seq: int
    created_at: int
    score: float
    snippet: str
    highlights: list[tuple[int, int]]
    ranks: Ranks
    part: FoundPart | UnsetType = UNSET
    alike: Alike | UnsetType = UNSET
    explain: Explained | UnsetType = UNSET


class SessionHit(shapes.Session, kw_only=True, rename="camel"):
    """A session with its best matches, at most 3; where only its title matched, its first message."""

    _id: str
    score: float
    matches: list[Match]


class SessionOf(msgspec.Struct, kw_only=True, rename="camel"):
    id: str
    _id: str
    external_id: str
    title: str | UnsetType = UNSET
    source: str
    project_name: str | UnsetType = UNSET
    created_at: int


class MessageHit(Match, kw_only=True, rename="camel"):
    session: SessionOf


async def reread(db: Database, workspace_id: int, groups: Sequence[Group], messages: Sequence[Fused]) -> Rows:
    """The rows of sessions with their matches, and of messages with their sessions."""
    return await hit_rows.rows(
        db,
        workspace_id,
        session_ids={group.session_id for group in groups} | {each.session_id for each in messages},
        message_ids=[each.id for each in messages]
        + [match.id for group in groups for match in group.matches],
        opened=[group.session_id for group in groups if not group.matches],
    )


def session_hits(
    shown: Sequence[Group], rows: Rows, terms: Sequence[Term], *, explain: bool, fold: bool = False
) -> list[SessionHit]:
    hits = []
    for group in shown:
        row = rows.sessions.get(group.session_id)
        found = [each for each in group.matches or opening(group, rows) if each.id in rows.messages]
        alike = folded(found, rows) if fold else {each.id: [] for each in found}
        matches = [
            match_of(rows.messages[each.id], each, terms, explain=explain, alike=alike[each.id])
            for each in found
            if each.id in alike
        ]
        if row is not None and (matches or group.by_title):
            fields = msgspec.structs.asdict(shapes.session(row))
            hits.append(SessionHit(**fields, _id=fields["id"], score=rounded(group.score), matches=matches))
    return hits


def folded(found: Sequence[Fused], rows: Rows) -> dict[int, list[int]]:
    """Those that stay, each with those that say nearly the same and come after it."""
    seen, kept = Seen(), list[int]()
    folds: dict[int, list[int]] = {}
    for each in found:
        row = rows.messages.get(each.id)
        if row is None:
            continue
        text = "\n".join(field.text for field in parts.fields(row["text"], row["parts"]))
        place = seen.first(shape(text))
        if place is None:
            kept.append(each.id)
            folds[each.id] = []
        else:
            folds[kept[place]].append(each.id)
    return folds


def opening(group: Group, rows: Rows) -> list[Fused]:
    """The first message, to open a session at that was found by its title alone."""
    id = rows.openings.get(group.session_id)
    return (
        []
        if id is None
        else [Fused(id=id, session_id=group.session_id, unit="message", score=group.score, fused=0.0)]
    )


def message_hits(
    shown: Sequence[Fused],
    rows: Rows,
    terms: Sequence[Term],
    *,
    explain: bool,
    alike: Mapping[int, Sequence[int]],
) -> list[MessageHit]:
    hits = []
    for found in shown:
        row, session = rows.messages.get(found.id), rows.sessions.get(found.session_id)
        if row is not None and session is not None:
            match = match_of(row, found, terms, explain=explain, alike=alike.get(found.id, ()))
            fields = msgspec.structs.asdict(match)
            hits.append(MessageHit(**fields, session=session_of(session)))
    return hits


def match_of(
    row: Mapping[str, Any], found: Fused, terms: Sequence[Term], *, explain: bool, alike: Sequence[int] = ()
) -> Match:
    cut = snippet(parts.fields(row["text"], row["parts"]), terms, passage=found.passage)
    return Match(
        message_id=ids.message(row["id"]),
        message_external_id=row["external_id"],
        session_id=ids.session(row["session_id"]),
        role=row["role"],
        seq=row["seq"],
        created_at=shapes.epoch_ms(row["created_at"]),
        score=rounded(found.score),
        snippet=cut.text,
        highlights=cut.highlights,
        ranks=Ranks(
            text=found.text.rank if found.text else UNSET,
            vector=found.vector.rank if found.vector else UNSET,
        ),
        part=part_of(row, row["parts"][cut.field]) if cut.field >= 0 else UNSET,
        alike=Alike(count=len(alike), message_ids=[*map(ids.message, alike)]) if alike else UNSET,
        explain=explained(found) if explain else UNSET,
    )


def part_of(row: Mapping[str, Any], part: Part) -> FoundPart:
    names = parts.tool_names([part])
    return FoundPart(
        type=part.type,
        tool_name=names[0] if names else UNSET,
        external_id=shapes.known(row["record_id"]),
    )


def session_of(row: Mapping[str, Any]) -> SessionOf:
    id = ids.session(row["id"])
    return SessionOf(
        id=id,
        _id=id,
        external_id=row["external_id"],
        title=shapes.known(row["title"]),
        source=row["source"],
        project_name=shapes.known(row["project_name"]),
        created_at=shapes.epoch_ms(row["created_at"]),
    )


def explained(found: Fused) -> Explained:
    return Explained(
        fused=rounded(found.fused),
        neighbours=rounded(found.neighbours),
        session=rounded(found.session),
        coverage=rounded(found.coverage),
        recency=rounded(found.recency),
        text=placed(found.text),
        vector=placed(found.vector),
    )


def placed(by: Placed | None) -> PlacedBy | UnsetType:
    return UNSET if by is None else PlacedBy(by.rank, rounded(by.score), rounded(by.z))


def rounded(score: float) -> float:
    return round(score, SCORE_DIGITS)
