"""Copilot CLI's events, and its older documents, as sessions and messages."""

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
from feeding import feed, feed_document, messages, reasons, sessions, unaccounted
from hypothesis import given
from hypothesis import strategies as st

from service.importers.copilot import FORMAT
from service.importers.copilot.event import SAID_AGAIN, START_OF_CALL
from service.importers.model import FoundMessage, Line
from service.model.message import Part

SESSION = "c0b11075-0000-4000-8000-000000000001"
CHILD = f"{SESSION}:agent-7"
PATH = f"/home/u/.copilot/session-state/{SESSION}/events.jsonl"
DOCUMENT_PATH = "/home/u/.copilot/history-session-state/session_old_1.json"


def _event(number: int, kind: str, *, agent: str | None = None, **data: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "data": data,
        "id": f"e{number}",
        "timestamp": f"2026-03-01T09:00:{number:02}.250Z",
        "parentId": f"e{number - 1}" if number else None,
        **({"agentId": agent} if agent else {}),
    }


NOTED = b"""id: c0b11075-0000-4000-8000-000000000001
cwd: /src/shop
branch: main
name: ""
summary: "Tidy: the basket"
created_at: 2026-03-01T09:00:00.000Z
"""
NOTES = PATH.replace("events.jsonl", "workspace.yaml")


def test_it_takes_the_title_from_what_is_noted_beside_the_events() -> None:
    """`workspace.yaml` tells of its session, and makes none."""
    (session,) = sessions(feed_document(FORMAT, NOTED, NOTES)).values()
    assert (session.external_id, session.title, session.announced) == (SESSION, "Tidy: the basket", True)
    assert (session.project_name, session.attrs) == ("shop", {"gitBranch": "main"})


@given(st.binary(max_size=300) | st.integers(0, len(NOTED)).map(lambda cut: NOTED[:cut]))
def test_it_reads_any_notes_or_leaves_them_out(data: bytes) -> None:
    """Cut or rubbish: one line, which is in a session or left out."""
    found = feed_document(FORMAT, data, NOTES)
    assert not unaccounted(found, [Line(0, data)])


def _request(call: str, tool: str, **arguments: Any) -> dict[str, Any]:
    return {"toolCallId": call, "name": tool, "arguments": arguments, "type": "function"}


def _usage(*counts: int) -> dict[str, Any]:
    names = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")
    return {"requests": {"count": 2, "cost": 1}, "usage": dict(zip(names, counts, strict=True))}


CONTEXT = {"cwd": "/src/shop", "gitRoot": "/src/shop", "branch": "main", "repository": "shop/shop"}
RECORDS = [
    _event(
        0, "session.start", sessionId=SESSION, version=1, producer="copilot-agent", copilotVersion="0.0.407",
        startTime="2026-03-01T09:00:00.000Z", selectedModel="claude-sonnet-4.5", context=CONTEXT,
    ),
    _event(1, "system.message", role="system", content="You are helpful."),
    _event(2, "user.message", content="Tidy the basket", transformedContent="<now/>Tidy", attachments=[]),
    _event(3, "assistant.turn_start", turnId="0"),
    _event(
        4, "assistant.message", messageId="msg-1", content="I look.", reasoningText="Look first.", outputTokens=30,
        toolRequests=[_request("call-1", "bash", command="ls"), _request("call-2", "task", prompt="explore")],
    ),
    _event(5, "assistant.reasoning", reasoningId="r-1", content="Look first."),
    _event(6, "tool.execution_start", toolCallId="call-1", toolName="bash", arguments={"command": "ls"}),
    _event(7, "tool.execution_complete", toolCallId="call-1", success=True, result={"content": "a.py"}),
    _event(8, "subagent.started", agent="agent-7", toolCallId="call-2", agentName="explore", agentDisplayName="Explorer"),
    _event(9, "user.message", agent="agent-7", content="explore", source="agent-main"),
    _event(10, "assistant.message", agent="agent-7", messageId="msg-2", content="Found.", outputTokens=8, model="gpt-5"),
    _event(11, "subagent.completed", agent="agent-7", toolCallId="call-2", agentName="explore", agentDisplayName="Explorer"),
    _event(12, "tool.execution_complete", toolCallId="call-2", success=False, error={"message": "no", "code": "x"}),
    _event(13, "tool.user_requested", toolCallId="call-3", toolName="bash", arguments={"command": "pwd"}),
    _event(14, "user.message", content="<skill-context name='pdf'>", source="skill-pdf"),
    _event(15, "session.error", errorType="rate_limit", message="Too many requests"),
    _event(16, "session.model_change", newModel="gpt-5.4"),
    _event(17, "assistant.message", messageId="msg-3", content="Done.", outputTokens=12),
    _event(18, "hook.start", hookInvocationId="h", hookType="stop"),
    _event(19, "session.shutdown", shutdownType="routine", modelMetrics={"gpt-5.4": _usage(1000, 60, 700, 100)}),
]  # fmt: skip
LOG = lines(*RECORDS)


