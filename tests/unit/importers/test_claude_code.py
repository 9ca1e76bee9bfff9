"""What a parser of Claude Code's transcripts makes of single rows: answers, results, prompts, notices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from claude_records import OTHER, PATH, SESSION, Conversation, call, result, text, thinking
from feeding import feed, feed_in_halves, lines_of, messages, reasons, unaccounted

from service.importers.claude_code import FORMAT
from service.importers.model import Found, FoundMessage, Line, Place
from service.model.message import MessageWrite


def found_in(talk: Conversation) -> list[Found]:
    found = feed(FORMAT, talk.data, PATH)
    assert unaccounted(found, lines_of(talk.data)) == []
    return found


def writes(talk: Conversation) -> list[MessageWrite]:
    return list(messages(found_in(talk)).values())


def test_it_makes_the_rows_of_one_answer_one_message() -> None:
    """Rows that share the model's id are one message: all blocks in order, the first time, the last usage."""
    talk = Conversation()
    talk.user("Fix it")
    talk.assistant(thinking("Hm"), usage={"input_tokens": 3, "output_tokens": 1})
    talk.assistant(text("I look."), usage={"input_tokens": 3, "output_tokens": 1})
    talk.assistant(call("toolu_1"), usage={"input_tokens": 3, "output_tokens": 40})
    [_, answer] = [item for item in found_in(talk) if isinstance(item, FoundMessage)]
    assert [part.type for part in answer.write.parts or ()] == ["reasoning", "text", "tool-call"]
    assert (answer.write.external_id, answer.write.text) == ("msg_1", "I look.")
    assert (answer.write.prompt_tokens, answer.write.completion_tokens) == (3, 40)
    assert answer.write.created_at is not None
    assert answer.write.created_at.second == 2
    assert answer.records == ("u2", "u3", "u4", "msg_1", "toolu_1")
    assert len(answer.lines) == 3


def test_it_keeps_an_answer_together_when_results_come_between_its_rows() -> None:
    """A tool's result that arrives while the answer is still written stands behind the whole answer."""
    talk = Conversation()
    talk.assistant(call("toolu_1"))
    talk.answer_to("toolu_1")
    talk.assistant(call("toolu_2"))
    talk.answer_to("toolu_2")
    told = writes(talk)
    assert [write.role for write in told] == ["assistant", "tool", "tool"]
    assert len(told[0].parts or ()) == 2


def test_it_takes_a_row_that_stands_twice_once() -> None:
    """The same row again, and the same block in another row, are not doubled."""
    talk = Conversation()
    talk.user("Fix it", uuid="u1")
    talk.assistant(text("I look."), uuid="a")
    talk.assistant(text("I look."), uuid="a")
    talk.assistant(text("I look."), call("toolu_1"), uuid="b")
    talk.user("Fix it", uuid="u1")
    told = writes(talk)
    assert [write.role for write in told] == ["user", "assistant"]
    assert [part.type for part in told[1].parts or ()] == ["text", "tool-call"]


def test_it_keeps_the_longer_form_of_a_text_that_grew() -> None:
    """Snapshots of a streamed block become the block as it was in the end."""
    talk = Conversation()
    for said in ("I l", "I look", "I look at it."):
        talk.assistant(text(said))
    assert [write.text for write in writes(talk)] == ["I look at it."]


def test_it_tells_answers_apart_that_share_an_id_but_no_request() -> None:
    """Servers that number from one again do not have their answers run into one."""
    talk = Conversation()
    for number in range(3):
        talk.user(f"Prompt {number}")
        talk.assistant(text(f"Answer {number}"), id="msg_1", request=f"req_{number}")
    told = [item for item in found_in(talk) if isinstance(item, FoundMessage)]
    assert [item.write.text for item in told if item.write.role == "assistant"] == [
        "Answer 0",
        "Answer 1",
        "Answer 2",
    ]
    assert sum("msg_1" in item.records for item in told) == 1


def test_it_ends_an_answer_without_a_request_at_the_next_prompt() -> None:
    """Where no request tells answers apart, a person's prompt does."""
    talk = Conversation()
    for number in range(2):
        talk.user(f"Prompt {number}")
        talk.assistant(text(f"Answer {number}"), request=None)
    assert [write.text for write in writes(talk) if write.role == "assistant"] == ["Answer 0", "Answer 1"]


