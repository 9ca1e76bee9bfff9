"""Codex rollouts: each thing said is one message, whichever of its records come, and in whichever order."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from codex_records import (
    OWN,
    PATH,
    answered,
    asked,
    call,
    call_id,
    event,
    item,
    message,
    meta,
    output,
    rollout,
    tokens,
    turn,
)
from feeding import feed, messages, reasons, sessions

from service.importers.codex import FORMAT
from service.importers.model import FoundMessage
from service.model.message import MessageWrite
from service.model.session import SessionWrite


def read(*records: Any, **more: Any) -> list[MessageWrite]:
    """The messages of a session that has these records after its meta record."""
    return list(messages(feed(FORMAT, rollout(meta(), turn(), *records, **more), PATH)).values())


def session(*records: Any) -> SessionWrite:
    return sessions(feed(FORMAT, rollout(*records), PATH))[OWN]


def why(*records: Any) -> list[str]:
    """The reasons for which these records are left out."""
    return list(reasons(feed(FORMAT, rollout(meta(), turn(), *records), PATH)).values())


def parts(write: MessageWrite) -> list[tuple[str, Any]]:
    return [(part.type, msgspec.json.decode(part.content)) for part in write.parts or ()]


@pytest.mark.parametrize("order", ["item first", "event first"])
def test_it_takes_a_text_once(order: str) -> None:
    """The item and the event of one text are one message, in either order, with both lines and the item's id."""
    both = [
        message("assistant", "Done.", id="msg_0f693899558e81d6016a432db592dc81"),
        event("agent_message", message="Done."),
    ]
    data = rollout(meta(), turn(), *(both if order == "item first" else reversed(both)))
    (found,) = (item for item in feed(FORMAT, data, PATH) if isinstance(item, FoundMessage))
    assert (found.write.role, found.write.text, len(found.lines)) == ("assistant", "Done.", 2)
    assert found.records == ("msg_0f693899558e81d6016a432db592dc81",)


def test_it_takes_the_event_where_there_is_no_item() -> None:
    """Versions that write events only, and turns that were cut off, keep their texts; two equal ones stay two."""
    said = read(event("user_message", message="yes"), event("agent_message", message="ok"), *asked("yes"))
    assert [(write.role, write.text) for write in said] == [
        ("user", "yes"),
        ("assistant", "ok"),
        ("user", "yes"),
    ]


def test_it_takes_finished_items_of_newer_versions() -> None:
    """`item_completed` says the same as an item of the conversation: once."""
    said = read(
        message("user", "Count the till"),
        event(
            "item_completed",
            item={"type": "UserMessage", "content": [{"type": "text", "text": "Count the till"}]},
        ),
        event(
            "item_completed", item={"type": "AgentMessage", "content": [{"type": "Text", "text": "Nine."}]}
        ),
        message("assistant", "Nine."),
        message("assistant", "So:\n<proposed_plan>\nCount\n</proposed_plan>"),
        event("agent_message", message="So:"),
        event("item_completed", item={"type": "Plan", "text": "Count"}),
    )
    assert [write.text for write in said] == [
        "Count the till",
        "Nine.",
        "So:\n<proposed_plan>\nCount\n</proposed_plan>",
    ]


def test_it_joins_reasoning_events_to_their_items() -> None:
    """Events tell a summary piece by piece, the item as a whole, or two items share what events told in a row."""
    summary = [{"type": "summary_text", "text": text} for text in ("First", "Second")]
    told = [event("agent_reasoning", text="First"), event("agent_reasoning", text="Second")]
    for records in (
        [*told, item("reasoning", summary=summary, encrypted_content="x")],
        [item("reasoning", summary=summary), *told],
        [*told, item("reasoning", summary=summary[:1]), item("reasoning", summary=summary[1:])],
        told,
    ):
        (write,) = read(*records)
        assert parts(write) == [("reasoning", {"text": "First"}), ("reasoning", {"text": "Second"})]
        assert (write.role, write.text) == ("assistant", None)


def test_it_leaves_out_encrypted_reasoning() -> None:
    """Ciphertext is no text."""
    assert why(item("reasoning", summary=[], encrypted_content="gAAAA")) == ["encrypted reasoning"]


