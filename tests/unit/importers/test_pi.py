"""pi's session logs as sessions and messages."""

from __future__ import annotations

from decimal import Decimal
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
from feeding import feed, messages, reasons, sessions
from hypothesis import given
from hypothesis import strategies as st

from service.importers.model import FoundMessage
from service.importers.pi import EXTENSION_STATE, FORMAT, LABEL
from service.model.message import Part

PATH = "/home/u/.pi/agent/sessions/--src-shop--/2026-03-01T09-00-00-000Z_5e551011.jsonl"
SESSION = "5e551011"


def _entry(number: int, kind: str, **members: Any) -> dict[str, Any]:
    parent = f"{number - 1:08x}" if number > 1 else None
    at = f"2026-03-01T09:00:{number:02}.500Z"
    return {"type": kind, "id": f"{number:08x}", "parentId": parent, "timestamp": at, **members}


def _said(number: int, role: str, **members: Any) -> dict[str, Any]:
    return _entry(number, "message", message={"role": role, **members, "timestamp": 1772355600000 + number})


USAGE = {
    "input": 100,
    "output": 20,
    "cacheRead": 3000,
    "cacheWrite": 40,
    "totalTokens": 3160,
    "cost": {"total": 0.0123},
}
HEADER = {
    "type": "session", "version": 3, "id": SESSION, "timestamp": "2026-03-01T09:00:00.000Z", "cwd": "/src/shop",
}  # fmt: skip
CALL = {"type": "toolCall", "id": "call_1", "name": "bash", "arguments": {"command": "ls", "timeout": 10}}
RECORDS = [
    HEADER,
    _entry(1, "model_change", provider="anthropic", modelId="claude-sonnet-4-5"),
    _entry(2, "thinking_level_change", thinkingLevel="high"),
    _said(3, "user", content="List the files"),
    _said(
        4, "assistant", content=[{"type": "thinking", "thinking": "Look first."}, {"type": "text", "text": "I look."}, CALL],
        api="anthropic-messages", provider="anthropic", model="claude-sonnet-4-5", usage=USAGE, stopReason="toolUse",
    ),
    _said(5, "toolResult", toolCallId="call_1", toolName="bash", content=[{"type": "text", "text": "a.py"}], isError=False),
    _said(6, "assistant", content=[], model="claude-sonnet-4-5", stopReason="aborted", errorMessage="Request was aborted"),
    _said(7, "bashExecution", command="git status", output="clean", exitCode=0, cancelled=False, truncated=False),
    _entry(8, "compaction", summary="They listed files.", firstKeptEntryId="00000004", tokensBefore=50000),
    _entry(9, "branch_summary", fromId="00000005", summary="Another way was tried."),
    _entry(10, "custom", customType="todo", data={"count": 1}),
    _entry(11, "custom_message", customType="todo", content="Remember the tests.", display=False),
    _entry(12, "label", targetId="00000004", label="here"),
    _entry(13, "session_info", name="Files of the shop"),
    _said(14, "user", content=[{"type": "text", "text": "And now?"}, {"type": "image", "data": "AQID", "mimeType": "image/png"}]),
]  # fmt: skip
LOG = lines(*RECORDS)


def test_it_finds_each_message_in_its_role() -> None:
    """People, the model and the tools speak for themselves; what pi and its extensions put in is the system's."""
    found = messages(feed(FORMAT, LOG, PATH))
    assert [(key, write.role, write.text) for (_, key), write in found.items()] == [
        ("00000003", "user", "List the files"),
        ("00000004", "assistant", "I look."),
        ("00000005", "tool", None),
        ("00000006", "assistant", "Request was aborted"),
        ("00000007", "user", None),
        ("00000008", "system", "They listed files."),
        ("00000009", "system", "Another way was tried."),
        ("0000000b", "system", "Remember the tests."),
        ("0000000e", "user", "And now?"),
    ]
    assert in_order(feed(FORMAT, LOG, PATH))