def test_it_counts_the_late_rest_of_an_answer_once() -> None:
    """A row that comes when its answer left the window is a message of its own, without the usage."""
    talk = Conversation()
    talk.assistant(text("Early"))
    for number in range(80):
        talk.answer_to(f"toolu_{number}")
    talk.assistant(text("Late"))
    early, *_, late = writes(talk)
    assert (early.prompt_tokens, late.prompt_tokens) == (3, None)
    assert late.attrs is not None
    assert late.attrs["continues"] == early.external_id


def test_it_keeps_arguments_and_results_as_they_were_spelled() -> None:
    """Numbers, the order of keys and escapes of a call and its result come through byte for byte."""
    spelled = rb'{"b":1.0,"a":[1e2,"\u00e9"],"n":null,"big":12345678901234567890}'
    use = b'{"type":"tool_use","id":"toolu_1","name":"Edit","input":%s}' % spelled
    told = b'{"tool_use_id":"toolu_1","type":"tool_result","content":[%s]}' % spelled
    row = b'{"type":"assistant","uuid":"a","message":{"id":"m","content":[%s]}}\n' % use
    answer = b'{"type":"user","uuid":"b","message":{"role":"user","content":[%s]}}\n' % told
    first, second = messages(feed(FORMAT, row + answer, PATH)).values()
    assert first.parts is not None
    assert b'"args":' + spelled in first.parts[0].content
    assert second.parts is not None
    assert b'"result":[' + spelled in second.parts[0].content


def test_it_keeps_what_only_the_program_says_of_a_result() -> None:
    """The short facts of `toolUseResult` are attributes; its long texts stand in the result already."""
    talk = Conversation()
    account = {"stdout": "x" * 9_000, "exitCode": 1, "interrupted": True, "agentId": "a1", "durationMs": 12}
    talk.answer_to("toolu_1", "x" * 9_000, toolUseResult=account)
    [write] = writes(talk)
    assert write.role == "tool"
    assert write.attrs is not None
    assert write.attrs["toolResult"] == {
        "agentId": "a1",
        "durationMs": 12,
        "exitCode": 1,
        "interrupted": True,
    }


@pytest.mark.parametrize(
    ("content", "role"),
    [
        ("Fix it", "user"),
        ("<command-name>/plan</command-name><command-args>x</command-args>", "user"),
        ("<bash-input>make</bash-input>", "user"),
        ([text("<ide_opened_file>a.py</ide_opened_file>"), text("Fix it")], "user"),
        ([{"type": "image", "source": {"type": "base64", "data": "aGk="}}], "user"),
        ("<system-reminder>Be brief.</system-reminder>\nFix it", "user"),
        ([result("toolu_1"), text("No, the other one")], "user"),
        ([result("toolu_1"), text("[Request interrupted by user for tool use]")], "tool"),
        ([result("toolu_1"), result("toolu_2", error=True)], "tool"),
        ("<system-reminder>Be brief.</system-reminder>", "system"),
        ([text("<ide_opened_file>a.py</ide_opened_file>")], "system"),
        ("<local-command-stdout></local-command-stdout>", "system"),
        ("<bash-stdout>ok</bash-stdout><bash-stderr></bash-stderr>", "system"),
        ("<task-notification>done</task-notification>", "system"),
        ("[Request interrupted by user]", "system"),
        ("This session is being continued from a previous conversation that ran out of context.", "system"),
    ],
)
def test_it_tells_a_prompt_from_what_the_program_put_there(content: Any, role: str) -> None:
    """People's words are `user`, a tool's result is `tool`, and what the program adds is `system`."""
    talk = Conversation()
    talk.user(content)
    assert [write.role for write in writes(talk)] == [role]


@pytest.mark.parametrize("mark", [{"isMeta": True}, {"isCompactSummary": True}, {"origin": {"kind": "hook"}}])
def test_it_makes_a_marked_row_the_programs(mark: dict[str, Any]) -> None:
    """Rows that the program marks as its own are `system`, and keep the mark."""
    talk = Conversation()
    talk.user("Analyse this codebase", **mark)
    [write] = writes(talk)
    assert write.role == "system"
    assert write.attrs is not None
    assert mark.keys() <= write.attrs.keys()


