"""Codex rollouts of 2025: bare records under a header, and the documents before them."""

from __future__ import annotations

from typing import Any

import msgspec
from feeding import feed, feed_document, feed_in_halves, lines_of, messages, reasons, sessions, unaccounted

from service.importers.codex import FORMAT
from service.importers.model import Found, FoundMessage

ID = "5556f03d-348c-4463-987c-053ccd0b1df5"
PATH = f"/c/sessions/2025/08/18/rollout-2025-08-18T03-16-13-{ID}.jsonl"
HEAD = {"id": ID, "timestamp": "2025-08-18T01:16:13.522Z", "instructions": "Count the coins twice, always."}
CALL = "call_aaaaaaaaaaaaaaaaaaaaaaaa"


def bare() -> bytes:
    """A file of August 2025."""
    records: list[dict[str, Any]] = [
        {**HEAD, "git": {"branch": "main", "commit_hash": "abc123"}},
        {"record_type": "state"},
        _message(
            "user", "<environment_context>\nCurrent working directory: /src/shop\n</environment_context>"
        ),
        _message("user", "Count the till"),
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Counting"}],
            "content": None,
        },
        {
            "type": "function_call",
            "id": None,
            "name": "shell",
            "arguments": '{"command":["ls"]}',
            "call_id": CALL,
        },
        {
            "type": "function_call_output",
            "call_id": CALL,
            "output": '{"output":"9","metadata":{"exit_code":0}}',
        },
        {"record_type": "state"},
        _message("assistant", "Nine."),
    ]
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def document(*items: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode({"session": HEAD, "items": items}), indent=2)


def test_it_reads_bare_records() -> None:
    """Each record is a message of the session that the header names; the folder is in the environment."""
    found = feed(FORMAT, bare(), PATH)
    said = list(messages(found).values())
    assert [(write.role, write.text) for write in said][3:] == [
        ("assistant", None),
        ("assistant", None),
        ("tool", None),
        ("assistant", "Nine."),
    ]
    assert [write.role for write in said[:3]] == ["system", "system", "user"]
    session = sessions(found)[ID]
    assert (session.project_path, (session.attrs or {})["gitBranch"]) == ("/src/shop", "main")
    assert {str(write.created_at) for write in said[:1]} == {"2025-08-18 01:16:13.522000+00:00"}
    assert set(reasons(found).values()) == {"state mark without content"}
    assert unaccounted(found, lines_of(bare())) == []


def test_it_reads_bare_records_in_two_halves() -> None:
    """Records without times keep their ids wherever the file ended at first."""
    whole = messages(feed(FORMAT, bare(), PATH))
    for cut in range(0, len(bare()), 7):
        assert messages(feed_in_halves(FORMAT, bare(), cut, PATH)) == whole


def test_it_reads_documents() -> None:
    """A document is one line; its items are the messages, calls and outputs as in later files."""
    items = [
        _message("user", "Count"),
        {
            "type": "local_shell_call",
            "id": "lsh_1",
            "call_id": CALL,
            "action": {"type": "exec", "command": ["ls"]},
        },
        {"type": "local_shell_call_output", "call_id": CALL, "output": "9"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Nine."}]},
        {"type": "hologram"},
    ]
    found = feed_document(FORMAT, document(*items), f"/c/sessions/rollout-2025-04-20-{ID}.json")
    said = list(messages(found).values())
    assert [(write.role, write.text) for write in said] == [
        ("system", "Count the coins twice, always."),
        ("user", "Count"),
        ("assistant", None),
        ("tool", None),
        ("assistant", "Nine."),
    ]
    (part,) = said[2].parts or ()
    assert msgspec.json.decode(part.content) == {
        "toolCallId": CALL,
        "toolName": "local_shell",
        "args": {"type": "exec", "command": ["ls"]},
    }
    assert all(_lines(item) == (0,) for item in found if isinstance(item, FoundMessage))
    assert list(sessions(found)) == [ID]


def test_it_finds_the_same_in_a_document_that_grew() -> None:
    """A document that was written anew with more items keeps the ids of those before."""
    items = [_message("user" if number % 2 else "assistant", f"Coin {number}") for number in range(100)]
    early = messages(feed_document(FORMAT, document(*items[:40])))
    late = messages(feed_document(FORMAT, document(*items)))
    assert list(late)[: len(early)] == list(early)
    assert all(late[id] == write for id, write in early.items())


def test_it_leaves_out_a_document_that_is_cut() -> None:
    """A half-written document is left out whole, with a reason."""
    found = feed_document(FORMAT, document(_message("user", "Count"))[:-5])
    assert list(reasons(found).values()) == ["not valid JSON"]


def _message(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "id": None, "role": role, "content": [{"type": "input_text", "text": text}]}


def _lines(found: Found) -> tuple[int, ...]:
    return found.lines if isinstance(found, FoundMessage) else ()
