"""Sync bodies as writes: what real clients send, what broken ones send, and that items fail alone."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.sync import wire
from service.errors import RequestError, TooLarge
from service.model import bounds
from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
COMMON = [
    "externalId",
    "model",
    "source",
    "promptTokens",
    "cost",
    "durationMs",
    "createdAt",
    "timestamp",
    "attrs",
]
SESSION_FIELDS = [
    *COMMON,
    "sessionId",
    "title",
    "projectPath",
    "provider",
    "kind",
    "parentExternalId",
    "status",
]
MESSAGE_FIELDS = [*COMMON, "sessionExternalId", "textContent", "parts"]


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def session(**fields: Any) -> SessionWrite:
    return wire.read_session(body(**{"externalId": "s", **fields}))


def message(**fields: Any) -> MessageWrite:
    return wire.read_message(body(**{"sessionExternalId": "s", "externalId": "m", "role": "user", **fields}))


def test_it_reads_a_session_as_claude_code_sends_it() -> None:
    """Counts that we do not keep are ignored."""
    sent = body(
        externalId="7c1f5b1e",
        source="claude-code",
        title="wandering-sparking-otter",
        projectPath="/home/dev/shopfront",
        projectName="shopfront",
        model="claude-sonnet-4-20250514",
        promptTokens=10016,
        completionTokens=356,
        cost=0.0345705,
        messageCount=2,
        toolCallCount=1,
        endReason="prompt_input_exit",
        durationMs=20000,
    )
    assert wire.read_session(sent) == SessionWrite(
        external_id="7c1f5b1e",
        source="claude-code",
        title="wandering-sparking-otter",
        project_path="/home/dev/shopfront",
        project_name="shopfront",
        model="claude-sonnet-4-20250514",
        prompt_tokens=10016,
        completion_tokens=356,
        cost_usd=Decimal("0.0345705"),
        duration_ms=20000,
    )


def test_it_reads_a_message_as_claude_code_sends_it() -> None:
    """A tool row: call and result as parts, no text, no time."""
    sent = body(
        sessionExternalId="7c1f5b1e",
        externalId="toolu_02BASH",
        role="assistant",
        source="claude-code",
        durationMs=2310,
        parts=[
            {"type": "tool-call", "content": {"toolName": "Bash", "args": {"command": "npm test -- auth"}}},
            {"type": "tool-result", "content": "12 passed"},
        ],
    )
    assert wire.read_message(sent) == MessageWrite(
        session_external_id="7c1f5b1e",
        external_id="toolu_02BASH",
        role="assistant",
        source="claude-code",
        duration_ms=2310,
        parts=(
            Part(
                "tool-call",
                b'{"toolName":"Bash","args":{"command": "npm test -- auth"}}'.replace(b": ", b":"),
            ),
            Part("tool-result", b'{"result":"12 passed"}'),
        ),
    )


def test_it_takes_zero_null_and_empty_as_not_said() -> None:
    """OpenCode sends zeros and an empty text over good values; they must not erase them."""
    zeros = dict.fromkeys(["promptTokens", "completionTokens", "cost", "durationMs", "createdAt"], 0)
    assert session(**zeros, title="", model=None, attrs=None) == SessionWrite(external_id="s")
    assert message(textContent="", parts=None, cost=1e-12) == message()
    assert message(parts=[]).parts == ()


def test_it_takes_the_alias_of_an_id() -> None:
    """`sessionId` stands in where there is no externalId."""
    assert wire.read_session(body(sessionId="a")).external_id == "a"
    assert wire.read_session(body(sessionId="a", externalId="b")).external_id == "b"


@pytest.mark.parametrize(
    "sent", [{}, {"externalId": ""}, {"externalId": None}, {"externalId": " \0"}, {"title": "x"}]
)
def test_it_says_what_opensync_says_without_an_id(sent: dict[str, Any]) -> None:
    """The sentence of the contract, to the letter."""
    with pytest.raises(RequestError) as caught:
        wire.read_session(body(**sent))
    assert str(caught.value) == "Missing externalId or sessionId"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("cursor", "cursor-sync"), ("codex", "codex-cli"), (" my-tool ", "my-tool"), ("", None), (None, None)],
)
def test_it_names_sources_as_the_wire_does(sent: str | None, stored: str | None) -> None:
    """The usual other spellings are one source; an unknown one is kept."""
    assert session(source=sent).source == stored


@pytest.mark.parametrize(
    ("sent", "stored"),
    [(100, 100), (100.0, 100), (100.7, 101), (0.2, None), (0, None), (-0.0, None), (10**15, 10**15)],
)
def test_it_reads_counts(sent: float, stored: int | None) -> None:
    """Whole tokens and milliseconds, rounded; 0 is unknown."""
    assert session(promptTokens=sent).prompt_tokens == stored


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (1795190489065, datetime(2026, 11, 20, 16, 1, 29, 65_000, UTC)),
        (1795190489065.4, datetime(2026, 11, 20, 16, 1, 29, 65_000, UTC)),
        (1795190489, datetime(2026, 11, 20, 16, 1, 29, tzinfo=UTC)),
        (1000, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("2026-11-20T16:01:29Z", datetime(2026, 11, 20, 16, 1, 29, tzinfo=UTC)),
        ("2026-11-20T18:01:29+02:00", datetime(2026, 11, 20, 16, 1, 29, tzinfo=UTC)),
        ("2026-11-20 16:01:29", datetime(2026, 11, 20, 16, 1, 29, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        (253_402_300_799_999, datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC)),
        (0, None),
        ("", None),
    ],
)
def test_it_reads_times(sent: Any, stored: datetime | None) -> None:
    """Epoch milliseconds, seconds where nothing else makes sense, and ISO 8601."""
    assert message(createdAt=sent).created_at == stored
    assert message(timestamp=sent).created_at == stored


BAD_FIELDS: list[tuple[str, Any, str]] = [
    ("createdAt", 253_402_300_800_000, "createdAt is larger than 253,402,300,799,999."),
    ("createdAt", -1, "createdAt must not be negative."),
    ("createdAt", "yesterday", "createdAt must be epoch milliseconds or an ISO 8601 date and time."),
    ("createdAt", "1795190489065", "createdAt must be epoch milliseconds or an ISO 8601 date and time."),
    (
        "createdAt",
        "9999-12-31T23:59:59-12:00",
        "createdAt must be epoch milliseconds or an ISO 8601 date and time.",
    ),
    ("createdAt", "1969-12-31", "createdAt must not lie before 1970."),
    ("promptTokens", -1, "promptTokens must not be negative."),
    ("promptTokens", "5", "promptTokens must be a number."),
    ("promptTokens", True, "promptTokens must be a number."),
    ("promptTokens", 2**63, "promptTokens is larger than 1,000,000,000,000,000."),
    ("promptTokens", b"1" + b"0" * 5000, "promptTokens holds a number out of range."),
    ("cost", 1e10, "cost is larger than 1,000,000,000."),
    ("cost", float("inf"), "cost is malformed: invalid character at byte 63."),
    ("model", 5, "model must be text."),
    ("model", "m" * 501, "model is longer than 500 characters."),
    ("externalId", "i" * 513, "externalId is longer than 512 characters."),
    ("externalId", 5, "externalId must be text."),
    ("externalId", "", "Missing externalId"),
    ("sessionExternalId", None, "Missing sessionExternalId"),
    ("role", None, "Missing role"),
    ("role", "human", "role must be one of user, assistant, system, tool, unknown."),
    ("role", ["user"], "role must be one of user, assistant, system, tool, unknown."),
    ("attrs", [], "attrs must be an object."),
    ("parts", {}, "parts must be a list."),
    ("parts", ["a", 5], "parts[1]: A part must be an object or a string."),
    ("source", "s" * 101, "source is longer than 100 characters."),
]


@pytest.mark.parametrize(("field", "sent", "error"), BAD_FIELDS, ids=[error for _, _, error in BAD_FIELDS])
def test_it_refuses_a_field_by_its_name(field: str, sent: Any, error: str) -> None:
    """One sentence, and the field that it is about."""
    text = b'{"sessionExternalId":"s","externalId":"m","role":"user","%b":%b}' % (field.encode(), _json(sent))
    with pytest.raises(RequestError) as caught:
        wire.read_message(text)
    assert str(caught.value) == error


def _json(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def test_it_keeps_a_long_title_whole_or_not_at_all() -> None:
    """Nothing is cut in silence."""
    assert session(title="t" * 10_000).title == "t" * 10_000
    with pytest.raises(RequestError, match=r"title is longer than 10,000 characters\."):
        session(title="t" * 10_001)


def test_it_takes_the_last_of_duplicated_keys() -> None:
    """As JavaScript does."""
    assert wire.read_session(b'{"externalId": "a", "externalId": "b"}').external_id == "b"


def test_it_reads_what_our_own_clients_add() -> None:
    """Kind, parent, status and attributes; a session is not its own parent."""
    write = session(kind="run_step", parentExternalId="p", status="done", attrs={"branch": "main"})
    assert (write.kind, write.parent_external_id, write.status, write.attrs) == (
        "run_step",
        "p",
        "done",
        {"branch": "main"},
    )
    assert session(parentExternalId="s").parent_external_id is None
    with pytest.raises(RequestError, match="kind must be one of agent, thread"):
        session(kind="chat")


BAD_ITEMS = [
    (
        b'{"externalId":"x","sessionExternalId":"s","role":"user","cost":1e400}',
        "x: cost holds a number out of range.",
    ),
    (
        b'{"externalId":"x","sessionExternalId":"s","role":"user","cost":NaN}',
        "x: cost is malformed: invalid character at byte 63.",
    ),
    (
        b'{"externalId":"x","parts":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        "x: The JSON is nested deeper than 200 levels.",
    ),
    (
        b'{"externalId":"x","parts":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "x: The JSON is nested deeper than 200 levels.",
    ),
    (
        b'{"externalId":"x","sessionExternalId":"s","role":"ai"}',
        "x: role must be one of user, assistant, system, tool, unknown.",
    ),
    (b'{"externalId":"x","role":"user"}', "x: Missing sessionExternalId"),
    (b'{"sessionExternalId":"s","role":"user"}', "messages[1]: Missing externalId"),
    (
        b'{"sessionExternalId":"s","externalId":"%b"}' % (b"i" * 5_000),
        "messages[1]: externalId is longer than 512 characters.",
    ),
    (b'{"externalId":"x","a":[1}}', "x: a is malformed: expected ',' or ']' at byte 24."),
    (b"null", "messages[1]: An item must be an object."),
    (b"", "messages[1]: An item must be an object."),
    (
        b'{"externalId":"x","sessionExternalId":"s","role":"user","parts":[{"type":"tool-call","args":{"n":1e400}}]}',
        "x: parts holds a number out of range.",
    ),
]


@pytest.mark.parametrize(("bad", "error"), BAD_ITEMS, ids=range(len(BAD_ITEMS)))
def test_it_lets_one_item_fail_alone(bad: bytes, error: str) -> None:
    """Its neighbours are read, in their order; the error names it."""
    good = b'{"externalId":"%d","sessionExternalId":"s","role":"user","textContent":"]},{\\"\\\\"}'
    batch = wire.read_batch(
        b'{"messages": [' + b",".join([good % 1, bad, good % 2]) + b'], "sessions": [{"externalId":"s"}]}'
    )
    assert [write.external_id for write in batch.messages] == ["1", "2"]
    assert batch.messages[0].text == ']},{"\\'
    assert [write.external_id for write in batch.sessions] == ["s"]
    assert batch.errors == [error]


def test_it_keeps_a_batch_with_half_an_emoji() -> None:
    """A lone surrogate costs one character, not the batch; NUL goes."""
    sent = rb'{"messages":[{"externalId":"m\u0000","sessionExternalId":"s","role":"user","textContent":"a\ud83d b\ud83d\ude00"}]}'
    batch = wire.read_batch(sent)
    assert (batch.messages[0].external_id, batch.messages[0].text, batch.errors) == ("m", "a\ufffd b😀", [])


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        (b"{}", []),
        (b'{"sessions":null,"messages":[],"other":NaN}', []),
        (b'{"sessions":{},"messages":5}', ["sessions must be a list.", "messages must be a list."]),
    ],
)
def test_it_reads_batches_without_items(sent: bytes, errors: list[str]) -> None:
    """Absent, null and empty are no items; anything but a list is told."""
    assert wire.read_batch(sent) == wire.Batch([], [], errors)


@pytest.mark.parametrize(
    "sent", [b"", b"[]", b'{"messages":[{]}', b'{"messages"', b"{5}", b'{"messages":["a]}']
)
def test_it_refuses_a_batch_without_borders(sent: bytes) -> None:
    """Where no item can be told from the next, the whole body is refused."""
    with pytest.raises(RequestError):
        wire.read_batch(sent)


def test_it_bounds_items_and_parts() -> None:
    """Too many of either is told, before they take memory."""
    with pytest.raises(TooLarge, match="at most 20,000 items"):
        wire.read_batch(b'{"messages":[' + b"{}," * 20_000 + b"{}]}")
    with pytest.raises(TooLarge, match="at most 10,000 items"):
        message(parts=["a"] * (bounds.MAX_PARTS + 1))
    assert len(message(parts=["a, b"] * bounds.MAX_PARTS).parts or ()) == bounds.MAX_PARTS


@given(st.dictionaries(st.sampled_from(SESSION_FIELDS) | st.text(max_size=3), VALUES))
def test_it_takes_any_session(fields: dict[str, Any]) -> None:
    """Any JSON is a write or a RequestError."""
    with suppress(RequestError):
        assert isinstance(wire.read_session(json.dumps(fields).encode()), SessionWrite)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(MESSAGE_FIELDS) | st.text(max_size=3), VALUES) | VALUES, max_size=4
    ),
    st.sampled_from(["user", "tool"]),
)
def test_it_takes_any_batch(items: list[Any], role: str) -> None:
    """Each item is a write or an error, whatever it is, and can be encoded again."""
    sent = [
        {"sessionExternalId": "s", "externalId": "m", "role": role, **item}
        if isinstance(item, dict)
        else item
        for item in items
    ]
    batch = wire.read_batch(json.dumps({"messages": sent}).encode())
    assert len(batch.messages) + len(batch.errors) == len(items)
    assert msgspec.json.encode(batch)


@given(st.binary(max_size=40))
def test_it_takes_any_bytes(inside: bytes) -> None:
    """Bytes between brackets are items, errors, or one RequestError."""
    with suppress(RequestError):
        wire.read_batch(b'{"messages":[' + inside + b"]}")
