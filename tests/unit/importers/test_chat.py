"""OpenAI-style chats in JSON and JSON Lines."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from feeding import (
    feed,
    feed_document,
    feed_in_halves,
    lines_of,
    messages,
    reasons,
    sessions,
    unaccounted,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from service.importers.chat import FORMAT
from service.importers.chat.conversations import EMPTY, NO_MESSAGE, ONLY_INSTRUCTIONS
from service.importers.model import FoundMessage
from service.model.message import MessageWrite

PATH = "/home/dev/sets/chats.jsonl"
CALLS = rb"""{"messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":"List it","name":"kim"},
{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"ls","arguments":"{\"n\": 1.0,  \"p\":\"\\u00e9\"}"}}]},
{"role":"tool","tool_call_id":"c1","content":"a.py"},
{"role":"assistant","content":"One file.","usage":{"prompt_tokens":90,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":50}}}],
"model":"gpt-5","tools":[{"type":"function"}],"metadata":{"split":"train"}}""".replace(b"\n", b"")
SHARED_FORM = rb"""{"id":"a-long-conversation-id","system":"S","conversations":[{"from":"human","value":"q"},
{"from":"function_call","value":"{\"name\":\"add\",\"arguments\":{\"b\":1.00,\"a\":2}}"},
{"from":"observation","value":"3"},{"from":"gpt","value":"It is 3."}]}""".replace(b"\n", b"")
OWN = b"""{"role":"system","content":"You are a pirate."}
{"role":"user","content":"hello","id":"m1","created_at":1750000000}
{"role":"assistant","content":[{"type":"text","text":"Ahoy"},{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}],"timestamp":"2025-06-15T15:06:41Z"}
{"role":"assistant","content":null,"function_call":{"name":"sail","arguments":"{}"}}
{"role":"function","name":"sail","content":"sailed"}
"""
FILE = CALLS + b"\n" + SHARED_FORM + b"\n" + OWN


def told(data: bytes, path: str = PATH) -> list[MessageWrite]:
    return list(messages(feed(FORMAT, data + b"\n", path)).values())


def parts(write: MessageWrite) -> list[tuple[str, Any]]:
    return [(part.type, json.loads(part.content)) for part in write.parts or ()]


def test_it_makes_a_session_of_each_conversation_and_one_of_the_files_own_messages() -> None:
    """Lines that hold conversations and lines that hold messages may stand in one file."""
    found = feed(FORMAT, FILE, PATH)
    assert len(sessions(found)) == 3
    assert {session.kind for session in sessions(found).values()} == {"conversation"}
    assert not reasons(found)
    assert not unaccounted(found, lines_of(FILE))


def test_it_keeps_arguments_byte_for_byte() -> None:
    """A call's arguments are the string that they were; of a ShareGPT call the object, as it was spelled."""
    call = next(write for write in told(CALLS) if write.parts)
    assert parts(call) == [
        ("tool-call", {"toolCallId": "c1", "toolName": "ls", "args": '{"n": 1.0,  "p":"\\u00e9"}'})
    ]
    older = next(part for write in told(SHARED_FORM) for part in write.parts or ())
    assert older.content == b'{"toolName":"add","args":{"b":1.00,"a":2}}'


def test_it_knows_the_roles_of_both_forms() -> None:
    """A developer instructs, a function answers as a tool."""
    assert [write.role for write in told(CALLS)] == ["system", "user", "assistant", "tool", "assistant"]
    assert [write.role for write in told(SHARED_FORM)] == ["system", "user", "assistant", "tool", "assistant"]
    assert [write.role for write in told(OWN)] == ["system", "user", "assistant", "assistant", "tool"]


def talk(*texts: str) -> bytes:
    roles = ["user", "assistant"] * len(texts)
    said = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return json.dumps({"messages": said}).encode() + b"\n"


def test_it_goes_on_with_a_conversation_whose_line_was_written_longer() -> None:
    """A line without an id that is written anew, or again below with more, is the same session and messages."""
    before = messages(feed(FORMAT, talk("q", "a", "q2"), PATH))
    after = messages(feed(FORMAT, talk("q", "a", "q2", "a2"), PATH))
    assert before.items() < after.items()
    assert messages(feed(FORMAT, talk("q", "a", "q2") + talk("q", "a", "q2", "a2"), PATH)) == after
    assert messages(feed(FORMAT, talk("q", "a") * 3, PATH)) == messages(feed(FORMAT, talk("q", "a"), PATH))


def test_it_tells_conversations_apart_that_only_begin_alike() -> None:
    """A set may ask the same many times and hear the same first answer."""
    data = talk("q", "a", "x") + talk("q", "a", "y") + talk("q", "a", "z", "w")
    found = feed(FORMAT, data, PATH)
    assert [len(list(group)) for group in by_session(found)] == [3, 3, 4]
    assert messages(feed_in_halves(FORMAT, data, len(talk("q", "a", "x")), PATH)) == messages(found)


def by_session(found: list[Any]) -> list[list[MessageWrite]]:
    told = messages(found).values()
    names = dict.fromkeys(write.session_external_id for write in told)
    return [[write for write in told if write.session_external_id == name] for name in names]


def test_it_reads_content_of_several_blocks() -> None:
    """Text blocks are the text; with anything else beside them all blocks are parts."""
    write = told(OWN)[2]
    assert write.text == "Ahoy"
    assert [kind for kind, _ in parts(write)] == ["text", "image"]


def test_it_counts_tokens_apart() -> None:
    """Cached tokens are inside the input count of such an object, and outside ours."""
    found = feed(FORMAT, CALLS + b"\n", PATH)
    answer = list(messages(found).values())[-1]
    assert (answer.prompt_tokens, answer.cache_read_tokens, answer.completion_tokens) == (40, 50, 4)
    assert (answer.model, answer.attrs and answer.attrs["usage"]["completion_tokens"]) == ("gpt-5", 4)
    session = next(iter(sessions(found).values()))
    assert (session.prompt_tokens, session.cache_read_tokens, session.completion_tokens) == (40, 50, 4)
    assert session.attrs == {"metadata": {"split": "train"}, "toolsOffered": 1}


def test_it_keeps_a_sessions_order_through_times_that_go_back() -> None:
    """A time that goes back is moved, and the told one kept."""
    data = (
        b'{"role":"user","content":"a","timestamp":"2025-06-15T15:06:41Z"}\n'
        b'{"role":"user","content":"b","timestamp":"2025-06-14T15:06:41Z"}\n'
    )
    first, second = told(data)
    assert first.created_at == second.created_at
    assert second.attrs == {"timestamp": "2025-06-14T15:06:41+00:00"}


def test_it_uses_an_id_once() -> None:
    """Some writers put the conversation's id on each message: nothing is written over by that."""
    data = b"".join(b'{"role":"user","content":"%d","id":"same"}\n' % number for number in range(3))
    assert [write.text for write in told(data)] == ["0", "1", "2"]
    assert [write.external_id == "same" for write in told(data)] == [True, False, False]


def test_it_names_conversations_by_what_they_say() -> None:
    """The same line in a copy of the file is the same session; in another file it may go on otherwise."""
    other = CALLS.replace(b"One file.", b"Two files.")
    named = {
        path: next(iter(sessions(feed(FORMAT, CALLS + b"\n", path))))
        for path in (PATH, "/elsewhere/chats.jsonl")
    }
    assert len(set(named.values())) == 1
    assert next(iter(sessions(feed(FORMAT, other + b"\n", "/home/dev/sets/x.jsonl")))) != named[PATH]


def test_it_tells_short_ids_of_two_sets_apart() -> None:
    """Sets number their conversations: a number says nothing outside of its file."""
    lines = [b'{"id":"7","messages":[{"role":"user","content":"%s"}]}\n' % text for text in (b"a", b"b")]
    assert len({name for line in lines for name in sessions(feed(FORMAT, line, PATH))}) == 2


def test_it_knows_a_document_again_that_has_grown() -> None:
    """A conversation in a document keeps its session and its messages when it goes on."""
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    before = feed_document(FORMAT, json.dumps({"messages": talk}).encode())
    after = feed_document(
        FORMAT, json.dumps({"messages": [*talk, {"role": "user", "content": "c"}]}).encode()
    )
    assert messages(before).items() <= messages(after).items()


def test_it_reads_a_document_of_messages_and_one_of_conversations() -> None:
    """A list is one conversation, or many; two that begin alike stay two."""
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert len(sessions(feed_document(FORMAT, json.dumps(talk).encode()))) == 1
    many = feed_document(FORMAT, json.dumps([{"messages": talk}, {"messages": talk}]).encode())
    assert len(sessions(many)) == 2
    assert len(messages(many)) == 4


def test_it_leaves_out_what_is_no_chat_and_says_so() -> None:
    """Each reason is one of a few."""
    data = b'{"prompt":"x"}\nnope\n[]\n{"messages":[]}\n{"role":"system","content":"only this"}\n'
    assert list(reasons(feed(FORMAT, data, PATH)).values()) == [
        NO_MESSAGE,
        "not valid JSON",
        NO_MESSAGE,
        EMPTY,
        ONLY_INSTRUCTIONS,
    ]


def test_it_says_how_many_items_of_a_conversation_are_no_messages() -> None:
    """They are not lost without a word."""
    data = b'{"messages":[{"role":"user","content":"a"},17,{"content":"no role"}]}\n'
    assert next(iter(sessions(feed(FORMAT, data)).values())).attrs == {"unread": 2}


@given(cut=st.integers(0, len(FILE)))
def test_it_reads_on_as_if_it_had_never_stopped(cut: int) -> None:
    """Read to any byte and then on: the same messages and sessions, and each prefix agrees."""
    whole = feed(FORMAT, FILE, PATH)
    halves = feed_in_halves(FORMAT, FILE, cut, PATH)
    assert messages(halves) == messages(whole)
    assert sessions(halves) == sessions(whole)
    assert messages(feed(FORMAT, FILE[:cut], PATH)).items() <= messages(whole).items()


MESSAGES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "from",
                    "content",
                    "value",
                    "text",
                    "type",
                    "id",
                    "messages",
                    "conversations",
                    "tool_calls",
                    "function_call",
                    "usage",
                    "model",
                    "function",
                    "name",
                    "arguments",
                    "created_at",
                    "system",
                    "tools",
                    "metadata",
                    "parts",
                ]
            ),
            inner | st.sampled_from(["user", "assistant", "tool", "function_call", "text", "tool_result"]),
            max_size=6,
        )
    ),
    max_leaves=25,
)


