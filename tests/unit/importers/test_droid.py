"""Droid's session logs as sessions and messages."""

from __future__ import annotations

from typing import Any

import msgspec
from damage import (
    RUBBISH,
    agrees_in_halves,
    bears_rubbish,
    in_order,
    keeps_account,
    lines,
    only_grows,
    spoilt,
)
from feeding import feed, feed_lines, lines_of, messages, reasons, sessions
from hypothesis import given
from hypothesis import strategies as st

from service.importers.droid import FORMAT, TASK_LIST, TURN_OUTCOME
from service.importers.model import FoundMessage, Line
from service.model.message import Part

SESSION = "d201d000-0000-4000-8000-000000000001"
PATH = f"/home/u/.factory/sessions/-src-shop/{SESSION}.jsonl"


def _said(number: int, role: str, content: Any, **members: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "id": f"m{number}",
        "timestamp": f"2026-03-01T09:00:{number:02}.111Z",
        "message": {"role": role, "content": content, **members},
        **({"parentId": f"m{number - 1}"} if number > 1 else {}),
    }


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


START = {
    "type": "session_start", "id": SESSION, "title": "Fix the basket", "sessionTitle": "New Session", "owner": "u",
    "version": 2, "cwd": "/src/shop",
}  # fmt: skip
REMINDER = _text("<system-reminder>\nToday is Sunday.\n</system-reminder>")
CALL = {
    "type": "tool_use",
    "id": "toolu_1",
    "name": "Execute",
    "input": {"command": "pytest", "riskLevel": "low"},
}
RECORDS = [
    START,
    _said(1, "user", [REMINDER], visibility="llm_only"),
    _said(2, "user", [REMINDER, _text("Fix the basket, please")]),
    _said(
        3, "assistant", [{"type": "thinking", "thinking": "Tests first.", "signature": "s"}, _text("I run them."), CALL],
        modelId="claude-sonnet-4-5", apiProvider="anthropic", reasoningEffort="high",
    ),
    _said(4, "user", [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "1 failed", "is_error": True}]),
    _said(5, "user", [], hookEventName="Stop", hookStatus="completed", hookResults=[{"exitCode": 0, "stdout": "ok"}]),
    {"type": "todo_state", "id": "t1", "timestamp": "2026-03-01T09:00:06Z", "todos": {"todos": "1. [pending] fix"}},
    {
        "type": "compaction_state", "id": "k1", "timestamp": "2026-03-01T09:00:07Z", "summaryText": "They ran tests.",
        "summaryKind": "compaction", "summaryTokens": 12, "removedCount": 3,
    },
    {"type": "agent_turn_outcome", "turnId": "m2", "reason": "completed"},
    _said(8, "user", "<system-reminder>Skills changed</system-reminder>"),
    _said(9, "assistant", [_text("Done.")]),
]  # fmt: skip
LOG = lines(*RECORDS)
SETTINGS = {
    "model": "claude-opus-4-5", "providerLock": "anthropic", "autonomyMode": "auto-low", "assistantActiveTimeMs": 61000,
    "tokenUsage": {
        "inputTokens": 73, "outputTokens": 47, "cacheCreationTokens": 5, "cacheReadTokens": 3500, "thinkingTokens": 9,
    },
}  # fmt: skip


def test_it_finds_each_message_in_its_role() -> None:
    """What the program said in the user's name is the system's, results are the tool's; reminders are no one's words."""
    found = messages(feed(FORMAT, LOG, PATH))
    assert [(key, write.role, write.text) for (_, key), write in found.items()] == [
        ("m1", "system", "<system-reminder>\nToday is Sunday.\n</system-reminder>"),
        ("m2", "user", "Fix the basket, please"),
        ("m3", "assistant", "I run them."),
        ("m4", "tool", None),
        ("m5", "system", None),
        ("k1", "system", "They ran tests."),
        ("m8", "system", "<system-reminder>Skills changed</system-reminder>"),
        ("m9", "assistant", "Done."),
    ]
    assert in_order(feed(FORMAT, LOG, PATH))


def test_it_keeps_the_reminders_as_parts() -> None:
    """A message whose text is not all that was sent has all of it in its parts."""
    write = messages(feed(FORMAT, LOG, PATH))[SESSION, "m2"]
    assert [part.type for part in write.parts or ()] == ["text", "text"]
    assert messages(feed(FORMAT, LOG, PATH))[SESSION, "m9"].parts is None


