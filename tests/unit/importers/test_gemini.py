"""Gemini CLI's sessions, as documents and as logs."""

from __future__ import annotations

import hashlib
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

from service.importers.gemini import FORMAT
from service.importers.gemini.log import REWIND, SAVED_CHECKPOINT
from service.importers.model import FoundMessage, Line
from service.model.message import Part

SESSION = "9e310000-0000-4000-8000-000000000001"
HASH = hashlib.sha256(b"/src/shop").hexdigest()
PATH = "/home/u/.gemini/tmp/shop/chats/session-2026-03-01T09-00-9e310000.jsonl"
DOCUMENT_PATH = f"/home/u/.gemini/tmp/{HASH}/chats/session-2026-03-01T09-00-9e310000.json"


def _said(number: int, kind: str, content: Any, **members: Any) -> dict[str, Any]:
    at = f"2026-03-01T09:00:{number:02}.125Z"
    return {"id": f"m{number}", "timestamp": at, "type": kind, "content": content, **members}


METADATA = {
    "sessionId": SESSION, "projectHash": HASH, "startTime": "2026-03-01T09:00:00.000Z",
    "lastUpdated": "2026-03-01T09:00:00.000Z", "kind": "main",
}  # fmt: skip
TOKENS = {"input": 5000, "output": 60, "cached": 4000, "thoughts": 40, "tool": 0, "total": 5100}
THOUGHT = {"subject": "Planning", "description": "Read it first.", "timestamp": "2026-03-01T09:00:02.000Z"}
CALL: dict[str, Any] = {
    "id": "read-1", "name": "read_file", "args": {"file_path": "a.py"}, "status": "success", "displayName": "ReadFile",
    "timestamp": "2026-03-01T09:00:03.000Z",
    "result": [{"functionResponse": {"id": "read-1", "name": "read_file", "response": {"output": "x = 1"}}}],
}  # fmt: skip
FAILED = {
    "id": "sh-1",
    "name": "run_shell_command",
    "args": {},
    "status": "error",
    "resultDisplay": "not found",
}
ANSWER = _said(3, "gemini", "I read it.", thoughts=[THOUGHT], model="gemini-2.5-pro")
TOUCHED = {"$set": {"lastUpdated": "2026-03-01T09:00:59.000Z"}}
RECORDS = [
    METADATA,
    _said(1, "user", [{"text": "<session_context>\nToday is Sunday."}]),
    _said(2, "user", [{"text": "What is in a.py?\n--- a.py ---"}], displayContent="What is in @a.py?"),
    TOUCHED,
    ANSWER,
    TOUCHED,
    ANSWER | {"tokens": TOKENS},
    ANSWER | {"tokens": TOKENS, "toolCalls": [CALL, FAILED]},
    _said(4, "info", "Request cancelled."),
    {"$set": {"summary": "Reading a file", "directories": ["/src/other", "/src/shop"]}},
    {"$rewindTo": "m4"},
    _said(5, "user", "Go on", displayContent=None),
    _said(6, "gemini", [{"text": "why", "thought": True}, {"functionCall": {"id": "ls-1", "name": "ls", "args": {}}}]),
    _said(7, "user", [{"functionResponse": {"id": "ls-1", "name": "ls", "response": {"output": "a.py"}}}]),
    ANSWER | {"content": "I read it again.", "tokens": TOKENS | {"output": 70}},
    _said(8, "gemini", [{"text": "Here:"}, {"inlineData": {"mimeType": "image/png", "data": "AQID"}}]),
]  # fmt: skip
LOG = lines(*RECORDS)
DOCUMENT = msgspec.json.format(
    msgspec.json.encode(
        METADATA | {"messages": [record for record in RECORDS if "id" in record], "summary": "Reading"}
    ),
    indent=2,
)


def test_it_finds_each_message_in_its_role() -> None:
    """People's words are what they typed; context and notices are the system's, results the tool's."""
    found = messages(feed(FORMAT, LOG, PATH))
    assert [(key, write.role, write.text) for (_, key), write in found.items()] == [
        ("m1", "system", "<session_context>\nToday is Sunday."),
        ("m2", "user", "What is in @a.py?"),
        ("m3", "assistant", "I read it again."),
        ("m4", "system", "Request cancelled."),
        ("m5", "user", "Go on"),
        ("m6", "assistant", None),
        ("m7", "tool", None),
        ("m8", "assistant", "Here:"),
    ]
    assert in_order(feed(FORMAT, LOG, PATH))


def test_it_finds_the_same_in_a_document() -> None:
    """A document holds the messages that a log holds, with the last of each id."""
    found = feed_document(FORMAT, DOCUMENT, DOCUMENT_PATH)
    assert unaccounted(found, [Line(0, DOCUMENT)]) == []
    assert list(messages(found).items()) == list(messages(feed(FORMAT, LOG, PATH)).items())
    (session,) = sessions(found).values()
    assert (session.title, session.project_name, session.prompt_tokens) == ("Reading", None, 1000)


def test_it_writes_a_message_once_where_its_records_follow_each_other() -> None:
    """The records of one message that grows are one message with all their lines."""
    found = [item for item in feed(FORMAT, LOG, PATH) if isinstance(item, FoundMessage)]
    assert [item.write.external_id for item in found] == [
        "m1",
        "m2",
        "m3",
        "m4",
        "m5",
        "m6",
        "m7",
        "m3",
        "m8",
    ]
    assert len(found[2].lines) == 3
    assert [part.type for part in found[2].write.parts or ()] == [
        "reasoning", "text", "tool-call", "tool-result", "tool-call", "tool-result",
    ]  # fmt: skip


