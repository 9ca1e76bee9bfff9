"""JSON as no client should send it: values by name, whole bodies by name, and strategies of Hypothesis."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

DEEP = 5000
VALUES: dict[str, str] = {
    "null": "null",
    "deep list": "[" * DEEP + "]" * DEEP,
    "deep object": '{"a":' * DEEP + "1" + "}" * DEEP,
    "deep and open": "[" * DEEP,
    "lone surrogate": '"cut \\ud83d"',
    "wrong pair": '"\\ude00\\ud83d"',
    "NUL": '"a\\u0000b"',
    "only NUL": '"\\u0000"',
    "NUL in a key": '{"k\\u0000":"v\\u0000"}',
    "1e400": "1e400",
    "-1e400": "-1e400",
    "1e-400": "1e-400",
    "a number of 400 digits": "9" * 400,
    "2^63": "9223372036854775808",
    "-2^63": "-9223372036854775809",
    "minus one": "-1",
    "fraction": "1.5",
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "true": "true",
    "empty text": '""',
    "blank": '" \\t\\u2003"',
    "text of 20,000": json.dumps("long " * 4000),
    "number as text": '"12"',
    "year 20000": '"20000-01-01T00:00:00Z"',
    "no date": '"2026-02-31"',
    "SQL": json.dumps("'; drop table sessions; --"),
    "format": json.dumps("%s %(x)s {0} {{ 7*7 }} ${jndi:ldap://x}"),
    "empty list": "[]",
    "list of all": '[null, 1, "x", [], {}, true, 1e400]',
    "empty object": "{}",
    "object of all": '{"": null, "type": 5, "text": [], "content": {"content": {}}}',
}
"""JSON texts (some are none) to stand where a field's value does."""


def bodies(example: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Whole bodies that are wrong as a whole, by name."""
    good = json.dumps(example).encode()
    yield from {
        "nothing": b"",
        "blank": b" \r\n\t ",
        "null": b"null",
        "list": b"[]",
        "text": b'"x"',
        "number": b"5",
        "NaN": b"NaN",
        "no UTF-8": b"\xff\xfe{}",
        "UTF-16": good.decode().encode("utf-16"),
        "no UTF-8 within": good.replace(b'"', b'"\xff\xc3', 1),
        "a mark first": b"\xef\xbb\xbf" + good,
        "NUL bytes": good.replace(b":", b"\0:", 1),
        "twice": good + good,
        "more behind": good + b"}]",
        "open deep": b"[" * 100_000,
        "open deep object": b'{"a":' * 50_000,
        "single quotes": good.replace(b'"', b"'"),
        "comma at the end": good[:-1] + b",}",
        "many members": json.dumps({f"k{n}": n for n in range(30_000)}).encode(),
        "one huge key": json.dumps({"k" * 1_000_000: 1}).encode(),
    }.items()
    for cut in range(1, 8):
        yield f"cut at {cut}/8", good[: len(good) * cut // 8]


def with_field(example: Mapping[str, Any], name: str, text: str) -> bytes:
    """The body with this JSON text as a field's value, and the good value once more behind it where there is one."""
    members = {key: json.dumps(value) for key, value in example.items()} | {name: text}
    return ("{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in members.items()) + "}").encode()


def doubled(example: Mapping[str, Any], name: str, text: str) -> bytes:
    """The body with the field twice, the second time with this text."""
    return json.dumps(example).encode()[:-1] + f", {json.dumps(name)}: {text}}}".encode()


SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")


def repaired(text: str) -> str:
    """What can be kept of a text: halves of pairs are U+FFFD, NUL is gone.

    >>> repaired("\\ud83d\\ude00 \\ud83d a\\0b") == "\\U0001f600 \\ufffd ab"
    True
    """

    def mended(match: re.Match[str]) -> str:
        return match[0].encode("utf-16", "surrogatepass").decode("utf-16") if len(match[0]) == 2 else "\ufffd"

    return SURROGATES.sub(mended, text).replace("\0", "")


texts = st.text(st.characters(exclude_categories=()), max_size=30)
"""Of any code points: NUL and halves of surrogate pairs too."""
numbers = st.one_of(
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.integers(0, 10**6),
    st.sampled_from([10**400, 1e308, 5e-324]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
