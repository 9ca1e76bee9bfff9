"""What every parser of a log promises, whatever is done to the log: for the property tests of several formats."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from feeding import feed, feed_in_halves, lines_of, messages, sessions, unaccounted
from hypothesis import strategies as st

from service.importers.model import Format, Found, FoundMessage

RUBBISH = st.one_of(
    st.binary(max_size=40).filter(lambda data: b"\n" not in data and data.strip() != b""),
    st.sampled_from(
        [
            b"{",
            b"[]",
            b"{}",
            b"null",
            b"NaN",
            b'{"type": "no such type"}',
            b'{"a": 1e999}',
            b"[" * 5000,
            b"\xff\xfe{}",
        ]
    ),
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(),
    st.sampled_from([10**30, -(10**30), "", " ", "\ud800", "\0", "a"]),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def lines(*records: dict[str, Any]) -> bytes:
    """A log of these records."""
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def keeps_account(format: Format, data: bytes, path: str) -> list[Found]:
    """Every line that is there is in one place; what was found."""
    found = feed(format, data, path)
    assert unaccounted(found, lines_of(data)) == []
    return found


def agrees_in_halves(format: Format, data: bytes, cut: int, path: str) -> None:
    """Reading on from what is kept finds what reading at once finds, of messages and of sessions."""
    whole, halves = feed(format, data, path), feed_in_halves(format, data, cut, path)
    assert messages(halves) == messages(whole)
    assert sessions(halves) == sessions(whole)
    assert _records(halves) == _records(whole)


def only_grows(format: Format, data: bytes, cut: int, path: str) -> None:
    """What a beginning of the log has found, the whole log finds again, by the same ids and in the same order."""
    beginning, whole = (list(messages(feed(format, part, path))) for part in (data[:cut], data))
    assert [key for key in whole if key in set(beginning)] == beginning


def bears_rubbish(format: Format, data: bytes, rubbish: bytes, place: int, path: str) -> None:
    """A line of rubbish between two lines hides no message and changes none."""
    good = data.split(b"\n")[:-1]
    spoilt = b"\n".join([*good[:place], rubbish, *good[place:]]) + b"\n"
    assert messages(keeps_account(format, spoilt, path)) == messages(feed(format, data, path))


@st.composite
def spoilt(draw: st.DrawFn, data: bytes) -> bytes:
    """The log with a few values, at any depth, made into other values."""
    records = [json.loads(line) for line in data.split(b"\n")[:-1]]
    for _ in range(draw(st.integers(1, 4))):
        holder: Any = records
        key: Any = draw(st.integers(0, len(records) - 1))
        while isinstance(holder[key], dict | list) and holder[key] and draw(st.integers(0, 3)):
            holder = holder[key]
            key = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        holder[key] = draw(_VALUES)
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def in_order(found: Iterable[Found]) -> bool:
    """Whether sorting a session's messages by time leaves them in the order in which they were found."""
    times: dict[str, list[Any]] = {}
    for (session, _), write in messages(found).items():
        times.setdefault(session, []).append(write.created_at)
    return all(told == sorted(told) for told in times.values())


def _records(found: Iterable[Found]) -> dict[tuple[str, str], set[str]]:
    ids: dict[tuple[str, str], set[str]] = {}
    for item in found:
        if isinstance(item, FoundMessage):
            ids.setdefault((item.write.session_external_id, item.write.external_id), set()).update(
                item.records
            )
    return ids