def test_it_keeps_calls_and_results_as_they_are_spelled() -> None:
    """Arguments stay the string that they are, an output stays string, list or object; the result names its tool."""
    spelled = '{"cmd": "printf \\"%s\\" 1.0",  "n": 1e2}'
    content = [
        {"type": "input_text", "text": "a"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA"},
    ]
    made, listed, patched, failed = read(
        call(call_id(1), spelled),
        output(call_id(1), content),
        item(
            "custom_tool_call",
            call_id=call_id(2),
            name="apply_patch",
            input="*** Begin Patch",
            status="completed",
        ),
        item("custom_tool_call_output", call_id=call_id(3), output={"content": "no", "success": False}),
    )
    assert parts(made) == [
        ("tool-call", {"toolCallId": call_id(1), "toolName": "exec_command", "args": spelled})
    ]
    assert parts(listed) == [
        ("tool-result", {"toolCallId": call_id(1), "toolName": "exec_command", "result": content})
    ]
    assert parts(patched)[0][1]["args"] == "*** Begin Patch"
    assert parts(failed)[0][1]["isError"] is True
    assert [write.role for write in (made, listed, patched, failed)] == [
        "assistant",
        "tool",
        "assistant",
        "tool",
    ]
    assert (made.external_id, listed.external_id) == (f"call:{call_id(1)}", f"{call_id(1)}:output")


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ("Exit code: 0\nWall time: 0 seconds\nOutput:\n", False),
        ("Chunk ID: a1b2\nWall time: 0.1 seconds\nProcess exited with code 2\nOutput:\n", True),
        ('{"output":"boom","metadata":{"exit_code":1,"duration_seconds":0.1}}', True),
        ("The Exit code: 1 is told nowhere", None),
    ],
)
def test_it_knows_a_failed_command_by_its_exit_code(told: str, error: bool | None) -> None:
    """The forms in which Codex writes an exit code say whether the result is an error; other text does not."""
    result = parts(read(call(call_id(1)), output(call_id(1), told))[1])[0][1]
    assert result.get("isError") is error


@pytest.mark.parametrize("order", ["event first", "item first", "no item"])
def test_it_adds_what_only_the_end_event_knows(order: str) -> None:
    """Exit code, duration and failure go to the result's message; alone, the event is the result."""
    end = event(
        "exec_command_end",
        call_id=call_id(1),
        exit_code=3,
        aggregated_output="boom",
        duration={"secs": 1, "nanos": 500_000_000},
    )
    result = output(call_id(1), "what the model saw")
    records = {"event first": [end, result], "item first": [result, end], "no item": [end]}[order]
    _, write = read(call(call_id(1)), *records)
    assert parts(write)[0][1]["result"] == ("boom" if order == "no item" else "what the model saw")
    assert (parts(write)[0][1]["isError"], write.duration_ms, (write.attrs or {})["exitCode"]) == (
        True,
        1500,
        3,
    )


def test_it_keeps_a_run_that_no_call_was_recorded_for() -> None:
    """What a person ran in the prompt, and what ran inside another tool: call and result in one message."""
    (write,) = read(
        event(
            "exec_command_end",
            call_id=call_id(9),
            command=["ls"],
            cwd="/src",
            aggregated_output="a",
            exit_code=0,
        )
    )
    kinds = [kind for kind, _ in parts(write)]
    assert (write.role, kinds) == ("tool", ["tool-call", "tool-result"])
    assert parts(write)[0][1]["args"] == {"command": ["ls"], "cwd": "/src"}


def test_it_pairs_searches_that_have_no_id() -> None:
    """A search's item has no id in some versions: its event gives it one, in order."""
    ids = ["ws_018b212e43086237016a3274b90b4481", "ws_018b212e43086237016a3274bb345081"]
    said = read(
        event("web_search_end", call_id=ids[0], query="tills"),
        event("web_search_end", call_id=ids[1], query="coins"),
        item("web_search_call", action={"type": "search", "query": "tills"}),
        item("web_search_call", action={"type": "search", "query": "coins"}),
    )
    assert [write.external_id for write in said] == [f"call:{id}" for id in ids]
    assert [parts(write)[0][1]["args"]["query"] for write in said] == ["tills", "coins"]


def test_it_tells_context_from_words() -> None:
    """What the program says in a person's name, or as a developer, is system; a person's words with it are not."""
    said = read(
        message("developer", "<permissions instructions>"),
        message("user", "# AGENTS.md instructions for /src", "<environment_context>"),
        message("user", "<environment_context>", "Fix the till"),
    )
    assert [write.role for write in said] == ["system", "system", "user"]
    assert said[2].text == "<environment_context>\n\nFix the till"
    assert said[2].parts is None


