"""Answers as bytes: what is told of a result the first time, and of the next one as compared with it. Pure.

Rule: what is encoded here is encoded once for all who share the answer. It begins behind `{"id":"a",`, the only part of
an event that differs from one subscriber to another.

A delta says which rows are new or changed (`upsert`), which are gone (`remove`, keys), and `order`, all keys, where
putting new rows at the end and leaving the others in place does not give it. What stands beside the rows and changed
(`nextCursor`) is in `rest`, all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from service.live.query import Query

encode = msgspec.json.encode
NO_ROWS: Mapping[str, bytes] = {}


class Answer(msgspec.Struct):
    """A result, taken apart into rows by key and the rest."""

    error: str = ""
    """Why there is none."""
    rows: dict[str, bytes] = {}
    """Encoded, by key, in order."""
    rest: dict[str, Any] = {}
    """The other members, as JSON values."""
    name: str = ""
    """The member that the rows are."""
    key: tuple[str, ...] = ()
    """The members of a row that make its key."""
    _whole: bytes = b""

    def whole(self) -> tuple[str, bytes]:
        """The event that tells all of it."""
        if self.error:
            return "error", b'"error":%s}' % encode(self.error)
        if not self._whole:
            members = [b"%s:%s" % (encode(name), encode(value)) for name, value in self.rest.items()]
            if self.name:
                members.insert(0, b"%s:[%s]" % (encode(self.name), b",".join(self.rows.values())))
            keyed = b',"rows":%s,"key":%s' % (encode(self.name), encode(self.key)) if self.name else b""
            self._whole = b'"result":{%s}%s}' % (b",".join(members), keyed)
        return "snapshot", self._whole

    @property
    def size_bytes(self) -> int:
        """About what telling all of it takes."""
        return sum(map(len, self.rows.values())) + len(self.rows)


def taken_apart(query: Query, asked: Any, result: Any, *, onto: Mapping[str, bytes] = NO_ROWS) -> Answer:
    """A result (a struct, or an error) as an `Answer`. `onto`: the rows that stay where the result does not have them."""
    if isinstance(result, Exception):
        return Answer(error=str(result))
    fields = {wire_name: getattr(result, name) for wire_name, name in members(type(result)).items()}
    listed = fields.pop(query.rows, ()) if query.rows else ()
    names = query.key_by(asked) if query.key_by else query.key
    rows = {**onto, **{key_of(row, names): encode(row) for row in listed}}
    rest = {name: msgspec.to_builtins(value) for name, value in fields.items() if value is not UNSET}
    return Answer(rows=rows, rest=rest, name=query.rows, key=names)


def key_of(row: Any, names: Sequence[str]) -> str:
    """The key of a row: its member, or several with `|` between.

    >>> class Day(msgspec.Struct, rename="camel"):
    ...     day: str
    ...     source_name: str
    >>> key_of(Day("2026-01-01", "pi"), ("day", "sourceName"))
    '2026-01-01|pi'
    """
    if isinstance(row, dict):
        return "|".join(str(row.get(name, "")) for name in names)
    named = members(type(row))
    values = [getattr(row, named[name]) if name in named else UNSET for name in names]
    return "|".join("" if value is UNSET else str(value) for value in values)


def members(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The attributes of a struct by their names on the wire; not by `structs.fields`, which reads annotations anew."""
    return dict(zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True))


def same(query: Query, old: Answer, new: Answer) -> bool:
    """Whether nothing changed that anybody would be told of."""
    if old.error or new.error:
        return old.error == new.error
    in_order = old.rows == new.rows and list(old.rows) == list(new.rows)
    return in_order and loud(query, old) == loud(query, new)


def loud(query: Query, answer: Answer) -> dict[str, Any]:
    return {name: value for name, value in answer.rest.items() if name not in query.silent}


def delta(query: Query, old: Answer, new: Answer) -> bytes | None:
    """What leads from `old` to `new`, which are not the same; None: only the whole does, or it is about as short.

    >>> query = Query(name="q", summary="", asks=dict, gives=dict, watches=lambda asked: None, rows="rows")
    >>> old = Answer(rows={"a": b'{"id":"a"}', "b": b'{"id":"b"}'}, name="rows")
    >>> new = Answer(rows={"b": b'{"id":"b"}', "c": b'{"id":"c"}'}, name="rows")
    >>> delta(query, old, new)
    b'"upsert":[{"id":"c"}],"remove":["a"]}'
    """
    if old.error or new.error or not query.rows:
        return None
    rest_changed = loud(query, old) != loud(query, new)
    if rest_changed and query.whole(old.rest, new.rest):
        return None
    upsert = [row for key, row in new.rows.items() if old.rows.get(key) != row]
    remove = [key for key in old.rows if key not in new.rows]
    members = [b'"upsert":[%s]' % b",".join(upsert), b'"remove":%s' % encode(remove)]
    if needs_order(old.rows, new.rows):
        members.append(b'"order":%s' % encode(list(new.rows)))
    if rest_changed:
        members.append(b'"rest":%s' % encode(new.rest))
    told = b",".join(members) + b"}"
    return told if len(new.rows) < FEW or len(told) < new.size_bytes else None


FEW = 20
"""So few rows are told by a delta in any case."""


def needs_order(old: dict[str, bytes], new: dict[str, bytes]) -> bool:
    """Whether the order is another than the old one without what is gone, then what came.

    >>> needs_order({"a": b"", "b": b""}, {"b": b"", "c": b""}), needs_order({"a": b""}, {"c": b"", "a": b""})
    (False, True)
    """
    expected = [key for key in old if key in new] + [key for key in new if key not in old]
    return expected != list(new)