def test_it_finds_each_message_in_its_role() -> None:
    """People, the model, the tools; what the program put in is the system's."""
    found = messages(feed(FORMAT, LOG, PATH))
    assert [
        (key, write.role, write.text) for (session, key), write in found.items() if session == SESSION
    ] == [
        ("e1", "system", "You are helpful."),
        ("e2", "user", "Tidy the basket"),
        ("e4", "assistant", "I look."),
        ("e7", "tool", None),
        ("e12", "tool", None),
        ("e13", "user", None),
        ("e14", "system", "<skill-context name='pdf'>"),
        ("e15", "system", "Too many requests"),
        ("e17", "assistant", "Done."),
    ]
    assert found[SESSION, "e4"].model == "claude-sonnet-4.5"
    assert found[SESSION, "e17"].model == "gpt-5.4"
    assert in_order(feed(FORMAT, LOG, PATH))


def test_it_puts_a_sub_agent_into_its_own_session() -> None:
    """Its events are in its parent's log; the session is the parent's child, in the same folder."""
    found = feed(FORMAT, LOG, PATH)
    child = sessions(found)[CHILD]
    assert (child.parent_external_id, child.title, child.project_path) == (SESSION, "Explorer", "/src/shop")
    assert child.completion_tokens == 8
    assert [(key, write.text) for (session, key), write in messages(found).items() if session == CHILD] == [
        ("e9", "explore"),
        ("e10", "Found."),
    ]


def test_it_knows_a_sub_agent_by_the_call_that_started_it() -> None:
    """Older versions tell the call and not the agent."""
    log = lines(
        RECORDS[0], _event(1, "assistant.message", messageId="m", content="Found.", parentToolCallId="call-2")
    )
    assert sessions(feed(FORMAT, log, PATH))[f"{SESSION}:call-2"].parent_external_id == SESSION


def test_it_counts_what_the_shutdown_tells() -> None:
    """Input is without what was cached; what the sub-agents' messages count is not counted for the session again."""
    session = sessions(feed(FORMAT, LOG, PATH))[SESSION]
    assert (session.prompt_tokens, session.completion_tokens) == (200, 52)
    assert (session.cache_read_tokens, session.cache_write_tokens) == (700, 100)


def test_it_counts_each_agent_for_itself_where_the_shutdown_does() -> None:
    """Newer versions tell the counts of each agent."""
    metrics = {
        "main": {"modelMetrics": {"m": _usage(10, 5, 0, 0)}},
        "agent-7": {"modelMetrics": {"m": _usage(7, 3, 2, 0)}},
    }
    log = lines(RECORDS[0], _event(1, "session.shutdown", agentMetrics=metrics, modelMetrics={}))
    found = sessions(feed(FORMAT, log, PATH))
    assert (found[SESSION].prompt_tokens, found[SESSION].completion_tokens) == (10, 5)
    assert (found[CHILD].prompt_tokens, found[CHILD].cache_read_tokens) == (5, 2)


def test_it_adds_a_shutdown_that_counts_anew() -> None:
    """A session that was gone on with: counts that fell began anew, counts that rose go on."""

    def completion(*outputs: int) -> int | None:
        downs = [
            _event(n, "session.shutdown", modelMetrics={"m": _usage(0, out, 0, 0)})
            for n, out in enumerate(outputs, 1)
        ]
        return sessions(feed(FORMAT, lines(RECORDS[0], *downs), PATH))[SESSION].completion_tokens

    assert (completion(60, 90), completion(60, 20), completion(60, 20, 30)) == (90, 80, 90)


