"""OpenCode's rows: messages with their parts, tokens and money; what is injected; what is left out."""

from __future__ import annotations

from decimal import Decimal

import pytest
from feeding import lines_of, messages, reasons, sessions, unaccounted
from opencode_rows import T0, contents, found_in, message, part, row, session, talk, tool, written

from service.importers.model import FoundMessage


def test_it_makes_one_message_of_a_row_and_its_parts() -> None:
    """Text is joined, parts keep their order, tool calls and results stand in the answer that makes them."""
    found = written(talk())
    assert list(found) == ["msg_1", "msg_2", "msg_3"]
    assert (found["msg_1"].role, found["msg_1"].text, found["msg_1"].parts) == (
        "user", "Limit requests per key.", None,
    )  # fmt: skip
    answer = found["msg_2"]
    assert answer.text == "I look first.\n\nDone."
    assert [kind for kind, _ in contents(answer)] == [
        "reasoning", "text", "tool-call", "tool-result", "text", "file",
    ]  # fmt: skip
    call, result = contents(answer)[2:4]
    assert call[1] == {"toolCallId": "call_prt_5", "toolName": "bash", "args": {"command": "ls"}}
    assert result[1]["result"] == "app.py\n"
    assert result[1]["isError"] is False
    assert (answer.model, answer.duration_ms, answer.attrs) == (
        "sonnet",
        4000,
        {
            "parentId": "msg_1",
            "finish": "stop",
            "usage": {"input": 10, "output": 20, "reasoning": 0, "cache": {"read": 300, "write": 40}},
        },
    )


def test_it_says_what_is_known_of_the_session() -> None:
    """Ids are OpenCode's own, as its plugin sends them; sums are of the messages; the model is the last one's."""
    known = sessions(found_in(talk()))["ses_1"]
    assert (known.title, known.project_path, known.project_name) == (
        "Rate limiter", "/home/dev/gateway", "gateway",
    )  # fmt: skip
    assert (known.model, known.provider, known.source) == ("sonnet", "anthropic", "opencode")
    assert (known.prompt_tokens, known.completion_tokens) == (10, 20)
    assert (known.cache_read_tokens, known.cache_write_tokens, known.cost_usd) == (300, 40, Decimal("0.0125"))
    assert known.created_at is not None
    assert known.created_at.timestamp() * 1000 == T0
    assert known.attrs == {"slug": "calm-otter", "version": "1.2.10", "projectId": "prj_1", "additions": 12}


def test_it_accounts_for_every_row() -> None:
    """A row is in a message, in the session, or left out: of this talk the beginning of a step alone is."""
    found = found_in(talk())
    assert unaccounted(found, lines_of(talk())) == []
    assert set(reasons(found).values()) == {"the beginning of a step"}


def test_it_gives_the_ids_of_calls_as_records() -> None:
    """What another copy of a message is known by: the tool calls in it."""
    records = [item.records for item in found_in(talk()) if isinstance(item, FoundMessage)]
    assert records == [(), ("call_prt_5",), ()]


def test_it_keeps_arguments_and_results_to_the_byte() -> None:
    """Numbers keep their spelling, keys their order, a string its escapes."""
    args = r'{"z":1.0,"a":1e2,"path":"C:\\x","n":12345678901234567890}'
    state = f'{{"status":"completed","input":{args},"output":"\\u001b[0m\\ttab"}}'
    data = f'{{"type":"tool","callID":"c1","tool":"edit","state":{state}}}'
    text = session() + message("msg_1") + row("part", id="prt_1", message_id="msg_1", data=data)
    call, result = (part.content.decode() for part in written(text)["msg_1"].parts or ())
    assert f'"args":{args}' in call
    assert r'"result":"\u001b[0m\ttab"' in result


def test_it_tells_a_failed_tool() -> None:
    """The error is the result; what the command printed before stands behind it."""
    failed = tool("msg_1", "prt_1", status="error", input={}, error="Tool execution aborted",
                  metadata={"output": "half of it", "interrupted": True})  # fmt: skip
    (_, result) = contents(written(session() + message("msg_1", role="assistant") + failed)["msg_1"])
    assert result[1]["isError"] is True
    assert (result[1]["result"], result[1]["output"]) == ("Tool execution aborted", "half of it")


def test_it_keeps_a_call_without_an_answer() -> None:
    """A tool that still runs is a call with its status; no result is made up."""
    running = tool("msg_1", "prt_1", status="running", input={"command": "make"})
    pending = tool("msg_1", "prt_2", status="pending", input={}, raw='{"comm')
    found = contents(written(session() + message("msg_1", role="assistant") + running + pending)["msg_1"])
    assert [kind for kind, _ in found] == ["tool-call", "tool-call"]
    assert (found[0][1]["status"], found[1][1]["args"]) == ("running", '{"comm')


def test_it_keeps_files_and_pictures() -> None:
    """Files of a question and attachments of a result are parts with their name and type."""
    picture = {"type": "file", "mime": "image/png", "filename": "a.png", "url": "data:image/png;base64,AA=="}
    data = session() + message("msg_1") + part("msg_1", "prt_1", **picture)
    data += tool("msg_1", "prt_2", status="completed", input={}, output="", attachments=[picture])
    kinds = [kind for kind, _ in contents(written(data)["msg_1"])]
    assert kinds == ["image", "tool-call", "tool-result", "image"]