def test_it_makes_an_api_error_a_message_that_costs_nothing() -> None:
    """What the program says in the model's place has no model and no tokens."""
    talk = Conversation()
    talk.assistant(text("API Error: 529"), isApiErrorMessage=True, error="overloaded")
    talk.records[0]["message"] |= {"model": "<synthetic>", "usage": {"input_tokens": 0, "output_tokens": 0}}
    [write] = writes(talk)
    assert (write.model, write.prompt_tokens, write.text) == (None, None, "API Error: 529")
    assert write.attrs is not None
    assert write.attrs["apiError"] == "overloaded"


def test_it_counts_usage_as_four_numbers_that_share_no_token() -> None:
    """Input, cache reads, cache writes and output are told apart; the object itself stays in the attributes."""
    usage = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 700,
        "cache_read_input_tokens": 5_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 500},
        "output_tokens": 9,
        "service_tier": "standard",
    }
    talk = Conversation()
    talk.assistant(text("Done"), usage=usage, costUSD=0.0125, durationMs=900)
    [write] = writes(talk)
    counts = (write.prompt_tokens, write.cache_read_tokens, write.cache_write_tokens, write.completion_tokens)
    assert counts == (3, 5_000, 700, 9)
    assert (write.cost_usd, write.duration_ms) == (Decimal("0.0125"), 900)
    assert write.attrs is not None
    assert write.attrs["usage"] == usage


def test_it_keeps_thinking_pictures_and_what_nobody_knows() -> None:
    """No block of an answer is dropped: hidden thinking, a search's results and unknown forms are kept."""
    blocks = [
        thinking("Hm"),
        {"type": "redacted_thinking", "data": "c2VjcmV0"},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"title": "T"}]},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "hologram", "depth": 3},
    ]
    talk = Conversation()
    talk.assistant(*blocks)
    [write] = writes(talk)
    kinds = [part.type for part in write.parts or ()]
    assert kinds == ["reasoning", "file", "tool-call", "file", "image", "file"]


def test_it_says_a_queued_prompt_when_it_is_delivered() -> None:
    """A prompt that was queued and then delivered, as a row or as an attachment, stands once."""
    talk = Conversation()
    talk.add("queue-operation", operation="enqueue", content="Run the tests")
    talk.add("queue-operation", operation="enqueue", content="Then commit")
    talk.add("queue-operation", operation="dequeue")
    talk.user("Run the tests")
    talk.add("attachment", attachment={"type": "queued_command", "prompt": [text("Then commit")]})
    assert [(write.role, write.text) for write in writes(talk)] == [
        ("user", "Run the tests"),
        ("user", "Then commit"),
    ]


def test_it_keeps_a_prompt_that_was_never_delivered() -> None:
    """When the conversation goes on without it, a queued prompt is a message where it was typed."""
    talk = Conversation()
    talk.add("queue-operation", operation="enqueue", content="Run the tests")
    for number in range(70):
        talk.user(f"Prompt {number}")
    first = writes(talk)[0]
    assert first.text == "Run the tests"
    assert first.attrs == {"queued": True}


def test_it_tells_a_turns_duration_at_its_last_answer() -> None:
    """How long the program was at it is told of the answer that ended the turn."""
    talk = Conversation()
    talk.assistant(text("Done"))
    talk.add("system", subtype="turn_duration", durationMs=67_127)
    [write] = writes(talk)
    assert write.attrs is not None
    assert write.attrs["turnDurationMs"] == 67_127


def test_it_keeps_what_the_program_says_when_it_has_words() -> None:
    """Notices, errors of hooks and short context are system messages; counters and lists of tools are left out."""
    talk = Conversation()
    talk.add("system", subtype="informational", content="Model changed")
    talk.add("system", subtype="stop_hook_summary", hookErrors=["lint failed"], hookCount=1)
    talk.add("system", subtype="stop_hook_summary", hookErrors=[], hookCount=1)
    talk.add("attachment", attachment={"type": "hook_additional_context", "content": ["Use uv"]})
    talk.add("attachment", attachment={"type": "skill_listing", "content": "- a skill"})
    talk.add("attachment", attachment={"type": "nested_memory", "content": "x" * 5_000})
    talk.add("attachment", attachment={"type": "hook_success", "hookEvent": "PostToolUse", "content": "ok"})
    found = found_in(talk)
    assert [(write.role, write.text) for write in messages(found).values()] == [
        ("system", "Model changed"),
        ("system", "lint failed"),
        ("system", "Use uv"),
    ]
    assert list(reasons(found).values()) == [
        "hook that said nothing",
        "attachment: skill_listing",
        "large attachment: nested_memory",
        "hook that succeeded",
    ]


