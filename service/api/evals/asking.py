"""What the routes of eval sets take: which sessions, and how the set is to be made of them.

Names are as OpenSync's export has them, in small letters with underscores. Where several values are taken, they may be
repeated or stand in one with commas between.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from service.api.gate import params
from service.api.gate.params import Cursor, Moment, Names, Zone
from service.api.search import asking as searching
from service.api.search.asking import SearchAsked, SearchFilter
from service.errors import RequestError
from service.exports import splits
from service.exports.formats import FORMATS, FormatName
from service.exports.model import TurnMode
from service.exports.turns import Wanted
from service.model import sources
from service.storage.evals import EvalFilter

Status = Literal["golden", "correct", "incorrect", "needs_review", "unset"]
LAST = datetime.max.replace(tzinfo=UTC)
DAY = re.compile(r"\d{4}-\d\d-\d\d")
SEARCHED = ("q", "type", "groupBy", "limit", "tz")


class EvalsFilter(msgspec.Struct, kw_only=True):
    """Which sessions. A label of one of its messages counts as the session's here, and as that turn's in a set."""

    tool: Annotated[Names, Meta(description="Sources: the tools that the sessions come from.")] = []
    model: Names = []
    project: Annotated[Names, Meta(description="Name or path, exactly.")] = []
    tags: Annotated[Names, Meta(description="With any of these tags.")] = []
    status: list[Status] = []
    date_from: Annotated[Moment, Meta(description="Created at or after this date.")] = None
    date_to: Annotated[Moment, Meta(description="Created on this day or before.")] = None
    min_tokens: Annotated[int, Meta(ge=0, le=2**62)] | None = None
    tz: Zone = "UTC"


class EvalsAsked(EvalsFilter, kw_only=True):
    limit: Annotated[int, Meta(ge=0, le=1000)] = 50
    cursor: Cursor = None


class SetAsked(EvalsFilter, kw_only=True):
    ids: Annotated[Names, Meta(description="Only these sessions, marked or not: ids or external ids.")] = []
    format: FormatName = "deepeval"
    turn_mode: Annotated[
        TurnMode | None,
        Meta(
            description="A case a turn, a session, or a session's last turn; by default as the format is used."
        ),
    ] = None
    include_metadata: bool = True
    include_tools: bool = True
    include_system: bool = True
    anonymize: Annotated[
        bool, Meta(description="Take out home directories, user and host names, e-mail addresses.")
    ] = True
    redact: Annotated[bool, Meta(description="Take out credentials.")] = False
    split: Annotated[
        Annotated[str, Meta(max_length=60)],
        Meta(description="Shares of train, validation and test, by a hash of the session: 0.8,0.1,0.1"),
    ] = ""
    archive: Annotated[bool, Meta(description="A zip with the manifest, and with a file a split.")] = False


class SetBody(msgspec.Struct, kw_only=True):
    """A search (`q` and what belongs to it), or ids, or neither; and how to make the set: the parameters of GET."""

    q: (
        Annotated[str, Meta(max_length=100_000, extra_json_schema={"pattern": params.SAYS_SOMETHING})] | None
    ) = None
    type: str = "hybrid"
    groupBy: Literal["session", "message"] = "session"  # noqa: N815  # as in a search's body
    limit: Annotated[int, Meta(ge=0, le=1000)] = 20
    filter: SearchFilter | None = None
    ids: list[str] = []
    format: FormatName = "deepeval"
    turn_mode: TurnMode | None = None
    include_metadata: bool = True
    include_tools: bool = True
    include_system: bool = True
    anonymize: bool = True
    redact: bool = False
    split: str = ""
    archive: bool = False
    tool: list[str] = []
    model: list[str] = []
    project: list[str] = []
    tags: list[str] = []
    status: list[Status] = []
    date_from: Moment = None
    date_to: Moment = None
    min_tokens: int | None = None


def from_body(given: Mapping[str, Any], query: SetAsked) -> tuple[SetAsked, SearchAsked | None]:
    """What a body asks for, above what the query says; and the search in it, if there is one. Errors: `RequestError`."""
    asked = msgspec.to_builtins(query) | {name: value for name, value in given.items() if value is not None}
    wanted = {name: value for name, value in asked.items() if name in SetAsked.__struct_fields__}
    for name in ("status", "tool", "model", "tags", "ids"):
        wanted[name] = list(pieces(wanted[name])) if name in given else wanted[name]
    if isinstance(wanted["project"], str):
        wanted["project"] = [wanted["project"]]
    return params.from_json(wanted, SetAsked), search_in(given)


def search_in(given: Mapping[str, Any]) -> SearchAsked | None:
    filter = given.get("filter")
    if not isinstance(filter, dict | None):
        raise RequestError("filter must be an object.")
    if given.get("q") is None:
        if filter:
            raise RequestError("A filter belongs to a search: give q too, or the parameters of GET.")
        return None
    search = {name: given[name] for name in SEARCHED if name in given}
    return searching.checked(params.from_json(search | (filter or {}), SearchAsked))


def pieces(values: Any) -> Iterable[str]:
    """
    >>> list(pieces(["a,b", "c", " "]))
    ['a', 'b', 'c']
    """
    for value in values if isinstance(values, list | tuple) else [values]:
        if not isinstance(value, str):
            raise RequestError("Names must be text.")
        yield from (piece.strip() for piece in value.split(",") if piece.strip())


def filter_of(asked: EvalsFilter, *, ids: tuple[int, ...] | None = None) -> EvalFilter:
    """Errors: `RequestError`."""
    return EvalFilter(
        ids=ids,
        sources=tuple(map(sources.canonical, pieces(asked.tool))),
        models=tuple(pieces(asked.model)),
        projects=tuple(asked.project),
        tags=tuple(pieces(asked.tags)),
        statuses=tuple(asked.status),
        after=params.moment("date_from", asked.date_from, tz=asked.tz),
        before=end_of(asked.date_to, tz=asked.tz),
        min_tokens=asked.min_tokens,
    )


def end_of(value: str | int | None, *, tz: str) -> datetime | None:
    """The first moment behind a date: behind its whole day where it is one. None: behind the last day there is nothing.

    >>> str(end_of("2026-01-31", tz="UTC")), end_of("9999-12-31", tz="UTC"), end_of(253402300799999, tz="UTC")
    ('2026-02-01 00:00:00+00:00', None, None)
    """
    moment = params.moment("date_to", value, tz=tz)
    if moment is None:
        return None
    span = timedelta(days=1) if DAY.fullmatch(str(value)) else timedelta(milliseconds=1)
    return moment + span if moment <= LAST - span else None


def wanted(asked: SetAsked) -> Wanted:
    return Wanted(
        mode=asked.turn_mode or FORMATS[asked.format].mode,
        tools=asked.include_tools,
        system=asked.include_system,
        statuses=frozenset(asked.status),
        tags=frozenset(pieces(asked.tags)),
        models=frozenset(pieces(asked.model)),
    )


def shares(asked: SetAsked) -> dict[str, float]:
    """Errors: `RequestError`, also where a split would be lost in the file."""
    found = splits.shares(asked.split)
    form = FORMATS[asked.format]
    if found and not asked.archive and form.layout != "texts" and not (form.keeps_split and told(asked)):
        raise RequestError(
            f"A record of {asked.format} has no place for its split: ask for archive=true, which gives a file a split."
        )
    return found


def told(asked: SetAsked) -> bool:
    return asked.include_metadata or asked.format in ("langsmith", "parquet")


def plain(asked: SetAsked, search: SearchAsked | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was asked for as the manifest says it: filters, and options."""
    fields = msgspec.to_builtins(asked)
    names = EvalsFilter.__struct_fields__
    filters = {name: fields[name] for name in (*names, "ids") if fields[name] not in ([], None)}
    if search is not None:
        filters["search"] = {
            name: value
            for name, value in msgspec.to_builtins(search).items()
            if value not in ([], None, False) and name in {*SEARCHED, *SearchFilter.__struct_encode_fields__}
        }
    options = {name: value for name, value in fields.items() if name not in (*names, "ids", "format")}
    return filters, options | {"turn_mode": wanted(asked).mode}