def test_it_knows_the_session() -> None:
    """Its id is the header's, its title the name it was given, its sums those of its messages."""
    (session,) = sessions(feed(FORMAT, LOG, PATH)).values()
    assert (session.external_id, session.title, session.project_name) == (
        SESSION,
        "Files of the shop",
        "shop",
    )
    assert (session.model, session.provider) == ("claude-sonnet-4-5", "anthropic")
    assert (session.prompt_tokens, session.completion_tokens) == (100, 20)
    assert (session.cache_read_tokens, session.cache_write_tokens) == (3000, 40)
    assert session.cost_usd == Decimal("0.0123")
    assert session.attrs == {"version": 3, "thinkingLevel": "high"}
    assert session.created_at
    assert session.created_at.isoformat() == "2026-03-01T09:00:00+00:00"


def test_it_keeps_arguments_and_results_byte_for_byte() -> None:
    """1.0 stays 1.0, keys stay in their order, in a call and in what it returned."""
    args, result = b'{"b":1.0,"a":[1e2,"\\u00e9"]}', b'[{"type":"text","text":"5.0"}]'
    log = (
        lines(HEADER)
        + b'{"type":"message","id":"01","message":{"role":"assistant","content":[{"type":"toolCall","id":"c","name":"calc",'
        + b'"arguments":' + args + b"}]}}\n"
        + b'{"type":"message","id":"02","message":{"role":"toolResult","toolCallId":"c","toolName":"calc","content":'
        + result + b',"isError":true}}\n'
    )  # fmt: skip
    call, answer = (write.parts for write in messages(feed(FORMAT, log, PATH)).values())
    assert call == (Part("tool-call", b'{"toolCallId":"c","toolName":"calc","args":' + args + b"}"),)
    assert answer == (
        Part("tool-result", b'{"toolCallId":"c","toolName":"calc","result":' + result + b',"isError":true}'),
    )


def test_it_calls_turns_as_the_plugin_does() -> None:
    """The OpenSync plugin counts people's and the model's messages; its ids stand among the records."""
    found = [item for item in feed(FORMAT, LOG, PATH) if isinstance(item, FoundMessage)]
    assert {f"{SESSION}-user-1", f"{SESSION}-entry-3"} < set(found[0].records)
    assert {f"{SESSION}-assistant-2", "call_1"} < set(found[1].records)
    assert f"{SESSION}-user-4" in found[-1].records


def test_it_knows_an_entry_again_once_it_was_given_an_id() -> None:
    """The first form of the log has no ids; pi gives them when it rewrites the file, the entry's number stays."""
    old = lines(*({key: value for key, value in entry.items() if key != "id"} for entry in RECORDS[1:]))
    before = [item for item in feed(FORMAT, old, PATH) if isinstance(item, FoundMessage)]
    after = [item for item in feed(FORMAT, LOG, PATH) if isinstance(item, FoundMessage)]
    assert before[0].write.external_id == f"{SESSION}-entry-3"
    assert all(item.write.external_id in other.records for item, other in zip(before, after, strict=True))


def test_it_names_the_session_that_it_was_forked_from() -> None:
    """A fork is a session of its own, no sub-agent."""
    header = HEADER | {"id": "f0", "parentSession": "/s/2026-03-01T09-00-00-000Z_5e551011.jsonl"}
    session = sessions(feed(FORMAT, lines(header), PATH))["f0"]
    assert (session.parent_external_id, session.attrs) == (None, {"version": 3, "forkedFrom": SESSION})


def test_it_says_what_it_leaves_out() -> None:
    """Bookmarks and state of extensions are told, and every line is in one place."""
    assert sorted(reasons(keeps_account(FORMAT, LOG, PATH)).values()) == [LABEL, EXTENSION_STATE]
    odd = lines({"type": "message", "message": "?"}, {"type": "My words"}, {"type": "new_one"})
    assert list(reasons(keeps_account(FORMAT, odd, PATH)).values()) == [
        "entry without its message",
        "unknown record type",
        "unknown record type: new_one",
    ]


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


@given(log=spoilt(LOG), cut=st.integers(0, len(LOG)))
def test_it_bears_any_value_anywhere(log: bytes, cut: int) -> None:
    """No value of another type makes it raise or lose account, and its writes can be sent."""
    found = keeps_account(FORMAT, log, PATH)
    agrees_in_halves(FORMAT, log, cut, PATH)
    assert msgspec.json.encode(list(messages(found).values()))