def test_it_puts_no_words_of_people_into_reasons() -> None:
    """An unknown type is named only when it can be nothing but a name."""
    lines = b'{"type":"brand-new"}\n{"type":"Dear diary, I"}\n{"kind":"x"}\n[1]\n{"type":\nnull\n'
    assert list(reasons(feed(FORMAT, lines, PATH)).values()) == [
        "unknown record type: brand-new",
        "unknown record type",
        "record without a type",
        "not a JSON object",
        "not valid JSON",
        "not a JSON object",
    ]


def test_it_leaves_out_a_record_without_its_message_alone() -> None:
    """Rows that cannot be what they say hide no other row."""
    talk = Conversation()
    talk.add("user", message="Fix it")
    talk.add("assistant", message={"id": "m", "content": None})
    talk.user("   ")
    talk.user("Fix it")
    found = found_in(talk)
    assert [write.text for write in messages(found).values()] == ["Fix it"]
    assert set(reasons(found).values()) == {"record without its message", "empty message"}


def test_it_lets_no_time_run_backwards() -> None:
    """A row that claims to be older stands at the time before it, and keeps the time that it told."""
    talk = Conversation()
    talk.user("One", timestamp="2026-03-01T10:00:09.000Z")
    talk.user("Two", timestamp="2026-03-01T10:00:01.000Z")
    one, two = writes(talk)
    assert one.created_at == two.created_at
    assert two.attrs is not None
    assert two.attrs["timestamp"] == "2026-03-01T10:00:01.000Z"


def test_it_tells_of_a_row_what_differs_from_its_session() -> None:
    """Another folder, another branch, another session that a row was copied from."""
    talk = Conversation()
    talk.user("One")
    talk.user("Two", cwd="/src/lib", gitBranch="fix", sessionId=OTHER)
    one, two = writes(talk)
    assert one.attrs is None
    assert two.attrs == {"parentUuid": "u1", "cwd": "/src/lib", "gitBranch": "fix", "sessionId": OTHER}


def test_it_knows_a_row_without_an_id_by_its_content() -> None:
    """Reading again finds the same ids, also of rows that have none."""
    line = msgspec.json.encode({"type": "user", "message": {"role": "user", "content": "Hello"}})
    [(session, id)] = messages(feed(FORMAT, line + b"\n", PATH))
    assert session == SESSION
    assert id.startswith("line-")
    assert [(session, id)] == list(messages(feed(FORMAT, line + b"\n\n", PATH)))


def test_it_tells_rows_apart_that_say_the_same_without_id_and_time() -> None:
    """A word said twice is two messages; with a time, the same record twice is one."""
    record = {"type": "user", "message": {"role": "user", "content": "yes"}}
    line = msgspec.json.encode(record) + b"\n"
    found = feed(FORMAT, line + line, PATH)
    assert [write.text for write in messages(found).values()] == ["yes", "yes"]
    assert messages(feed_in_halves(FORMAT, line + line, len(line), PATH)) == messages(found)
    timed = msgspec.json.encode(record | {"timestamp": "2026-03-01T10:00:00Z"}) + b"\n"
    assert len(messages(feed(FORMAT, timed + timed, PATH))) == 1


def test_it_bounds_what_waits() -> None:
    """However many rows follow an answer that never ends, only some of them wait behind it."""
    talk = Conversation()
    talk.assistant(text("Open"))
    parser, waiting = FORMAT.open(Place(PATH)), 0
    list(parser.feed(lines_of(talk.data)[0]))
    for number in range(500):
        row = {"type": "user", "uuid": f"r{number}", "message": {"content": [result(f"toolu_{number}")]}}
        line = Line(1_000 * (number + 1), msgspec.json.encode(row))
        waiting += 1 - sum(isinstance(item, FoundMessage) for item in parser.feed(line))
    assert waiting <= 64
    assert len(msgspec.json.encode(parser.resume(10**6).state)) < 10_000


def test_it_keeps_an_answer_of_a_long_plain_text_together() -> None:
    """However long the text, the next row of the answer is its next row: only blocks are counted."""
    talk = Conversation()
    said = {"id": "msg_1", "role": "assistant", "content": "Look. " * 400}
    talk.add("assistant", requestId="req_1", message=said)
    talk.add("assistant", requestId="req_1", message=said | {"content": [call("toolu_1")]})
    [told] = writes(talk)
    assert [part.type for part in told.parts or ()] == ["text", "tool-call"]
