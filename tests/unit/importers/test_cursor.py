"""Cursor's rows: bubbles of a composer, messages of a chat, what is missing and what is left out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from feeding import feed, feed_in_halves, lines_of, messages, reasons, sessions, unaccounted
from hypothesis import given, settings
from hypothesis import strategies as st

from service.importers import rows
from service.importers.cursor import FORMAT
from service.importers.model import Found, FoundMessage
from service.model.message import MessageWrite

PATH = "/data/state.vscdb#c1"
T0 = 1_780_000_000_000
COMPOSER = {
    "_v": 16,
    "composerId": "c1",
    "name": "Retry the upload",
    "createdAt": T0,
    "lastUpdatedAt": T0 + 60_000,
    "unifiedMode": "agent",
    "status": "completed",
    "modelConfig": {"modelName": "default"},
    "fullConversationHeadersOnly": [{"bubbleId": f"b{n}", "type": 1 if n == 1 else 2} for n in range(1, 5)],
}


def value(key: str, value: Any, **more: str) -> bytes:
    text = value if value is None or isinstance(value, str) else json.dumps(value)
    return rows.encode("cursorDiskKV", {"key": key, "value": text, **more}) + b"\n"


def composer(**data: Any) -> bytes:
    return value("composerData:c1", {**COMPOSER, **data})


def bubble(id: str, type: int = 2, **data: Any) -> bytes:
    told = {
        "_v": 3,
        "bubbleId": id,
        "type": type,
        "tokenCount": {"inputTokens": 0, "outputTokens": 0},
        **data,
    }
    return value(f"bubbleId:c1:{id}", told)


def tool(id: str, **data: Any) -> bytes:
    told = {"tool": 15, "toolCallId": f"call_{id}", "name": "run_terminal_cmd", "status": "completed", **data}
    return bubble(id, text="", capabilityType=15, toolFormerData=told)


def workspace(folder: str = "file:///home/dev/my%20app") -> bytes:
    return rows.encode("workspace", {"folder": folder}) + b"\n"


def talk() -> bytes:
    """A question, a thought, a tool call, an answer, an empty bubble."""
    return b"".join(
        [
            workspace(),
            composer(),
            bubble(
                "b1", 1, text="Retry the upload.", modelInfo={"modelName": "opus-thinking"}, requestId="r1"
            ),
            bubble("b2", text="", thinking={"text": "Three times is enough.", "signature": "s"}),
            tool("b3", rawArgs='{"command": "ls", "n": 1.0}', params="{}", result='{"output":"a.py"}'),
            bubble("b4", text="Done.", createdAt="2026-06-01T10:00:00.000Z"),
            bubble("b5", text=""),
        ]
    )


def found_in(data: bytes) -> list[Found]:
    return feed(FORMAT, data, PATH)


def written(data: bytes) -> dict[str, MessageWrite]:
    return {id: write for (_, id), write in messages(found_in(data)).items()}


def contents(write: MessageWrite) -> list[tuple[str, Any]]:
    return [(part.type, json.loads(part.content)) for part in write.parts or ()]


def test_it_makes_a_message_of_each_bubble() -> None:
    """In the order of the rows; the model that a question asks for is the answers'."""
    found = written(talk())
    assert {id: (write.role, write.text, write.model) for id, write in found.items()} == {
        "b1": ("user", "Retry the upload.", None),
        "b2": ("assistant", None, "opus-thinking"),
        "b3": ("assistant", None, "opus-thinking"),
        "b4": ("assistant", "Done.", "opus-thinking"),
    }
    assert contents(found["b2"]) == [("reasoning", {"text": "Three times is enough.", "signature": "s"})]
    assert found["b1"].attrs == {"requestId": "r1"}


def test_it_keeps_a_tool_s_arguments_and_result_as_the_strings_they_are() -> None:
    """The model's own arguments, not what Cursor made of them."""
    (call, result) = contents(written(talk())["b3"])
    assert call == (
        "tool-call",
        {"toolCallId": "call_b3", "toolName": "run_terminal_cmd", "args": '{"command": "ls", "n": 1.0}'},
    )
    assert (result[1]["result"], result[1]["isError"]) == ('{"output":"a.py"}', False)
    records = [item.records for item in found_in(talk()) if isinstance(item, FoundMessage)]
    assert records == [(), (), ("call_b3",), ()]


@pytest.mark.parametrize("status", ["error", "cancelled"])
def test_it_tells_a_tool_that_failed(status: str) -> None:
    """One that broke or was called off has a result that says so, even without words."""
    (call, result) = contents(
        written(composer() + tool("b3", params='{"command":"ls"}', status=status))["b3"]
    )
    assert (call[1]["args"], call[1]["status"]) == ('{"command":"ls"}', status)
    assert (result[1]["result"], result[1]["isError"]) == ("", True)


