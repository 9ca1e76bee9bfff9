"""Request bodies as bytes: repairs, borders of items, depth."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import RequestError, TooLarge
from service.model import json_items

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (rb'"\ud800"', "\ufffd"),
        (rb'"a\uDC00b"', "a\ufffdb"),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd😀"),
        (rb'"\ud83d\u0000\ude00"', "\ufffd\ufffd"),
        (rb'"a\u0000b"', "ab"),
        (rb'"\\ud800 \\u0000"', r"\ud800 \u0000"),
        (rb'"\\\ud800"', "\\\ufffd"),
        (b'"\xff\xed\xa0\x80"', "\ufffd" * 4),
        (b'\xef\xbb\xbf"x"', "x"),
        ('"zoë 😀"'.encode(), "zoë 😀"),
    ],
)
def test_it_repairs_what_neither_msgspec_nor_postgres_takes(sent: bytes, kept: str) -> None:
    """Half an emoji and bytes that are no UTF-8 become U+FFFD, NUL goes, and what is well formed stays."""
    assert msgspec.json.decode(json_items.repaired(sent)) == kept


def test_it_strips_nul_from_keys() -> None:
    """A key may hold NUL as well as a value; Postgres takes it in neither."""
    assert json_items.read_object(rb'{"a\u0000b": {"\u0000": 1}}') == {"ab": {"": 1}}


@given(st.text(st.characters(categories=["L", "Cs", "Cc", "So"])))
def test_it_repairs_any_escaped_text(text: str) -> None:
    """Whatever JavaScript escapes decodes after the repair, without a surrogate and without NUL."""
    decoded = msgspec.json.decode(json_items.repaired(json.dumps(text).encode()))
    assert decoded == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")


@given(st.lists(JSON), st.sampled_from([None, 2]))
def test_it_finds_the_elements_that_a_parser_finds(values: list[Any], indent: int | None) -> None:
    """Cutting by bytes and parsing agree, whatever strings, brackets and white space a list holds."""
    text = json.dumps(values, indent=indent).encode("utf-8", "replace")
    assert [json.loads(element) for element in json_items.elements(text)] == json.loads(text)


@given(st.dictionaries(st.text(), JSON))
def test_it_finds_the_members_that_a_parser_finds(value: dict[str, Any]) -> None:
    """The same of an object and its names."""
    text = json.dumps(value).encode()
    assert {name: json.loads(member) for name, member in json_items.members(text)} == json.loads(text)


def test_it_cuts_across_chunks() -> None:
    """A string, an escape and a bracket may begin in one chunk of the scan and end in another."""
    value = ['\\"[' * 40_000, {"a": ["]}" * 30_000]}, 1]
    assert [json.loads(element) for element in json_items.elements(json.dumps(value).encode())] == value


@pytest.mark.parametrize("levels", [1, 200, 5_000, 100_000])
def test_it_measures_any_depth(levels: int) -> None:
    """No recursion: 100,000 levels are counted like one."""
    assert json_items.depth(b"[" * levels + b'"[[{"' + b"]" * levels) == levels


@pytest.mark.parametrize("text", [b"[1", b"[1]]", b'["a]', b"[1] [2]", b"]", b"", b"1", b"[[]", b'"[]"'])
def test_it_refuses_what_does_not_close(text: bytes) -> None:
    """Where brackets or quotes do not close, no border can be trusted."""
    with pytest.raises(RequestError, match="do not close"):
        json_items.elements(text)


def test_it_refuses_a_list_that_is_too_long() -> None:
    """A list of commas is refused before it takes memory."""
    with pytest.raises(TooLarge, match="at most 20,000 items"):
        json_items.elements(b"[" + b"," * 1_000_000 + b"]")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "The body is empty: send a JSON object."),
        (b" \n", "The body is empty: send a JSON object."),
        (b"[]", "The body must be a JSON object."),
        (b"null", "The body must be a JSON object."),
        (b'{"q": 1e400}', "q holds a number out of range."),
        (b'{"q": NaN}', "q is malformed: invalid character at byte 6."),
        (b'{"q": "a', "The JSON is malformed: it ends too early."),
        (b'{"q": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "The JSON is nested deeper than 200 levels."),
    ],
)
def test_it_says_what_is_wrong_with_a_body(body: bytes, error: str) -> None:
    """One sentence, and the field where it can be told."""
    with pytest.raises(RequestError) as caught:
        json_items.read_object(body)
    assert str(caught.value) == error


@given(st.binary() | st.binary().map(lambda inside: b'{"a":' + inside + b"}"))
def test_it_takes_any_bytes(body: bytes) -> None:
    """Any bytes are an object or a RequestError."""
    with suppress(RequestError):
        assert isinstance(json_items.read_object(body), dict)
