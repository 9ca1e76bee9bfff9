"""What holds of any transcript of Claude Code, however it is cut, spoilt or interleaved."""

from __future__ import annotations

from typing import Any

import msgspec
from claude_records import OTHER, PATH, SESSION, Conversation, call, lines, result, text, thinking
from damage import (
    RUBBISH,
    agrees_in_halves,
    bears_rubbish,
    in_order,
    keeps_account,
    only_grows,
    spoilt,
)
from feeding import feed, lines_of, messages
from hypothesis import given, settings
from hypothesis import strategies as st

from service.importers.claude_code import FORMAT, block_parts
from service.importers.model import FoundMessage
from service.model import parts


def _conversation() -> bytes:
    """One of every kind of record, and most ways in which they stand together."""
    talk = Conversation()
    first = {"type": "summary", "summary": "Of another", "leafUuid": "u999"}
    talk.user("Fix the build", permissionMode="default")
    talk.assistant(thinking("The build fails."), stop_reason=None)
    talk.assistant(text("I look at it."))
    talk.assistant(call("toolu_1", command="make"))
    talk.answer_to("toolu_1", "error", toolUseResult={"stdout": "error", "exitCode": 2})
    talk.assistant(call("toolu_2", "Task", description="Find it", prompt="Find the fault"))
    talk.agent("a1", {"type": "user", "uuid": "n1", "message": {"role": "user", "content": "Find the fault"}})
    talk.user("Find the fault", isSidechain=True, parentUuid=None, uuid="s1")
    talk.assistant(text("Found it."), id="msg_s", isSidechain=True, parentUuid="s1", uuid="s2")
    nested = {"id": "msg_n", "role": "assistant", "content": [call("toolu_n")], "usage": {"output_tokens": 7}}
    talk.agent("a1", {"type": "assistant", "uuid": "n2", "requestId": "req_n", "message": nested})
    talk.answer_to("toolu_2", [text("Line 3")], toolUseResult={"agentId": "a1", "status": "completed"})
    talk.add("queue-operation", operation="enqueue", content="And run the tests")
    talk.add("progress", data={"type": "hook_progress", "hookEvent": "Stop"})
    talk.add("attachment", attachment={"type": "queued_command", "prompt": "And run the tests"})
    talk.assistant(text("Done."), id="msg_2", request="req_2", usage={"input_tokens": 9, "output_tokens": 4})
    talk.add("system", subtype="turn_duration", durationMs=4_000)
    talk.add("system", subtype="compact_boundary", content="Conversation compacted")
    talk.user("<local-command-stdout>ok</local-command-stdout>")
    talk.assistant(text("Overloaded"), id="msg_3", request=None, isApiErrorMessage=True, sessionId=OTHER)
    title = {"type": "custom-title", "customTitle": "The build", "sessionId": SESSION}
    snapshot = {"type": "file-history-snapshot", "messageId": "u1", "snapshot": {}}
    return lines(first, snapshot) + talk.data + lines(title)


TALK = _conversation()
CUTS = st.integers(0, len(TALK))


def test_it_has_a_place_for_every_kind_of_record() -> None:
    """A conversation with every kind of record leaves no line without a place, and keeps its order."""
    found = keeps_account(FORMAT, TALK, PATH)
    assert in_order(found)
    assert len(messages(found)) == 13


@given(CUTS)
def test_it_agrees_in_halves(cut: int) -> None:
    """Reading on from any place finds what reading at once finds."""
    agrees_in_halves(FORMAT, TALK, cut, PATH)


@given(CUTS)
def test_it_only_grows(cut: int) -> None:
    """What a beginning of the file has found keeps its ids and its order."""
    only_grows(FORMAT, TALK, cut, PATH)


@given(RUBBISH, st.integers(0, TALK.count(b"\n")))
def test_it_bears_rubbish(rubbish: bytes, place: int) -> None:
    """A line of rubbish hides nothing."""
    bears_rubbish(FORMAT, TALK, rubbish, place, PATH)


@settings(max_examples=300)
@given(spoilt(TALK), st.booleans())
def test_it_bears_spoilt_values(data: bytes, named: bool) -> None:
    """Whatever values its records hold, in a file of any name, every line has its place and the order stays."""
    found = keeps_account(FORMAT, data, PATH if named else "/t/notes.jsonl")
    assert in_order(item for item in found if isinstance(item, FoundMessage) and item.write.created_at)


@settings(max_examples=150)
@given(spoilt(TALK), CUTS)
def test_it_agrees_in_halves_on_spoilt_files(data: bytes, cut: int) -> None:
    """The state holds nothing that spoilt values could break."""
    agrees_in_halves(FORMAT, data, min(cut, len(data)), PATH)


_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["user", "row", "result", "side", "system", "enqueue", "dequeue"]),
        st.integers(1, 4),
        st.integers(1, 3),
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(_ROWS, st.floats(0, 1))
def test_it_agrees_in_halves_on_any_interleaving(rows: list[tuple[str, int, int]], share: float) -> None:
    """Answers whose ids come again, with and without requests, between prompts and results: the same in halves."""
    data = _interleaved(rows)
    agrees_in_halves(FORMAT, data, int(len(data) * share), PATH)
    only_grows(FORMAT, data, int(len(data) * share), PATH)


@settings(max_examples=150)
@given(_ROWS)
def test_it_loses_no_words_in_any_interleaving(rows: list[tuple[str, int, int]]) -> None:
    """However rows are interleaved, each text that a row brings stands in a message."""
    data = _interleaved(rows)
    said = "\n\n".join(write.text or "" for write in messages(feed(FORMAT, data, PATH)).values())
    for line in lines_of(data):
        told = msgspec.json.decode(line.data)
        if told["type"] == "assistant":
            assert all(block["text"] in said for block in told["message"]["content"] if "text" in block)


def _interleaved(rows: list[tuple[str, int, int]]) -> bytes:
    talk = Conversation()
    for number, (kind, id, request) in enumerate(rows):
        if kind == "user":
            talk.user(f"Prompt {number}")
        elif kind == "result":
            talk.answer_to(f"toolu_{id}")
        elif kind == "system":
            talk.add("system", subtype="turn_duration", durationMs=1_000 + number)
        elif kind in ("enqueue", "dequeue"):
            talk.add("queue-operation", operation=kind, content=f"Prompt {number + id}")
        else:
            blocks: list[Any] = [text(f"Word {number}.")] + ([call(f"toolu_{number % 5}")] if id % 2 else [])
            asked = None if request == 3 else f"req_{request}"
            talk.assistant(*blocks, id=f"msg_{id}", request=asked, isSidechain=kind == "side")
    return talk.data


_NAMES = st.sampled_from(
    [
        "type",
        "id",
        "name",
        "input",
        "content",
        "tool_use_id",
        "is_error",
        "text",
        "caller",
        "thinking",
        "signature",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)
_BLOCKS = st.sampled_from(
    [
        call("t1", "Bash", n=1),
        call("t1", "Bash", n=1) | {"caller": {"type": "direct"}},
        result("t1"),
        thinking("Hm"),
        thinking("Hm") | {"signature": "s"},
        text("Yes"),
        {"type": "image", "source": {}},
    ]
)


@settings(max_examples=300)
@given(_BLOCKS, st.dictionaries(_NAMES, _VALUES, max_size=3))
def test_it_makes_the_parts_that_the_long_way_makes(block: dict[str, Any], more: dict[str, Any]) -> None:
    """A block's part is the one that `parts.normalise` makes, whatever else the block has."""
    raw = msgspec.Raw(msgspec.json.encode(block | more))
    assert block_parts.part(raw) == parts.normalise(raw)
