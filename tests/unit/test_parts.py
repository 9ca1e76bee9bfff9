"""Parts: every client's form into one, back out, and as what can be searched."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.model import Field
from service.errors import RequestError
from service.model import parts
from service.model.message import Part
from service.model.readable import readable

NAMES = st.sampled_from(
    [
        *["type", "content", "text", "thinking", "function", "signature", "source"],
        *["toolName", "name", "tool_name", "toolCallId", "tool_use_id", "id"],
        *["args", "arguments", "input", "result", "output", "isError", "is_error"],
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab\n{"', max_size=4) | st.just('{"name": "Bash"}'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
TYPES = st.sampled_from(
    [
        "text",
        "thinking",
        "reasoning",
        "tool-call",
        "tool_use",
        "tool-result",
        "tool_result",
        "function",
        "image",
        "file",
        "plan",
    ]
)
PARTS = st.text() | st.builds(
    lambda kind, rest: {**rest, "type": kind}, TYPES, st.dictionaries(NAMES, VALUES)
)


def normal(part: Any) -> Part:
    found = parts.normalise(json.dumps(part).encode())
    assert found is not None
    return found


def content(part: Any) -> Any:
    return json.loads(normal(part).content)


@pytest.mark.parametrize(
    "sent",
    [
        {"type": "tool-call", "content": {"toolName": "Bash", "args": {"command": "ls"}}},
        {"type": "tool-call", "toolName": "Bash", "args": {"command": "ls"}},
        {"type": "tool_use", "name": "Bash", "input": {"command": "ls"}},
        {"type": "tool_use", "content": {"name": "Bash", "arguments": {"command": "ls"}}},
        {"type": "tool_use", "name": "Bash", "content": {"command": "ls"}},
        {"type": "function", "function": {"name": "Bash", "arguments": {"command": "ls"}}},
        {"type": "tool-call", "content": {"toolName": "Bash", "args": {"command": "ls"}, "toolCallId": None}},
    ],
)
def test_it_reads_a_call_in_any_form(sent: dict[str, Any]) -> None:
    """Nested, flat, Claude's, OpenAI's: one normal form."""
    assert normal(sent) == Part(
        "tool-call", b'{"toolName":"Bash","args":{"command": "ls"}}'.replace(b": ", b":")
    )


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"type": "tool-result", "content": "12 passed"}, {"result": "12 passed"}),
        ({"type": "tool-result", "content": {"output": "ok"}}, {"result": "ok"}),
        ({"type": "tool-result", "content": {"stdout": "a"}}, {"result": {"stdout": "a"}}),
        ({"type": "tool-result", "toolCallId": "t", "result": [1]}, {"toolCallId": "t", "result": [1]}),
        (
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [{"type": "text", "text": "no"}],
                "is_error": True,
            },
            {"toolCallId": "t", "result": [{"type": "text", "text": "no"}], "isError": True},
        ),
        ({"type": "tool-result", "content": {"output": "ok", "exit": 0}}, {"result": "ok", "exit": 0}),
    ],
)
def test_it_reads_a_result_in_any_form(sent: dict[str, Any], kept: dict[str, Any]) -> None:
    """What stands beside a result is kept behind it."""
    assert normal(sent).type == "tool-result"
    assert content(sent) == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("hello", "hello"),
        ({"type": "text", "content": "hello"}, "hello"),
        ({"type": "text", "text": "hello"}, "hello"),
        ({"type": "text", "content": {"text": "hello"}}, "hello"),
        ({"type": "text", "content": {"content": "hello"}}, "hello"),
        ({"text": "hello"}, "hello"),
        ({"type": "thinking", "thinking": "hm", "signature": "s"}, {"text": "hm", "signature": "s"}),
        ({"type": "reasoning", "content": "hm"}, {"text": "hm"}),
        ({"type": "reasoning", "content": {"text": "hm"}}, {"text": "hm"}),
        ({"type": "plan", "content": {"steps": [1]}}, {"type": "plan", "content": {"steps": [1]}}),
        ({"type": "plan", "steps": [1]}, {"type": "plan", "content": {"steps": [1]}}),
        ({"type": "text", "content": 5}, {"type": "text", "content": 5}),
        ({"type": "image", "source": {"data": "x"}}, {"source": {"data": "x"}}),
        ({"type": "file", "content": {"filename": "a.txt"}}, {"filename": "a.txt"}),
        ({"type": "tool_use", "content": "ls -la"}, {"args": "ls -la"}),
        (
            {"type": "tool_use", "content": '{"name": "Bash"}'},
            {"toolName": "Bash", "args": '{"name": "Bash"}'},
        ),
    ],
)
def test_it_loses_nothing_of_other_parts(sent: Any, kept: Any) -> None:
    """Text and reasoning are brought to one form; what is not known stays as it came."""
    assert content(sent) == kept


def test_it_keeps_arguments_as_they_were_spelled() -> None:
    """Key order, the spelling of numbers and integers beyond a bigint survive; only white space goes."""
    sent = b'{"type": "tool-call", "toolName": "t", "args": { "z": 1.00, "a": 1e2, "n": 123456789012345678901234567890 }}'
    stored = parts.normalise(sent)
    assert stored is not None
    assert stored.content.endswith(b'"args":{"z":1.00,"a":1e2,"n":123456789012345678901234567890}}')


@pytest.mark.parametrize("sent", [5, True, [{"type": "text", "content": "a"}]])
def test_it_refuses_what_is_no_part(sent: Any) -> None:
    """A number, a truth value and a list say nothing that could be kept as a part."""
    with pytest.raises(RequestError, match="must be an object or a string"):
        normal(sent)


@given(PARTS)
def test_it_is_a_fixed_point(sent: Any) -> None:
    """What is read back and sent again is stored as it was."""
    once = normal(sent)
    assert parts.normalise(msgspec.json.encode(parts.to_wire(once))) == once


@given(st.none() | st.text(), st.lists(PARTS, max_size=4))
def test_it_renders_any_parts(text: str | None, sent: list[Any]) -> None:
    """Whatever is stored can be searched without an error, each part at most once and none of them empty."""
    stored = [normal(part) for part in sent]
    found = parts.fields(text, stored)
    assert all(field.text.strip() for field in found)
    assert len({field.ordinal for field in found}) == len(found)
    assert all(isinstance(name, str) for name in parts.tool_names(stored))
    assert parts.has_error(stored) in (True, False)


def test_it_makes_a_whole_turn_searchable() -> None:
    """Text once, reasoning, the call with its arguments, and the result under the tool that was called."""
    sent = [
        {"type": "text", "content": "I'll read the handler."},
        {"type": "thinking", "thinking": "The cookie may be strict."},
        {
            "type": "tool_use",
            "id": "t1",
            "name": "Read",
            "input": {"file_path": "src/auth/callback.ts", "limit": 20},
        },
        {
            "type": "tool_result",
            "tool_use_id": "t1",
            "content": [{"type": "text", "text": "res.cookie('sid')"}],
        },
        {"type": "image", "source": {"data": "iVBORw0K"}, "filename": "login.png"},
        {"type": "plan", "content": {"next": "set SameSite=Lax"}},
    ]
    assert parts.fields("I'll read the handler.", [normal(part) for part in sent]) == [
        Field(-1, "text", "I'll read the handler."),
        Field(1, "reasoning", "The cookie may be strict."),
        Field(2, "tool-call", "Read file_path: src/auth/callback.ts\nlimit: 20", "Read"),
        Field(3, "tool-result", "res.cookie('sid')", "Read"),
        Field(4, "text", "login.png"),
        Field(5, "text", "next: set SameSite=Lax"),
    ]


def test_it_names_a_result_after_the_call_before_it() -> None:
    """Claude Code's plugin sends call and result in one message, without ids."""
    sent = [
        {"type": "tool-call", "content": {"toolName": "Bash", "args": {"command": "npm test -- auth"}}},
        {"type": "tool-result", "content": "12 passed"},
    ]
    found = parts.fields(None, [normal(part) for part in sent])
    assert [(field.text, field.tool_name) for field in found] == [
        ("Bash command: npm test -- auth", "Bash"),
        ("12 passed", "Bash"),
    ]