def test_it_keeps_images() -> None:
    """A message with an image has all its blocks as parts, in order, and its text."""
    content = [
        {"type": "input_text", "text": "See"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA"},
    ]
    (write,) = read(item("message", role="user", content=content), event("user_message", message="See"))
    assert (write.text, [kind for kind, _ in parts(write)]) == ("See", ["text", "image"])


def test_it_counts_the_difference_and_no_repeat() -> None:
    """A count of the last answer counts as told; without one the totals' difference; the same total not at all."""
    said = read(
        *answered("One"),
        tokens(100, 100, cached=40),
        tokens(100, 100, cached=40),
        *answered("Two"),
        tokens(150, None, cached=40, out=4),
        tokens(180, 30, cached=10, out=5),
    )
    one, two = said
    assert (one.prompt_tokens, one.cache_read_tokens, one.completion_tokens) == (60, 40, 1)
    assert (two.prompt_tokens, two.cache_read_tokens, two.completion_tokens) == (50 + 20, 10, 3 + 5)
    assert (one.attrs or {})["usage"]["input_tokens"] == 100
    assert why(tokens(5, 5), tokens(5, 5), tokens(5, 0, out=0), event("token_count", info=None)) == [
        "token count that repeats the last one",
        "token count without tokens",
        "token count without tokens",
    ]


def test_it_holds_tokens_until_there_is_an_answer() -> None:
    """Tokens that were counted before any answer stand at the first one, and in the session's total."""
    write = read(tokens(10, 10), *answered("Hello"))[0]
    total = session(meta(), turn(), tokens(10, 10), *answered("Hello"), tokens(30, 20))
    assert (write.prompt_tokens, total.prompt_tokens, total.completion_tokens) == (10, 30, 2)


def test_it_knows_the_session() -> None:
    """Working folder, model, provider, git, program and name; the model of an answer is the one of its turn."""
    git = {"branch": "main", "commit_hash": "4e480f90", "repository_url": "https://example.org/shop.git"}
    found = session(
        meta(git=git, originator="codex-tui"),
        turn("gpt-5.4", effort="high", sandbox_policy={"type": "read-only"}),
        *answered("a"),
        turn("gpt-5.5"),
        event("thread_name_updated", thread_name="Count the till"),
    )
    assert (found.title, found.project_path, found.project_name) == ("Count the till", "/src/shop", "shop")
    assert (found.model, found.provider, found.source) == ("gpt-5.5", "openai", "codex-cli")
    assert str(found.created_at) == "2026-06-17 10:06:46.240000+00:00"
    attrs = found.attrs or {}
    assert (attrs["gitBranch"], attrs["cliVersion"], attrs["effort"], attrs["sandbox"]) == (
        "main",
        "0.140.0",
        "high",
        "read-only",
    )
    models = [write.model for write in read(*asked("x"), *answered("a"), turn("gpt-6"), *answered("b"))]
    assert models == [None, "gpt-5.5", "gpt-6"]


def test_it_keeps_the_instructions_as_one_message() -> None:
    """The system prompt is a system message and no attribute; user instructions that come again are not repeated."""
    rules = "Be brief, and count the coins twice."
    records = [
        meta(base_instructions={"text": "You are a till."}, instructions=rules),
        message("user", f"<user_instructions>\n\n{rules}\n\n</user_instructions>"),
    ]
    said = list(messages(feed(FORMAT, rollout(*records), PATH)).values())
    assert [write.role for write in said] == ["system", "system"]
    assert [write.text for write in said] == [
        "You are a till.",
        f"<user_instructions>\n\n{rules}\n\n</user_instructions>",
    ]


def test_it_says_what_happened_to_a_turn() -> None:
    """Aborts, errors, compactions, rollbacks and reviews are system messages with what they say."""
    said = read(
        event("turn_aborted", reason="interrupted"),
        event("error", message="no network"),
        {
            "type": "compacted",
            "payload": {"message": "Sold three.", "replacement_history": [{"type": "message"}]},
        },
        event("thread_rolled_back", num_turns=2),
        event("exited_review_mode", review_output={"overall_explanation": "Fine.", "findings": []}),
    )
    assert [write.text for write in said] == [
        "Turn aborted: interrupted",
        "no network",
        "Sold three.",
        "Rolled back 2 turns",
        "Fine.",
    ]
    assert {write.role for write in said} == {"system"}
    assert parts(said[4])[0][0] == "file"


def test_it_names_what_it_does_not_know() -> None:
    """A kind that is new is left out under its name; a name that could be anything is not repeated."""
    unknown = [
        event("mood_ring"),
        item("hologram"),
        {"type": "weather", "payload": {}},
        event("What a person wrote"),
    ]
    assert why(*unknown) == [
        "unknown record type: mood_ring",
        "unknown record type: hologram",
        "unknown record type: weather",
        "unknown record type",
    ]


def test_it_keeps_calls_apart_whose_ids_are_counted() -> None:
    """Some providers number calls from 0 in each answer: such an id is no identity, and no record."""
    data = rollout(meta(), turn(), call("call_0"), output("call_0"), call("call_0"), output("call_0"))
    found = [item for item in feed(FORMAT, data, PATH) if isinstance(item, FoundMessage)]
    assert len({item.write.external_id for item in found}) == 4
    assert {item.records for item in found} == {()}


def test_it_keeps_the_order_of_the_file() -> None:
    """A time that goes back is moved to the one before; the time that was told stays in the attributes."""
    first, second = read(*answered("a"), *answered("b"), step_ms=-1000)
    assert first.created_at == second.created_at
    assert (first.attrs or {}).get("timestamp") is None
    assert (second.attrs or {})["timestamp"] == "2026-06-17T10:06:56+00:00"
