"""The fields of one synced item: each read with its type and bounds, or refused with a sentence that names it.

Rule: `null` is absent and unknown fields are ignored. A field of the wrong type, out of bounds or negative
refuses the item; nothing is cut. An empty text and the number 0 say nothing, and so change nothing.

Numbers are rounded to whole tokens and milliseconds, since clients send 1234.5. Times are epoch milliseconds
or ISO 8601 (without a zone: UTC); a number that can only be seconds is taken as seconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Raw

from service.errors import RequestError
from service.model import json_items, parts, sources
from service.model.bounds import (
    EPOCH,
    LAST_MS,
    MAX_COST_USD,
    MAX_COUNT,
    MAX_ID_CHARS,
    MAX_PARTS,
    MAX_SOURCE_CHARS,
    cost_usd,
)
from service.model.message import Part

_SECONDS = range(10**9, 10**10)  # 2001 to 2286; as milliseconds all of it would lie in early 1970
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?")


class ItemFields:
    """Readers of one item's fields, by the names on the wire. Errors: RequestError."""

    def __init__(self, text: bytes) -> None:
        if not text.startswith(b"{"):
            raise RequestError("An item must be an object.")
        self._fields = json_items.decoded(text, type=dict[str, Raw])

    def id(self, name: str) -> str | None:
        """An id as it came. Blank is absent."""
        return self.text(name, most=MAX_ID_CHARS)

    def text(self, name: str, *, most: int | None = None) -> str | None:
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise RequestError(f"{name} must be text.")
        if most is not None and len(value) > most:
            raise RequestError(f"{name} is longer than {most:,} characters.")
        return value if value.strip() else None

    def one_of(self, name: str, choices: tuple[Any, ...]) -> Any:
        value = self._value(name)
        if value is not None and value not in choices:
            raise RequestError(f"{name} must be one of {', '.join(choices)}.")
        return value

    def source(self) -> str | None:
        """The wire's name of the source."""
        sent = self.text("source", most=MAX_SOURCE_CHARS)
        return None if sent is None else sources.canonical(sent)

    def count(self, name: str) -> int | None:
        """Tokens, or milliseconds."""
        value = self._number(name, most=MAX_COUNT)
        return None if value is None else round(value) or None

    def cost(self) -> Decimal | None:
        """US dollars, exact to the ten places that are kept."""
        value = self._number("cost", most=MAX_COST_USD)
        return None if value is None else cost_usd(value)

    def time(self, name: str) -> datetime | None:
        value = self._value(name)
        if isinstance(value, str):
            return _from_iso(name, value)
        sent = self._number(name, most=LAST_MS) or 0
        at_ms = round(sent * 1000 if int(sent) in _SECONDS else sent)
        return EPOCH + timedelta(milliseconds=at_ms) if at_ms else None

    def attrs(self) -> dict[str, Any] | None:
        value = self._value("attrs")
        if value is not None and not isinstance(value, dict):
            raise RequestError("attrs must be an object.")
        return value

    def parts(self) -> tuple[Part, ...] | None:
        """The parts in their normal form. An empty list is said, too: it takes parts out."""
        if self._value("parts") is None:
            return None
        text = bytes(self._fields["parts"])
        if not text.startswith(b"["):
            raise RequestError("parts must be a list.")
        # Only a text with so many commas can hold too many parts: the others are spared the scan.
        if text.count(b",") >= MAX_PARTS:
            json_items.elements(text, limit=MAX_PARTS)
        sent = json_items.decoded(text, type=list[Raw], name="parts")
        normal = (_part(place, part) for place, part in enumerate(sent))
        return tuple(part for part in normal if part is not None)

    def _value(self, name: str) -> Any:
        """A field's value; None when it is absent. All of it is parsed, so that nothing bad hides deep in parts."""
        field = self._fields.get(name)
        return None if field is None else json_items.decoded(field, type=Any, name=name)

    def _number(self, name: str, *, most: int) -> int | float | None:
        value = self._value(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RequestError(f"{name} must be a number.")
        if value < 0:
            raise RequestError(f"{name} must not be negative.")
        if value > most:
            raise RequestError(f"{name} is larger than {most:,}.")
        return value


def _part(place: int, part: Raw) -> Part | None:
    try:
        return parts.normalise(part)
    except RequestError as error:
        raise RequestError(f"parts[{place}]: {error}") from error


def _from_iso(name: str, value: str) -> datetime | None:
    if not value.strip():
        return None
    try:
        if not _ISO.fullmatch(value.strip()):
            raise ValueError
        moment = datetime.fromisoformat(value.strip())
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RequestError(f"{name} must be epoch milliseconds or an ISO 8601 date and time.") from error
    if moment < EPOCH:
        raise RequestError(f"{name} must not lie before 1970.")
    return moment
