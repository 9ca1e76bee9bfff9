"""OpenCode's other forms (files, the first versions, the second), and rows that are torn in any way."""

from __future__ import annotations

import json
from typing import Any

from feeding import feed_in_halves, lines_of, messages, reasons, sessions, unaccounted
from hypothesis import given, settings
from hypothesis import strategies as st
from opencode_rows import PATH, T0, contents, found_in, row, session, talk, written

from service.importers.opencode import FORMAT


def test_it_reads_the_rows_that_files_become() -> None:
    """Of the older folders a row is its ids and the file's text, written on many lines."""
    told = {"id": "ses_1", "directory": "/src/app", "title": "Old one", "version": "0.9.1",
            "time": {"created": T0}, "share": {"url": "https://example.org/s/1"}}  # fmt: skip
    data = row("session", id="ses_1", data=json.dumps(told, indent=2))
    data += row("message", id="msg_1", session_id="ses_1", data=json.dumps({"role": "user"}, indent=2))
    data += row("part", id="p", message_id="msg_1", data=json.dumps({"type": "text", "text": "Hi"}, indent=2))
    found = found_in(data)
    assert messages(found)["ses_1", "msg_1"].text == "Hi"
    known = sessions(found)["ses_1"]
    assert (known.title, known.project_path) == ("Old one", "/src/app")
    assert (known.attrs or {})["shareUrl"] == "https://example.org/s/1"


def test_it_reads_messages_with_their_parts_within() -> None:
    """The first versions kept all of a message in one file."""
    call = {
        "state": "result",
        "toolCallId": "c1",
        "toolName": "grep",
        "args": {"q": "x"},
        "result": "1 match",
    }
    told = {
        "id": "msg_1",
        "role": "assistant",
        "parts": [
            {"type": "step-start"},
            {"type": "text", "text": "Found it."},
            {"type": "tool-invocation", "toolInvocation": call},
        ],
        "metadata": {
            "time": {"created": T0, "completed": T0 + 500},
            "assistant": {
                "modelID": "sonnet",
                "providerID": "anthropic",
                "tokens": {"input": 3, "output": 4},
            },
        },
    }
    data = row("message", id="msg_1", session_id="ses_1", data=json.dumps(told))
    found = written(data)["msg_1"]
    assert [kind for kind, _ in contents(found)] == ["text", "tool-call", "tool-result"]
    assert (found.text, found.model, found.prompt_tokens, found.duration_ms) == (
        "Found it.",
        "sonnet",
        3,
        500,
    )


def test_it_reads_the_messages_of_version_two() -> None:
    """There a message is one row with its content within; settings that change are left out."""

    def second(n: int, type: str, **data: Any) -> bytes:
        return row("session_message", id=f"msg_{n}", session_id="ses_1", type=type, seq=n,
                   data=json.dumps({"time": {"created": T0 + n}, **data}))  # fmt: skip

    state = {"status": "completed", "input": {"q": "x"}, "content": [{"type": "text", "text": "1 match"}]}
    content = [
        {"type": "text", "text": "Found it."},
        {"type": "tool", "id": "c1", "name": "grep", "state": state},
    ]
    tokens = {"input": 5, "output": 7, "reasoning": 2, "cache": {"read": 0, "write": 0}}
    data = session() + second(1, "agent-switched", agent="plan") + second(2, "user", text="Where is x?")
    data += second(3, "synthetic", text="A file changed.")
    data += second(
        4, "assistant", content=content, tokens=tokens, model={"id": "opus", "providerID": "anthropic"}
    )
    data += second(5, "shell", shellID="sh1", command="ls", output="a.py", exit=0)
    data += second(6, "compaction", summary="They looked for x.")
    found = found_in(data)
    told = messages(found)
    assert [write.role for write in told.values()] == ["user", "system", "assistant", "user", "system"]
    answer = told["ses_1", "msg_4"]
    assert (answer.text, answer.model, answer.completion_tokens) == ("Found it.", "opus", 9)
    assert contents(answer)[2][1]["result"] == [{"type": "text", "text": "1 match"}]
    assert [kind for kind, _ in contents(told["ses_1", "msg_5"])] == ["tool-call", "tool-result"]
    assert list(reasons(found).values()) == ["a change of the session's settings"]
    assert unaccounted(found, lines_of(data)) == []


RUBBISH = st.one_of(
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"?")),
    st.sampled_from(
        [b'{"table":"part"}', b'{"table":"part","row":{"message_id":5}}', b"null", b'"x"', b"{}"]
    ),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    ).map(lambda value: row("part", id="p", message_id="msg_2", data=json.dumps(value)).rstrip(b"\n")),
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_it_survives_rubbish_between_any_rows(data: st.DataObject) -> None:
    """A line of rubbish anywhere takes no other line's message with it, and every line is accounted for."""
    whole = talk().splitlines(keepends=True)
    at = data.draw(st.integers(0, len(whole)))
    text = b"".join([*whole[:at], data.draw(RUBBISH) + b"\n", *whole[at:]])
    found = found_in(text)
    assert {id: write.text for (_, id), write in messages(found).items()} == {
        id: write.text for id, write in written(talk()).items()
    }
    assert unaccounted(found, lines_of(text)) == []


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(talk())))
def test_it_finds_the_same_in_two_halves(cut: int) -> None:
    """Cut at any byte and read on later: the last write of each message and of the session is the same."""
    whole, halves = found_in(talk()), feed_in_halves(FORMAT, talk(), cut, PATH)
    assert messages(halves) == messages(whole)
    assert sessions(halves) == sessions(whole)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(talk())), st.data())
def test_it_survives_any_byte(at: int, data: st.DataObject) -> None:
    """One wrong byte in any row raises nothing, and leaves the messages of all other rows."""
    text = bytearray(talk())
    at = min(at, len(text) - 1)
    if text[at] != 10:
        text[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != 10))
    found = found_in(bytes(text))
    assert unaccounted(found, lines_of(bytes(text))) == []
    assert len(messages(found)) >= 2