def test_it_keeps_arguments_and_results_byte_for_byte() -> None:
    """1.0 stays 1.0, keys stay in their order, in a call and in what it returned."""
    args, result = b'{"b":1.0,"a":[1e2,"\\u00e9"]}', b'{"content":"5.0","structuredContent":{"n":5.0}}'
    log = (
        b'{"type":"assistant.message","id":"1","data":{"content":"","toolRequests":[{"toolCallId":"c","name":"calc",'
        + b'"arguments":' + args + b"}]}}\n"
        + b'{"type":"tool.execution_complete","id":"2","data":{"toolCallId":"c","success":true,"result":' + result + b"}}\n"
    )  # fmt: skip
    call, answer = (write.parts for write in messages(feed(FORMAT, log, PATH)).values())
    assert call == (Part("tool-call", b'{"toolCallId":"c","toolName":"calc","args":' + args + b"}"),)
    assert answer == (
        Part("tool-result", b'{"toolCallId":"c","toolName":"calc","result":' + result + b',"isError":false}'),
    )


def test_it_knows_messages_by_the_models_id_and_by_their_calls() -> None:
    """A message's records are its event, the model's message, its calls."""
    found = {
        item.write.external_id: item.records
        for item in feed(FORMAT, LOG, PATH)
        if isinstance(item, FoundMessage)
    }
    assert found["e4"] == ("e4", "msg-1", "call-1", "call-2")


def test_it_says_what_it_leaves_out() -> None:
    """What a message says already is left out, and so is what is about the program only."""
    assert sorted(reasons(keeps_account(FORMAT, LOG, PATH)).values()) == [
        SAID_AGAIN,
        "run of a hook",
        START_OF_CALL,
        "start of a turn",
    ]


def test_it_keeps_a_call_that_no_message_asked_for() -> None:
    """The message that asked for it was not readable: its start is all that tells of it."""
    log = lines(
        _event(1, "tool.execution_start", toolCallId="c", toolName="bash", arguments={"command": "ls"})
    )
    (write,) = messages(keeps_account(FORMAT, log, PATH)).values()
    assert write.role == "assistant"
    assert write.parts == (
        Part("tool-call", b'{"toolCallId":"c","toolName":"bash","args":{"command":"ls"}}'),
    )


ASKED = {"id": "call-1", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}
DOCUMENT = msgspec.json.encode(
    {
        "sessionId": "old",
        "startTime": "2025-10-01T10:00:00.000Z",
        "selectedModel": "claude-sonnet-4",
        "chatMessages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "I look.", "tool_calls": [ASKED]},
            {"role": "tool", "tool_call_id": "call-1", "content": "a.py"},
        ],
        "timeline": [
            {"type": "tool_call_completed", "callId": "call-1", "timestamp": "2025-10-01T10:00:09.000Z"}
        ],
    }
)


def test_it_reads_the_documents_of_the_first_versions() -> None:
    """Messages are called by their place; a call's arguments stay the string that they were."""
    found = feed_document(FORMAT, DOCUMENT, DOCUMENT_PATH)
    assert unaccounted(found, [Line(0, DOCUMENT)]) == []
    writes = {key: write for (_, key), write in messages(found).items()}
    assert [(key, write.role, write.text) for key, write in writes.items()] == [
        ("old-0", "user", "hello"),
        ("old-1", "assistant", "I look."),
        ("old-2", "tool", None),
    ]
    call = Part("tool-call", b'{"toolCallId":"call-1","toolName":"bash","args":"{\\"command\\": \\"ls\\"}"}')
    assert (writes["old-1"].parts or ())[1] == call
    assert writes["old-2"].created_at
    assert writes["old-2"].created_at.second == 9
    assert in_order(found)


def test_it_reads_a_document_that_has_its_timeline_only() -> None:
    """Without chat messages the timeline is the conversation."""
    document = msgspec.json.encode(
        {
            "sessionId": "old",
            "timeline": [
                {"type": "user", "text": "hello", "timestamp": "2025-10-01T10:00:01Z"},
                {
                    "type": "tool_call_requested",
                    "callId": "c",
                    "toolTitle": "bash",
                    "arguments": {"command": "ls"},
                },
                {
                    "type": "tool_call_completed",
                    "callId": "c",
                    "toolTitle": "bash",
                    "result": {"log": "a.py"},
                },
                {"type": "copilot", "text": "Done."},
            ],
        }
    )
    writes = messages(feed_document(FORMAT, document, DOCUMENT_PATH)).values()
    assert [write.role for write in writes] == ["user", "assistant", "tool", "assistant"]


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


@given(log=spoilt(LOG + DOCUMENT + b"\n"), cut=st.integers(0, len(LOG)))
def test_it_bears_any_value_anywhere(log: bytes, cut: int) -> None:
    """No value of another type makes it raise or lose account, and its writes can be sent."""
    found = keeps_account(FORMAT, log, PATH)
    agrees_in_halves(FORMAT, log, cut, PATH)
    assert msgspec.json.encode(list(messages(found).values()))
