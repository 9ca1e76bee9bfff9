"""Nothing that a parser finds is refused by the service, whatever stands in a transcript's strings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest
import test_aider
import test_backscroll
import test_chat
import test_copilot
import test_cursor
import test_droid
import test_gemini
import test_pi
import test_specstory
from claude_records import PATH as CLAUDE_PATH
from claude_records import Conversation, call, text, thinking
from codex_records import PATH as CODEX_PATH
from codex_records import answered, asked, event, meta, output, rollout, tokens, turn
from codex_records import call as codex_call
from feeding import feed, feed_document
from opencode_rows import PATH as OPENCODE_PATH
from opencode_rows import talk as opencode_talk

from service.api.importing.lines import read
from service.collect.outgoing import message_line, session_line
from service.importers import bounded
from service.importers.formats import FORMATS
from service.importers.model import Found, FoundMessage, FoundSession, LeftOut
from service.model import bounds
from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite

LENGTHS = (500, 600, 11_000)
"""An id that is too long only together with another; a name that is; a path that is."""


class Fixture(NamedTuple):
    format: str
    path: str
    data: bytes
    document: bool = False


def _claude() -> bytes:
    talk = Conversation()
    talk.user("Fix it")
    talk.assistant(
        thinking("Hm"), text("I look."), call("toolu_1", name="Task", prompt="Look", description="See")
    )
    talk.user("Look", isSidechain=True, parentUuid=None)
    talk.assistant(text("I see."), id="msg_2", isSidechain=True, agentId="a1")
    talk.agent("a2", {"type": "user", "uuid": "n1", "message": {"content": "Look"}})
    talk.answer_to("toolu_1", toolUseResult={"agentId": "a2", "status": "completed"})
    talk.add("custom-title", customTitle="Mending")
    talk.add("system", subtype="local_command", content="<command-name>/model</command-name>")
    return talk.data


def _codex() -> bytes:
    spawned = {"subagent": {"thread_spawn": {"parent_thread_id": "019ed000-0000-7000-a000-000000000009"}}}
    return rollout(
        meta(source=spawned, git={"branch": "main"}), turn(), *asked("Fix it"), codex_call("call_1"), output("call_1"),
        *answered("Done."), tokens(9, 9), event("thread_name_updated", thread_name="Mending"),
    )  # fmt: skip


FIXTURES = [
    Fixture("claude-code", CLAUDE_PATH, _claude()),
    Fixture("codex", CODEX_PATH, _codex()),
    Fixture("opencode", OPENCODE_PATH, opencode_talk()),
    Fixture("gemini", test_gemini.PATH, test_gemini.LOG),
    Fixture("gemini", test_gemini.DOCUMENT_PATH, test_gemini.DOCUMENT, document=True),
    Fixture("aider", test_aider.PATH, test_aider.HISTORY),
    Fixture("pi", test_pi.PATH, test_pi.LOG),
    Fixture("droid", test_droid.PATH, test_droid.LOG),
    Fixture("copilot", test_copilot.PATH, test_copilot.LOG),
    Fixture("copilot", test_copilot.DOCUMENT_PATH, test_copilot.DOCUMENT, document=True),
    Fixture("cursor", test_cursor.PATH, test_cursor.talk()),
    Fixture("cursor", test_cursor.PATH, test_cursor.chat()),
    Fixture("backscroll", "export.jsonl", test_backscroll.DATA),
    Fixture("chat", test_chat.PATH, test_chat.FILE),
    Fixture("specstory", test_specstory.PATH, test_specstory.CURRENT.encode(), document=True),
    Fixture("specstory", test_specstory.PATH, test_specstory.CURSOR.encode(), document=True),
]


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: f"{fixture.format}-{fixture.path[-12:]}")
def test_it_finds_nothing_that_the_service_refuses(fixture: Fixture) -> None:
    """A string of any length in place of any of a transcript's strings, at once wherever it stands: every session and
    every message that is found is taken."""
    assert read(_wire(fixture, fixture.data), limit_bytes=1).messages
    for spoilt in _spoilt(fixture.data):
        assert read(_wire(fixture, spoilt), limit_bytes=1).errors == []


def test_it_tries_every_format() -> None:
    """A new format needs a transcript above."""
    assert {fixture.format for fixture in FIXTURES} == set(FORMATS)


def test_it_leaves_what_is_within_the_bounds_as_it_is() -> None:
    """The same object, and so nothing is lost."""
    for item in _found(FIXTURES[1], _codex()):
        assert bounded.found(item) is item


def test_it_gives_an_id_that_is_too_long_the_same_digest_everywhere() -> None:
    """A session, its messages, its sub-agents and its lines still belong together; two ids stay two."""
    long = "s" * 600
    write = MessageWrite(session_external_id=long, external_id="m", role="user")
    items: list[Any] = [
        bounded.found(item)
        for item in (
            FoundSession(SessionWrite(external_id=long)),
            FoundSession(SessionWrite(external_id="a", parent_external_id=long)),
            FoundMessage(write, records=("r" * 600, " ", "r"), lines=(0,)),
            LeftOut(0, "why", long),
        )
    ]
    session, child, message, left_out = items
    ids = {session.write.external_id, child.write.parent_external_id, message.write.session_external_id}
    assert ids == {left_out.session_external_id} == {bounded.identifier(long)}
    assert message.records == ("r",)
    assert bounded.identifier("t" * 600) not in ids


def test_it_keeps_what_a_message_has_too_many_of() -> None:
    """Of the parts the last holds all that are beyond the most; numbers and ids are cut to what can be kept."""
    parts = tuple(Part("text", b'"%d"' % number) for number in range(bounds.MAX_PARTS + 5))
    write = MessageWrite(
        session_external_id="s", external_id="m", role="user", parts=parts, prompt_tokens=10**16, cost_usd=Decimal(10**10)
    )  # fmt: skip
    found = bounded.found(FoundMessage(write, records=tuple(map(str, range(10_001))), lines=(0,)))
    assert isinstance(found, FoundMessage)
    told = found.write.parts or ()
    assert len(told) == bounds.MAX_PARTS
    assert [part["content"] for part in json.loads(told[-1].content)["content"]] == [
        str(number) for number in range(bounds.MAX_PARTS - 1, bounds.MAX_PARTS + 5)
    ]
    assert (found.write.prompt_tokens, found.write.cost_usd) == (bounds.MAX_COUNT, None)
    assert len(found.records) == 10_000


def _found(fixture: Fixture, data: bytes) -> list[Found]:
    form = FORMATS[fixture.format]
    feeding = feed_document if fixture.document else feed
    return feeding(form, data, fixture.path)


def _wire(fixture: Fixture, data: bytes) -> bytes:
    """The body that goes out."""
    source, lines = FORMATS[fixture.format].source, []
    for item in _found(fixture, data):
        if isinstance(item, FoundSession):
            lines.append(msgspec.json.encode(session_line(item.write, source)))
        elif isinstance(item, FoundMessage):
            lines.append(msgspec.json.encode(message_line(item, source, "00")))
    return b"\n".join(lines)


def _spoilt(data: bytes) -> Iterator[bytes]:
    """The transcript, each time with one of its strings made long wherever it stands."""
    try:
        values = [json.loads(line) for line in data.splitlines()] if data.count(b"\n") else [json.loads(data)]
    except ValueError:
        yield from _spoilt_text(data.decode())
        return
    for string in sorted(set(_strings(values))):
        for length in LENGTHS:
            told = _replaced(values, string, ("x" * length))
            yield b"\n".join(json.dumps(value).encode() for value in told) + (b"\n" if b"\n" in data else b"")


def _spoilt_text(text: str) -> Iterator[bytes]:
    for word in sorted(set(re.findall(r"[\w.:/-]{2,}", text))):
        for length in LENGTHS:
            yield text.replace(word, "x" * length).encode()


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
    elif isinstance(value, str):
        yield value
        if value.startswith("{"):  # a row's column of JSON
            yield from _strings(json.loads(value))


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(inner, old, new) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, old, new) for inner in value]
    if isinstance(value, str) and value.startswith("{") and value != old:
        return json.dumps(_replaced(json.loads(value), old, new))
    return new if value == old else value