def test_it_reads_arguments_in_a_string_as_arguments() -> None:
    """OpenAI sends arguments as JSON in a string: stored as given, searched as read."""
    call = normal({"type": "tool-call", "toolName": "grep", "args": '{"pattern": "retry"}'})
    assert json.loads(call.content)["args"] == '{"pattern": "retry"}'
    assert parts.fields(None, [call])[0].text == "grep pattern: retry"


def test_it_takes_arguments_in_a_string_that_are_too_deep() -> None:
    """A string may hold JSON as deep as it likes: it is then searched as the string that it is."""
    deep = "[" * 100_000
    assert (
        parts.fields(None, [normal({"type": "tool-call", "toolName": "t", "args": deep})])[0].text
        == f"t {deep}"
    )


def test_it_tells_tools_and_errors() -> None:
    """Each tool once, on one line and cut; an error only where a result says so."""
    stored = [
        normal({"type": "tool-call", "toolName": "Bash"}),
        normal({"type": "tool-result", "toolName": "Ba\x1fsh\n" + "x" * 300, "result": "", "isError": True}),
        normal({"type": "tool-call", "toolName": "Bash"}),
    ]
    assert parts.tool_names(stored) == ("Bash", ("Ba sh " + "x" * 300)[:200])
    assert parts.has_error(stored)
    assert not parts.has_error(stored[::2])


def test_it_leaves_encoded_bytes_out() -> None:
    """Base64 is never searched for, and would drown what is."""
    assert readable({"a": "A" * 5_000, "b": "data:image/png;base64,iVBOR", "c": "x"}) == "c: x"


def test_it_renders_deep_arguments_in_proportion() -> None:
    """Long keys around many values do not multiply."""
    value: Any = [{"a": 1}] * 1_000
    for _ in range(190):
        value = {"k" * 1_000: value}
    assert len(readable(value)) < 100_000