def test_it_tells_injected_text_from_people_s_words() -> None:
    """What OpenCode put into a question is a message of its own behind it, with the role `system`."""
    data = (
        session()
        + message("msg_1")
        + part("msg_1", "prt_1", type="text", text="Read the notes.")
        + part("msg_1", "prt_2", type="text", text="Called the Read tool", synthetic=True)
        + message("msg_2", 2000)
        + part("msg_2", "prt_3", type="text", text="<reminder>", synthetic=True)
    )
    found = found_in(data)
    told = {id: (write.role, write.text) for (_, id), write in messages(found).items()}
    assert told == {
        "msg_1": ("user", "Read the notes."),
        "msg_1:context": ("system", "Called the Read tool"),
        "msg_2": ("system", "<reminder>"),
    }
    assert unaccounted(found, lines_of(data)) == []


def test_it_tells_where_the_talk_was_compacted() -> None:
    """The row that asks for a summary is no one's words; the summary is an answer that says that it is one."""
    data = session() + message("msg_1") + part("msg_1", "prt_1", type="compaction", auto=True)
    data += message("msg_2", 2000, role="assistant", summary=True, mode="compaction")
    data += part("msg_2", "prt_2", type="text", text="They limit requests.")
    asked, summary = written(data).values()
    assert (asked.role, asked.text, asked.attrs) == ("system", None, {"compaction": True})
    assert (summary.role, summary.attrs) == ("assistant", {"mode": "compaction", "summary": True})


@pytest.mark.parametrize(
    ("tokens", "completion"),
    [
        ({"input": 5, "output": 7, "reasoning": 2}, 7),
        ({"total": 14, "input": 5, "output": 7, "reasoning": 2}, 9),
        ({"total": 12, "input": 5, "output": 7, "reasoning": 2}, 7),
        ({"input": 5, "output": 1, "reasoning": 2}, 3),
    ],
)
def test_it_counts_reasoning_once(tokens: dict[str, int], completion: int) -> None:
    """Reasoning is part of what was written; whether `output` has it already, the total says."""
    data = session() + message("msg_1", role="assistant", tokens=tokens)
    assert written(data)["msg_1"].completion_tokens == completion


def test_it_adds_up_the_steps_of_a_message() -> None:
    """A message's own tokens are those of its last step; several steps are summed."""
    tokens = {"input": 5, "output": 7, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    data = session() + message("msg_1", role="assistant", tokens=tokens)
    data += b"".join(part("msg_1", f"prt_{n}", type="step-finish", tokens=tokens) for n in range(3))
    found = written(data)["msg_1"]
    assert (found.prompt_tokens, found.completion_tokens, found.cache_read_tokens) == (15, 21, None)


def test_it_takes_nothing_for_unknown() -> None:
    """Zero tokens and a cost of zero are unknown: OpenCode writes them where it knows no price."""
    data = session() + message("msg_1", role="assistant", cost=0, tokens={"input": 0, "output": 0})
    data += part("msg_1", "prt_1", type="text", text="Hello")
    found = written(data)["msg_1"]
    assert (found.prompt_tokens, found.completion_tokens, found.cost_usd) == (None, None, None)


def test_it_tells_an_error() -> None:
    """An answer that failed without a word says why, and has its name in attrs."""
    error = {"name": "ProviderAuthError", "data": {"message": "no key for this provider"}}
    found = written(session() + message("msg_1", role="assistant", error=error))["msg_1"]
    assert found.text == "no key for this provider"
    assert found.attrs == {"error": {"name": "ProviderAuthError", "message": "no key for this provider"}}


def test_it_knows_a_sub_agent_by_its_parent() -> None:
    """A child session names its parent; a message elsewhere than the session says where."""
    data = session(parent_id="ses_0") + message("msg_1", role="assistant", path={"cwd": "/tmp/elsewhere"})
    data += part("msg_1", "prt_1", type="text", text="Hello")
    found = found_in(data)
    assert sessions(found)["ses_1"].parent_external_id == "ses_0"
    assert (messages(found)["ses_1", "msg_1"].attrs or {})["cwd"] == "/tmp/elsewhere"


def test_it_keeps_the_order_where_clocks_do_not() -> None:
    """A message that claims to be older than the one before it stands at that one's time."""
    data = session() + message("msg_1", 5000) + part("msg_1", "p1", type="text", text="a")
    data += message("msg_2", 1000) + part("msg_2", "p2", type="text", text="b")
    first, second = written(data).values()
    assert first.created_at == second.created_at
    assert "timestamp" in (second.attrs or {})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{half\n", "not valid JSON"),
        (b"[1]\n", "not a JSON object"),
        (b'{"a": 1}\n', "not a row of a database"),
        (row("todo", content="x"), "unknown table: todo"),
        (row("Private words!", content="x"), "unknown table"),
        (row("message", session_id="ses_1", data="{}"), "a message without an id"),
        (row("message", id="msg_9", data=None), "a row without a value"),
        (row("message", id="msg_9", data="{half"), "not valid JSON"),
        (row("message", id="msg_9", data='{"role": "user"}'), "a message without content"),
        (part("msg_0", "prt_0", type="text", text="whose?"), "a part without its message"),
        (row("session_message", id="m", type="hologram", data="{}"), "unknown record type: hologram"),
    ],
)
def test_it_leaves_out_what_it_cannot_read(line: bytes, reason: str) -> None:
    """With a reason of a few words, which quotes nothing; every other row stays."""
    found = found_in(talk() + line)
    assert reasons(found)[len(talk())] == reason
    assert len(messages(found)) == 3


def test_it_keeps_the_parts_of_a_message_that_is_torn() -> None:
    """Where the message's own row cannot be read, its parts are a message of an unknown role."""
    data = session() + row("message", id="msg_1", session_id="ses_1", data="{torn")
    data += part("msg_1", "prt_1", type="text", text="Still here")
    found = written(data)["msg_1"]
    assert (found.role, found.text) == ("unknown", "Still here")