@settings(deadline=None)
@given(values=st.lists(MESSAGES, max_size=6), cut=st.integers(0, 600))
def test_it_reads_any_json_and_accounts_for_each_line(values: list[Any], cut: int) -> None:
    """Nothing makes it raise, and reading in halves gives the same messages."""
    data = b"".join(json.dumps(value).encode() + b"\n" for value in values)
    whole = feed(FORMAT, data, PATH)
    assert not unaccounted(whole, lines_of(data))
    assert messages(feed_in_halves(FORMAT, data, cut, PATH)) == messages(whole)
    for item in whole:
        if isinstance(item, FoundMessage):
            msgspec.json.encode(item.write.attrs)


@given(at=st.integers(0, 7), rubbish=st.binary(max_size=30).filter(lambda line: b"{" not in line))
def test_it_loses_no_other_message_to_a_line_of_rubbish(at: int, rubbish: bytes) -> None:
    """A broken line hurts no other."""
    lines = FILE.splitlines()
    lines.insert(at, rubbish.replace(b"\n", b" "))
    assert messages(feed(FORMAT, b"\n".join(lines) + b"\n", PATH)) == messages(feed(FORMAT, FILE, PATH))


@given(cut=st.integers(0, len(CALLS)), byte=st.binary(min_size=1, max_size=1))
def test_it_reads_a_document_that_is_cut_or_spoilt(cut: int, byte: bytes) -> None:
    """A document is read whole or left out with a reason; it never raises."""
    for data in (CALLS[:cut] or b"{", CALLS[:cut] + byte + CALLS[cut + 1 :]):
        assert feed_document(FORMAT, data)