def test_it_knows_the_session() -> None:
    """Folder and title come from the first record; a title that is none is passed over."""
    (session,) = sessions(feed(FORMAT, LOG, PATH)).values()
    assert (session.external_id, session.title, session.project_path) == (
        SESSION,
        "Fix the basket",
        "/src/shop",
    )
    assert (session.model, session.prompt_tokens) == ("claude-sonnet-4-5", None)
    assert session.attrs == {"owner": "u", "version": 2}
    assert session.created_at
    assert session.created_at.isoformat() == "2026-03-01T09:00:01.111000+00:00"


def test_it_counts_what_the_settings_beside_the_log_tell() -> None:
    """The settings come as one more line; cached tokens are no part of the input."""
    settings = Line(len(LOG), msgspec.json.format(msgspec.json.encode(SETTINGS), indent=2))
    found = feed_lines(FORMAT, [*lines_of(LOG), settings], PATH)
    (session,) = sessions(found).values()
    assert (session.prompt_tokens, session.completion_tokens) == (73, 47)
    assert (session.cache_read_tokens, session.cache_write_tokens) == (3500, 5)
    assert (session.model, session.duration_ms) == ("claude-opus-4-5", 61000)
    assert session.attrs
    assert session.attrs["usage"] == SETTINGS["tokenUsage"]
    assert set(reasons(found).values()) == {TASK_LIST, TURN_OUTCOME}


def test_it_makes_a_workers_session_a_child() -> None:
    """A session that another one's agent started has that as its parent; a fork only tells where it came from."""
    worker = START | {"id": "w", "callingSessionId": SESSION, "callingToolUseId": "toolu_9"}
    fork = START | {"id": "f", "parent": SESSION, "forkedAtMessageId": "m2"}
    assert sessions(feed(FORMAT, lines(worker), PATH))["w"].parent_external_id == SESSION
    forked = sessions(feed(FORMAT, lines(fork), PATH))["f"]
    assert forked.parent_external_id is None
    assert forked.attrs
    assert forked.attrs["forkedFrom"] == SESSION


def test_it_keeps_arguments_and_results_byte_for_byte() -> None:
    """1.0 stays 1.0, keys stay in their order, in a call and in what it returned."""
    args, result = b'{"b":1.0,"a":[1e2,"\\u00e9"]}', b'[{"type":"text","text":"5.0"}]'
    log = (
        b'{"type":"message","id":"1","message":{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"calc",'
        + b'"input":' + args + b"}]}}\n"
        + b'{"type":"message","id":"2","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"c",'
        + b'"content":' + result + b"}]}}\n"
    )  # fmt: skip
    call, answer = (write.parts for write in messages(feed(FORMAT, log, PATH)).values())
    assert call == (Part("tool-call", b'{"toolCallId":"c","toolName":"calc","args":' + args + b"}"),)
    assert answer == (Part("tool-result", b'{"toolCallId":"c","result":' + result + b"}"),)


def test_it_calls_tool_calls_as_the_plugin_does() -> None:
    """The OpenSync plugin sends each call as a message of its own; that id stands among the records."""
    found = {
        item.write.external_id: item.records
        for item in feed(FORMAT, LOG, PATH)
        if isinstance(item, FoundMessage)
    }
    assert found["m3"] == ("m3", "m3-tool-toolu_1", "toolu_1")


def test_it_reads_the_first_form_of_the_log() -> None:
    """There, a message's members stand in the record itself, and it has no id."""
    log = lines(
        {"type": "session_start", "sessionId": "v1"}, {"type": "message", "role": "user", "content": "hello"}
    )
    (write,) = messages(keeps_account(FORMAT, log, PATH)).values()
    assert (write.session_external_id, write.external_id, write.text) == ("v1", "v1-message-1", "hello")


@given(cut=st.integers(0, len(LOG)))
def test_it_reads_on_from_any_byte(cut: int) -> None:
    """Cut at any byte, a beginning raises nothing, agrees with the whole, and can be gone on from."""
    keeps_account(FORMAT, LOG[:cut], PATH)
    only_grows(FORMAT, LOG, cut, PATH)
    agrees_in_halves(FORMAT, LOG, cut, PATH)


@given(rubbish=RUBBISH, place=st.integers(0, len(RECORDS)))
def test_it_bears_rubbish_anywhere(rubbish: bytes, place: int) -> None:
    """A line that is none hides no other."""
    bears_rubbish(FORMAT, LOG, rubbish, place, PATH)


@given(log=spoilt(LOG + lines(SETTINGS)), cut=st.integers(0, len(LOG)))
def test_it_bears_any_value_anywhere(log: bytes, cut: int) -> None:
    """No value of another type makes it raise or lose account, and its writes can be sent."""
    found = keeps_account(FORMAT, log, PATH)
    agrees_in_halves(FORMAT, log, cut, PATH)
    assert msgspec.json.encode(list(messages(found).values()))
