"""Parameters of a request, read into a struct that says what each takes; the same struct stands in /schema.

Rule: the last of a repeated parameter counts unless it takes several; an empty one and `null` are absent; unknown
ones are ignored. What does not fit is refused with one sentence that names the parameter and what it takes; so is one
of NUL alone, which says something and would be taken for absent: a filter that is passed over shows too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from indexing.dates import parse_ms
from service.errors import RequestError

MOST_PARAMETERS = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END_MS = 253_402_300_800_000  # 10000-01-01, the first that a datetime cannot hold
ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
NO_ZONES = {"Factory", "localtime", "posix", "posixrules", "right"}
"""What lies beside the zones in a machine's list, and is none: `right` counts leap seconds, the others are copies."""
FIELD = re.compile(r"\$\.(\w+)")

SAYS_SOMETHING = r"[^\s\x00]"
"""A text that is not blank."""
ISO_DATE = r"^(19(7[1-9]|[89]\d)|[2-8]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])(T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{3,6})?)?(Z|[+-](0\d|1[0-3]):[0-5]\d)?)?$"
"""Dates that are surely taken, whatever else is."""
NEEDED = {"minLength": 1, "pattern": SAYS_SOMETHING}
"""Of a parameter without which there is no answer: its handler says so in the words that clients know."""
Name = Annotated[str, Meta(max_length=1000)]
"""A value that is compared: of a project's path, a model, a tag."""
Names = Annotated[list[Name], Meta(max_length=200)]
Moment = Annotated[
    Annotated[str, Meta(extra_json_schema={"pattern": ISO_DATE})]
    | Annotated[int, Meta(extra_json_schema={"minimum": 10_000, "maximum": END_MS - 1})]
    | None,
    Meta(
        title="a date: epoch milliseconds, ISO 8601 or YYYY-MM-DD",
        description="The first moment of a day, in `tz`, where no time is given.",
        examples=["2026-01-31", "2026-01-31T08:00:00Z", 1769846400000],
    ),
]
Zone = Annotated[
    str, Meta(description="The time zone of dates that name none, as in the IANA list.", max_length=100)
]
Cursor = Annotated[
    Annotated[str, Meta(max_length=4000)] | None, Meta(description="`nextCursor` of the page before.")
]

P = TypeVar("P")


class Nothing(msgspec.Struct):
    """The parameters of a route that takes none."""


def pairs(query_string: bytes) -> list[tuple[str, str]]:
    """Names and values of a query in their order, as text that Postgres can hold. Empty is a value of NUL alone; one that is
    empty as it was sent is left out.

    >>> pairs(b"q=a+b&tag=x&tag=%00y&source=&model=%00")
    [('q', 'a b'), ('tag', 'x'), ('tag', 'y'), ('model', '')]
    """
    text = query_string.decode("utf-8", "replace")
    try:
        found = parse_qsl(text, errors="replace", max_num_fields=MOST_PARAMETERS)
    except ValueError as error:
        raise RequestError(f"The query has more than {MOST_PARAMETERS:,} parameters.") from error
    return [(name.replace("\0", ""), value.replace("\0", "")) for name, value in found]


def from_query(given: Iterable[tuple[str, str]], type: type[P]) -> P:
    """The parameters that a query gives. Errors: `RequestError`.

    >>> class Asked(msgspec.Struct):
    ...     limit: Annotated[int, Meta(ge=0, le=1000)] = 50
    >>> from_query([("limit", "1e30")], Asked)
    Traceback (most recent call last):
    service.errors.RequestError: limit must be a whole number from 0 to 1000.
    """
    known = properties(type)
    read: dict[str, Any] = {}
    for name, value in given:
        if name not in known:
            continue
        if not value:
            raise RequestError(f"{name} says nothing but NUL: give it a value, or leave it out.")
        if known[name].get("type") == "array":
            # What is one of a few words holds no comma: several may stand in one parameter.
            several = value.split(",") if "enum" in known[name]["items"] else [value]
            read.setdefault(name, []).extend(several)
        else:
            read[name] = value
    return converted(read, type)


def from_json(given: Mapping[str, Any], type: type[P]) -> P:
    """The same names in a JSON object; where several values are taken, a single one may stand alone."""
    known = properties(type)
    read: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or name not in known:
            continue
        several = known[name].get("type") == "array" and not isinstance(value, list)
        read[name] = [value] if several else value
    return converted(read, type)


def converted(read: Mapping[str, Any], type: type[P]) -> P:
    try:
        return msgspec.convert(read, type, strict=False)
    except msgspec.ValidationError as error:
        place = FIELD.search(str(error))
        name = place[1] if place else ""
        raise RequestError(
            f"{name or 'The request'} must be {takes(properties(type).get(name, {}))}."
        ) from error


def properties(type: Any) -> dict[str, dict[str, Any]]:
    """The JSON schema of each parameter by its name on the wire."""
    return _properties(type)


@cache
def _properties(type: Any) -> dict[str, dict[str, Any]]:
    (schema,), components = msgspec.json.schema_components([type], ref_template="{name}")
    found: dict[str, dict[str, Any]] = components[schema["$ref"]]["properties"]
    return found


def takes(schema: Mapping[str, Any]) -> str:
    """What a parameter takes, as the end of a sentence.

    >>> takes({"type": "array", "items": {"enum": ["source", "day"]}})
    'a list, each of it one of source, day'
    """
    if "title" in schema:
        return str(schema["title"])
    if "anyOf" in schema:
        return takes(schema["anyOf"][0])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if schema.get("type") == "integer":
        return f"a whole number from {schema.get('minimum', '-2^63')} to {schema.get('maximum', '2^63')}"
    if schema.get("type") == "number" and {"minimum", "maximum"} <= schema.keys():
        return f"a number from {schema['minimum']} to {schema['maximum']}"
    if schema.get("type") == "array":
        most = f" of at most {schema['maxItems']}" if "maxItems" in schema else ""
        return f"a list{most}, each of it {takes(schema.get('items', {}))}"
    if schema.get("type") == "string":
        return f"text of at most {schema['maxLength']:,} characters" if "maxLength" in schema else "text"
    return {"boolean": "true or false", "object": "an object"}.get(str(schema.get("type")), "as /schema says")


def moment(name: str, value: str | int | None, *, tz: str) -> datetime | None:
    """The moment that a date means. Errors: `RequestError`.

    >>> moment("after", "2026-01-01", tz="Asia/Tokyo")
    datetime.datetime(2025, 12, 31, 15, 0, tzinfo=datetime.timezone.utc)
    """
    if value is None:
        return None
    ms = parse_ms(str(value), now_ms=round(datetime.now(UTC).timestamp() * 1000), tz=zone(tz))
    if ms is None:
        raise RequestError(f"{name} must be a date: epoch milliseconds, ISO 8601 or YYYY-MM-DD.")
    if not 0 <= ms < END_MS:
        raise RequestError(f"{name} must lie between 1970 and 9999.")
    return EPOCH + timedelta(milliseconds=ms)


@cache
def zone(name: str) -> tzinfo:
    """Errors: `RequestError` for a zone that this machine does not know."""
    if name == "UTC":
        return UTC  # also where the machine has no list of zones
    try:
        if not ZONE.fullmatch(name) or name.partition("/")[0] in NO_ZONES:
            raise ValueError(name)
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError) as error:
        raise RequestError(
            "tz must be a time zone of the IANA list, such as UTC or Europe/Berlin."
        ) from error