def test_it_keeps_a_late_record_in_its_messages_place() -> None:
    """It changes the message, its count and the session's sum, and not its time."""
    found = feed(FORMAT, LOG, PATH)
    late = messages(found)[SESSION, "m3"]
    assert late.created_at
    assert late.created_at.second == 3
    assert (late.prompt_tokens, late.completion_tokens, late.cache_read_tokens) == (1000, 110, 4000)
    (session,) = sessions(found).values()
    assert (session.prompt_tokens, session.completion_tokens) == (1000, 110)


def test_it_knows_the_session() -> None:
    """The project is the directory that has the session's hash, else the folder's name."""
    (session,) = sessions(feed(FORMAT, LOG, PATH)).values()
    assert (session.external_id, session.title, session.model) == (
        SESSION,
        "Reading a file",
        "gemini-2.5-pro",
    )
    assert (session.project_path, session.project_name) == ("/src/shop", "shop")
    (bare,) = sessions(feed(FORMAT, lines(METADATA), PATH)).values()
    assert (bare.project_path, bare.project_name) == (None, "shop")
    assert bare.attrs == {"projectHash": HASH, "kind": "main"}


def test_it_makes_a_sub_agents_session_a_child() -> None:
    """It lies in a folder that is called as its parent."""
    path = f"/home/u/.gemini/tmp/shop/chats/{SESSION}/explore-1.jsonl"
    found = sessions(feed(FORMAT, lines(METADATA | {"sessionId": "explore-1", "kind": "subagent"}), path))
    assert found[f"{SESSION}:explore-1"].parent_external_id == SESSION


def test_it_adds_only_what_is_new_in_a_checkpoint() -> None:
    """What the model is shown from there on was shortened: it takes the place of nothing."""
    summary = _said(9, "user", "They read a file.")
    masked = _said(8, "gemini", "[masked]")
    log = LOG + lines({"$set": {"messages": [_said(2, "user", "[masked]"), masked, summary]}})
    found = messages(keeps_account(FORMAT, log, PATH))
    assert found[SESSION, "m9"].text == "They read a file."
    assert len(found) == len(messages(feed(FORMAT, LOG, PATH))) + 1
    assert found[SESSION, "m8"].text == "Here:"


def test_it_keeps_arguments_and_results_byte_for_byte() -> None:
    """1.0 stays 1.0, keys stay in their order, in a call and in what it returned."""
    args, result = b'{"b":1.0,"a":[1e2,"\\u00e9"]}', b'[{"functionResponse":{"response":{"n":5.0}}}]'
    log = (
        b'{"id":"1","type":"gemini","content":"","toolCalls":[{"id":"c","name":"calc","status":"success","args":'
        + args + b',"result":' + result + b"}]}\n"
    )  # fmt: skip
    (write,) = messages(feed(FORMAT, log, PATH)).values()
    assert write.parts == (
        Part("tool-call", b'{"toolCallId":"c","toolName":"calc","args":' + args + b',"status":"success"}'),
        Part("tool-result", b'{"toolCallId":"c","toolName":"calc","result":' + result + b',"isError":false}'),
    )


def test_it_says_what_it_leaves_out() -> None:
    """Rewinds take nothing away; checkpoints that people saved are no sessions."""
    log = LOG + lines({"history": [{"role": "user", "parts": [{"text": "hello"}]}]}, {"type": "odd_one"})
    assert list(reasons(keeps_account(FORMAT, log, PATH)).values()) == [
        REWIND,
        SAVED_CHECKPOINT,
        "unknown record type: odd_one",
    ]


@given(cut=st.integers(0, len(LOG)))
def test_it_reads_on_from_any_byte(cut: int) -> None:
    """Cut at any byte, a beginning raises nothing, agrees with the whole, and can be gone on from."""
    keeps_account(FORMAT, LOG[:cut], PATH)
    only_grows(FORMAT, LOG, cut, PATH)
    agrees_in_halves(FORMAT, LOG, cut, PATH)


@given(cut=st.integers(0, len(DOCUMENT)))
def test_it_bears_a_document_that_is_cut(cut: int) -> None:
    """A document that is not whole is left out, and read when it is."""
    found = feed_document(FORMAT, DOCUMENT[:cut], DOCUMENT_PATH)
    assert unaccounted(found, [Line(0, DOCUMENT[:cut])]) == []


@given(rubbish=RUBBISH, place=st.integers(0, len(RECORDS)))
def test_it_bears_rubbish_anywhere(rubbish: bytes, place: int) -> None:
    """A line that is none hides no other."""
    bears_rubbish(FORMAT, LOG, rubbish, place, PATH)


@given(log=spoilt(LOG), cut=st.integers(0, len(LOG)))
def test_it_bears_any_value_anywhere(log: bytes, cut: int) -> None:
    """No value of another type makes it raise or lose account, and its writes can be sent."""
    found = keeps_account(FORMAT, log, PATH)
    agrees_in_halves(FORMAT, log, cut, PATH)
    assert msgspec.json.encode(list(messages(found).values()))