def test_it_keeps_a_call_without_a_result() -> None:
    """A tool that runs is a call alone; one without a name goes by its number."""
    data = composer() + bubble("b3", toolFormerData={"tool": 38, "toolCallId": "c", "status": "loading"})
    assert contents(written(data)["b3"]) == [
        ("tool-call", {"toolCallId": "c", "toolName": "tool_38", "status": "loading"})
    ]


def test_it_says_what_is_known_of_the_session() -> None:
    """The composer's id, its title, its folder, what it was charged; tokens of 0 are unknown."""
    data = workspace() + composer(
        usageData={"opus": {"costInCents": 12.5, "amount": 2}, "x": {"costInCents": 5}}
    )
    known = sessions(found_in(data + bubble("b4", text="Done.")))["c1"]
    assert (known.source, known.title, known.project_path) == (
        "cursor-sync", "Retry the upload", "/home/dev/my app",
    )  # fmt: skip
    assert (known.project_name, known.cost_usd, known.prompt_tokens) == ("my app", Decimal("0.175"), None)
    assert known.attrs == {"unifiedMode": "agent", "status": "completed"}


def test_it_finds_the_folder_of_a_newer_composer() -> None:
    """Which names its workspace itself, or in its bubbles; and its parent, when it is a sub-agent."""
    uri = {"fsPath": "/srv/app", "scheme": "file"}
    data = composer(workspaceIdentifier={"id": "w", "uri": uri}, subagentInfo={"parentComposerId": "c0"})
    known = sessions(found_in(data))["c1"]
    assert (known.project_path, known.parent_external_id) == ("/srv/app", "c0")
    data = composer() + bubble("b1", 1, text="Hi", workspaceUris=["file:///srv/other"])
    assert sessions(found_in(data))["c1"].project_path == "/srv/other"


def test_it_counts_tokens_where_there_are_any() -> None:
    """Older versions tell them; they add up in the session."""
    data = composer() + bubble("b2", text="a", tokenCount={"inputTokens": 900, "outputTokens": 30})
    data += bubble("b4", text="b", tokenCount={"inputTokens": 100, "outputTokens": 0})
    found = found_in(data)
    assert (messages(found)["c1", "b2"].attrs or {})["usage"] == {"inputTokens": 900, "outputTokens": 30}
    assert messages(found)["c1", "b4"].completion_tokens is None
    assert (sessions(found)["c1"].prompt_tokens, sessions(found)["c1"].completion_tokens) == (1000, 30)


def test_it_takes_the_time_that_is_told_best() -> None:
    """A bubble's own, else its header's, else when it was sent; without any that of the one before it."""
    header = json.dumps({"bubbleId": "b3", "createdAt": "2026-06-01T10:00:02Z"})
    sent = {
        "clientStartTime": 4745281.3,
        "clientRpcSendTime": T0 + 10**10,
        "clientEndTime": T0 + 10**10 + 2500,
    }
    data = composer() + bubble("b1", 1, text="a") + bubble("b2", text="b", createdAt="2026-06-01T10:00:01Z")
    data += value("bubbleId:c1:b3", {"type": 2, "text": "c"}, header=header)
    data += bubble("b4", text="d", timingInfo=sent)
    data += bubble("b5", text="e", timingInfo={"clientRpcSendTime": 4745281.3, "clientEndTime": 4745290.0})
    times = [write.created_at for write in written(data).values()]
    seconds = [time.timestamp() for time in times if time is not None]
    began, sent_s = T0 / 1000, (T0 + 10**10) / 1000
    assert seconds == [began, 1_780_308_001, 1_780_308_002, sent_s, sent_s]
    assert (written(data)["b4"].duration_ms, written(data)["b5"].duration_ms) == (2500, None)
    assert written(data)["b5"].attrs is None


def test_it_reads_the_words_of_the_editor_s_tree() -> None:
    """A question of which the rich text alone was kept."""
    leaves = [{"type": "text", "text": "Fix "}, {"type": "mention", "text": "@app.py"}]
    tree = {"root": {"children": [{"children": leaves}, {"children": [{"text": "please"}]}]}}
    data = composer() + bubble("b1", 1, text="", richText=json.dumps(tree))
    assert written(data)["b1"].text == "Fix @app.py\nplease"


def test_it_leaves_out_what_is_missing_and_what_is_gone() -> None:
    """A bubble without a row, one that the list no longer has, one that says nothing: told by different reasons."""
    gone = rows.encode("unlisted", {"key": "bubbleId:c1:b0", "value": "{}"}) + b"\n"
    data = talk() + value("bubbleId:c1:b6", None) + gone
    found = found_in(data)
    assert list(reasons(found).values()) == [
        "a bubble without content",
        "a bubble that is missing in the database",
        "a bubble that the conversation no longer has",
    ]
    assert unaccounted(found, lines_of(data)) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{half\n", "not valid JSON"),
        (rows.encode("ItemTable", {}) + b"\n", "unknown table: ItemTable"),
        (value("checkpointId:c1:x", {}), "unknown key"),
        (value("bubbleId:c1:b9", "{half"), "not valid JSON"),
        (value("bubbleId:c1:b9", {"type": 3, "text": "x"}), "a bubble of neither user nor assistant"),
    ],
)
def test_it_leaves_out_what_it_cannot_read(line: bytes, reason: str) -> None:
    """With a reason of a few words; every other row stays."""
    found = found_in(talk() + line)
    assert reasons(found)[len(talk())] == reason
    assert len(messages(found)) == 4


