"""What holds of any Codex rollout, however its records are ordered, cut or spoilt."""

from __future__ import annotations

from typing import Any

import msgspec
from codex_records import (
    OLD_TURN,
    OTHER,
    OWN_TURN,
    PATH,
    answered,
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
from feeding import feed, feed_in_halves, lines_of, messages, sessions, unaccounted
from hypothesis import given, settings
from hypothesis import strategies as st

from service.importers.codex import FORMAT
from service.importers.model import FoundMessage, LeftOut, Line, Place

_TEXTS = st.sampled_from(["yes", "Fix the till", "Done.", "<environment_context>\n<cwd>/src</cwd>"])
_CALLS = st.sampled_from([call_id(1), call_id(2), "call_0", None])
_TOTALS = st.integers(0, 5)
_RECORDS = st.one_of(
    st.builds(lambda text: message("user", text), _TEXTS),
    st.builds(lambda text: message("assistant", text), _TEXTS),
    st.builds(lambda text: message("developer", text), _TEXTS),
    st.builds(lambda text: event("user_message", message=text), _TEXTS),
    st.builds(lambda text: event("agent_message", message=text), _TEXTS),
    st.builds(lambda text: event("agent_reasoning", text=text), _TEXTS),
    st.builds(
        lambda texts: item("reasoning", summary=[{"type": "summary_text", "text": text} for text in texts]),
        st.lists(_TEXTS, max_size=3),
    ),
    st.builds(lambda id: call(id), _CALLS),
    st.builds(
        lambda id, out: output(id, out), _CALLS, st.sampled_from(["ok", "Exit code: 2\n", {"success": False}])
    ),
    st.builds(
        lambda id, code: event("exec_command_end", call_id=id, exit_code=code), _CALLS, st.integers(0, 1)
    ),
    st.builds(lambda id: event("web_search_end", call_id=id, query="till"), _CALLS),
    st.just(item("web_search_call", action={"type": "search", "query": "till"})),
    st.builds(lambda total, last: tokens(total, last), _TOTALS, st.one_of(st.none(), _TOTALS)),
    st.builds(
        lambda name, id: event(name, turn_id=id), st.sampled_from(["task_started", "task_complete"]), _CALLS
    ),
    st.builds(lambda id: turn(turn_id=id), st.sampled_from([OLD_TURN, OWN_TURN, None])),
    st.sampled_from([meta(), meta(OTHER), meta(instructions="Be brief, and count the coins twice.")]),
    st.just(
        message("user", "<user_instructions>\n\nBe brief, and count the coins twice.\n</user_instructions>")
    ),
    st.sampled_from([event("error", message="no network"), event("mood"), {"type": "mood", "payload": {}}]),
    st.just({"type": "compacted", "payload": {"message": "Sold three", "replacement_history": []}}),
)
_ROLLOUTS = st.builds(
    lambda first, records, step: rollout(*first, *records, step_ms=step),
    st.sampled_from([(), (meta(),), (meta(forked_from_id=OTHER), meta(OTHER))]),
    st.lists(_RECORDS, max_size=40),
    st.sampled_from([-7, 0, 1, 700, 2000]),
)
_RUBBISH = st.one_of(
    st.binary(min_size=1, max_size=30),
    st.sampled_from(
        [b"{", b"null", b"[]", b'{"type":"event_msg"}', b'{"payload":{}}', b'{"type":5,"payload":[]}']
    ),
    st.sampled_from([b'{"type":"response_item","payload":{"type":"message","role":["user"],"content":7}}']),
)
_SHAPE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(_ROLLOUTS, st.data())
@settings(max_examples=300, deadline=None)
def test_it_finds_the_same_in_two_readings_of_any_rollout(data: bytes, draw: st.DataObject) -> None:
    """A file read to any byte, and later on from there, gives the same messages and session as read at once."""
    cut = draw.draw(st.integers(0, len(data)))
    whole, halves = feed(FORMAT, data, PATH), feed_in_halves(FORMAT, data, cut, PATH)
    assert messages(halves) == messages(whole)
    assert sessions(halves) == sessions(whole)


@given(_ROLLOUTS)
@settings(max_examples=200, deadline=None)
def test_it_accounts_for_any_rollout(data: bytes) -> None:
    """Every line is kept or left out, not both; each message is written once, in the order of the first lines (only
    a record that is written again under its lasting id is again the same message); and messages used no more than
    the session did."""
    found = feed(FORMAT, data, PATH)
    assert unaccounted(found, lines_of(data)) == []
    written = [item for item in found if isinstance(item, FoundMessage)]
    ids = [write.write.external_id for write in written if write.write.external_id.startswith("at:")]
    assert len(set(ids)) == len(ids)
    assert [write.lines[0] for write in written] == sorted(write.lines[0] for write in written)
    for session in sessions(found).values():
        spent = sum(write.write.prompt_tokens or 0 for write in written)
        assert spent <= (session.prompt_tokens or 0)


@given(_ROLLOUTS, st.data())
@settings(max_examples=150, deadline=None)
def test_it_only_grows(data: bytes, draw: st.DataObject) -> None:
    """What was found in a beginning of the file is found in the whole, under the same ids and in the same order."""
    cut = draw.draw(st.integers(0, len(data)))
    early, late = messages(feed(FORMAT, data[:cut], PATH)), messages(feed(FORMAT, data, PATH))
    assert [id for id in late if id in early] == list(early)
    for id, write in early.items():
        if id[1].startswith("call"):
            continue  # a lasting id may be written again
        assert late[id].role == write.role
        assert len(late[id].text or "") >= len((write.text or "").strip())
        assert (late[id].prompt_tokens or 0) >= (write.prompt_tokens or 0)


@given(_ROLLOUTS, _RUBBISH, st.data())
@settings(max_examples=200, deadline=None)
def test_it_loses_nothing_to_rubbish(data: bytes, rubbish: bytes, draw: st.DataObject) -> None:
    """A line that says nothing, anywhere after the first, is left out with a reason and changes no message."""
    rubbish = rubbish.replace(b"\n", b"").replace(b"\r", b"") or b"{"
    ends = [line.offset + len(line.data) + 1 for line in lines_of(data)]
    at = draw.draw(st.sampled_from(ends or [0]))
    spoilt = data[:at] + rubbish + b"\n" + data[at:]
    found = feed(FORMAT, spoilt, PATH)
    assert messages(found) == messages(feed(FORMAT, data, PATH))
    assert unaccounted(found, lines_of(spoilt)) == []


@given(_ROLLOUTS, st.binary(max_size=4), st.data())
@settings(max_examples=200, deadline=None)
def test_it_survives_any_bytes(data: bytes, bytes_: bytes, draw: st.DataObject) -> None:
    """Bytes in place of others, anywhere: nothing is raised, and every line is accounted for."""
    at = draw.draw(st.integers(0, len(data)))
    spoilt = data[:at] + bytes_ + data[at + len(bytes_) :]
    assert unaccounted(feed(FORMAT, spoilt, PATH), lines_of(spoilt)) == []


@given(_RECORDS, st.data())
@settings(max_examples=300, deadline=None)
def test_it_takes_any_value_for_any_member(known: dict[str, Any], draw: st.DataObject) -> None:
    """A member that holds something else than it should is as good as absent."""
    kind = known["type"]
    payload: dict[str, Any] = dict(known["payload"])
    names = st.sampled_from(
        [*payload, "id", "item", "info", "source", "git", "result", "duration", "goal", "images"]
    )
    for name in draw.draw(st.lists(names, max_size=3)):
        if name != "type":
            payload[name] = draw.draw(_SHAPE)
    line = Line(
        0, msgspec.json.encode({"timestamp": "2026-06-17T10:07:00Z", "type": kind, "payload": payload})
    )
    parser = FORMAT.open(Place(PATH))
    found = [*parser.feed(line), *parser.finish()]
    assert unaccounted(found, [line]) == []


def test_it_takes_any_value_of_an_event() -> None:
    """Every kind of event is read with nothing in it, and with nonsense in it."""
    from service.importers.codex import events, items

    kinds = [
        *((name, "event_msg") for name in events._READERS),
        *((name, "response_item") for name in items._READERS),
    ]
    for name, kind in kinds:
        for junk in (None, 7, "x", [], [1], {}, {"a": {}}):
            members = dict.fromkeys(
                ("message", "item", "call_id", "result", "duration", "content", "output"), junk
            )
            line = rollout({"type": kind, "payload": {"type": name, **members}})
            assert unaccounted(feed(FORMAT, line, PATH), lines_of(line)) == []


def test_it_goes_on_near_the_end() -> None:
    """After a turn's end a later reading starts at its last answer and not at the file's beginning."""
    turns = [
        record for number in range(50) for record in (*answered(f"Till {number}"), event("task_complete"))
    ]
    data = rollout(meta(), turn(), *turns)
    parser = FORMAT.open(Place(PATH))
    lines = lines_of(data)
    for line in lines:
        list(parser.feed(line))
    assert parser.resume(len(data)).offset == lines[-3].offset


def test_it_remembers_little() -> None:
    """The state does not grow with the file, nor does what is open."""
    records = [
        record
        for number in range(3_000)
        for record in (message("user", f"Coin {number}"), call(call_id(number)), tokens(number, 1))
    ]
    data = rollout(meta(), turn(), *records)
    parser = FORMAT.open(Place(PATH))
    given_late = 0
    for line in lines_of(data):
        given_late += sum(not isinstance(found, LeftOut) for found in parser.feed(line))
    assert given_late > 5_900
    assert len(msgspec.json.encode(parser.resume(len(data)).state)) < 16_000