def chat() -> bytes:
    """A chat of the command line: what Cursor says, a question, an answer with a tool, its result, thanks twice."""
    meta = {"agentId": "a1", "name": "Tidy up", "createdAt": T0, "lastUsedModel": "opus", "mode": "auto-run"}
    options = {"cursor": {"modelName": "opus-thinking"}}
    said: list[tuple[str, Any]] = [
        ("system", "You are helpful."),
        ("user", "<user_info>\nWorkspace Path: /srv/app\n</user_info>"),
        ("user", [{"type": "text", "text": "<user_query>\nTidy up\n</user_query>"}]),
        ("assistant", [{"type": "reasoning", "text": "First look.", "providerOptions": options},
                       {"type": "tool-call", "toolCallId": "t1", "toolName": "Read", "args": {"path": "a"}}]),
        ("tool", [{"type": "tool-result", "toolCallId": "t1", "toolName": "Read", "result": "words"}]),
        ("user", "Thanks"),
        ("user", "Thanks"),
    ]  # fmt: skip
    blobs = [
        rows.encode(
            "blobs", {"id": "h5" if n == 6 else f"h{n}", "data": json.dumps({"role": r, "content": c})}
        )
        for n, (r, c) in enumerate(said)
    ]
    first = rows.encode("meta", {"key": "0", "value": json.dumps(meta).encode().hex()})
    return b"\n".join([first, *blobs, b""])


def test_it_reads_a_chat_of_the_command_line() -> None:
    """Roles, tools and the model; a question is what was typed, and what is said twice is there twice."""
    found = feed(FORMAT, chat(), "/chats/w/a1/store.db#a1")
    told = {id: (write.role, write.text) for (_, id), write in messages(found).items()}
    assert told == {
        "h0": ("system", "You are helpful."),
        "h1": ("system", "<user_info>\nWorkspace Path: /srv/app\n</user_info>"),
        "h2": ("user", "Tidy up"),
        "h3": ("assistant", None),
        "h4": ("tool", None),
        "h5": ("user", "Thanks"),
        "h5:2": ("user", "Thanks"),
    }
    answer = messages(found)["a1", "h3"]
    assert [kind for kind, _ in contents(answer)] == ["reasoning", "tool-call"]
    known = sessions(found)["a1"]
    assert (known.title, known.project_path, known.model) == ("Tidy up", "/srv/app", "opus-thinking")
    assert unaccounted(found, lines_of(chat())) == []


RUBBISH = st.one_of(
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"?")),
    st.sampled_from([b'{"table":"blobs"}', b'{"table":"cursorDiskKV","row":{"key":5}}', b"null", b"{}"]),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    ).map(lambda found: value("bubbleId:c1:b9", json.dumps(found)).rstrip(b"\n")),
)
TALKS = st.sampled_from([talk(), chat()])


@settings(max_examples=150, deadline=None)
@given(TALKS, st.data())
def test_it_survives_rubbish_between_any_rows(text: bytes, data: st.DataObject) -> None:
    """A line of rubbish anywhere takes no other line's message with it, and every line is accounted for."""
    whole = text.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(whole)))
    torn = b"".join([*whole[:at], data.draw(RUBBISH) + b"\n", *whole[at:]])
    found = found_in(torn)
    assert {id: write.text for (_, id), write in messages(found).items()} == {
        id: write.text for id, write in written(text).items()
    }
    assert unaccounted(found, lines_of(torn)) == []


@settings(max_examples=150, deadline=None)
@given(TALKS, st.data())
def test_it_finds_the_same_in_two_halves(text: bytes, data: st.DataObject) -> None:
    """Cut at any byte and read on later: the last write of each message and of the session is the same."""
    cut = data.draw(st.integers(0, len(text)))
    whole, halves = found_in(text), feed_in_halves(FORMAT, text, cut, PATH)
    assert messages(halves) == messages(whole)
    assert sessions(halves) == sessions(whole)


@settings(max_examples=150, deadline=None)
@given(TALKS, st.data())
def test_it_survives_any_byte(text: bytes, data: st.DataObject) -> None:
    """One wrong byte in any row raises nothing, and leaves the messages of all other rows."""
    torn = bytearray(text)
    at = data.draw(st.integers(0, len(text) - 1))
    if torn[at] != 10:
        torn[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != 10))
    found = found_in(bytes(torn))
    assert unaccounted(found, lines_of(bytes(torn))) == []
    assert len(messages(found)) >= len(written(text)) - 1
