"""Which stored message a transcript's message is, where both sides may have brought it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from service.model.message import MessageWrite, Part
from service.model.session import SessionWrite
from service.storage import filling
from service.storage.importing import twins
from service.storage.importing.twins import Coming, Known, Meeting, text_key

START = datetime(2026, 1, 1, tzinfo=UTC)


def known(id: int, external_id: str, text: str | None = None, role: str = "user", **more: object) -> Known:
    """By a client, unless it says `transcript`."""
    fields = {
        "transcript": False,
        "created_at": START + timedelta(minutes=id),
        "text_key": text_key(role, text),
    } | more
    return Known(id=id, external_id=external_id, role=role, **fields)  # type: ignore[arg-type]


def coming(external_id: str, *records: str, text: str | None = None, role: str = "user") -> Coming:
    return Coming(
        external_id=external_id,
        role=role,
        names=frozenset((external_id, *records)),
        text_key=text_key(role, text),
    )


def meet(came: Iterable[Coming], there: Iterable[Known], *, exact: bool = False) -> list[Meeting]:
    listed = list(there)
    owners = {name: message.id for message in listed for name in message.records}
    return twins.meet(list(came), listed, owners=owners, exact=exact)


def survivors(meetings: Iterable[Meeting]) -> list[int | None]:
    return [meeting.survivor.id if meeting.survivor else None for meeting in meetings]


def test_it_meets_by_record_before_words() -> None:
    """A client's row under a record's id is that message, whatever it says; words join the rest."""
    there = [known(1, "x", "same"), known(2, "a1", "other")]
    met = meet([coming("msg", "a1", text="same"), coming("msg2", "a2", text="same")], there)
    assert survivors(met) == [2, 1]


def test_it_lets_several_rows_of_a_client_fall_into_one() -> None:
    """Text and tool rows of one answer: the first stays, or the one that somebody labelled; the others go."""
    rows = [
        known(1, "toolu_1", role="assistant"),
        known(2, "toolu_2", role="assistant"),
        known(3, "a1", "Hi", "assistant"),
    ]
    came = [coming("msg", "a1", "toolu_1", "toolu_2", role="assistant")]
    (met,) = meet(came, rows)
    assert met.survivor == rows[0]
    assert [each.id for each in met.absorbed] == [2, 3]
    labelled = [*rows[:2], msgspec.structs.replace(rows[2], eval_status="golden")]
    (met,) = meet(came, labelled)
    assert met.survivor == labelled[2]


def test_it_takes_a_stored_message_once() -> None:
    """Two that come and share a tool call: the first has the client's row, the second is new."""
    met = meet([coming("a", "toolu_1"), coming("b", "toolu_1")], [known(1, "toolu_1")])
    assert survivors(met) == [1, None]


def test_it_leaves_a_transcript_s_message_to_its_own() -> None:
    """One that has the very external id of a stored message is not taken by another's record."""
    there = [known(1, "u1", transcript=True, records=frozenset({"u1"}))]
    assert survivors(meet([coming("x", "u1"), coming("u1")], there)) == [None, 1]


def test_it_tells_transcripts_messages_of_other_roles_apart() -> None:
    """A tool's result with its call's id is not the call."""
    call = known(1, "call", role="assistant", transcript=True, records=frozenset({"call"}))
    assert survivors(meet([coming("out", "call", role="tool")], [call])) == [None]


def test_it_joins_transcripts_messages_that_a_better_parser_joins() -> None:
    """Two stored ones whose ids are records of one that comes are that one."""
    there = [known(n, f"u{n}", transcript=True, records=frozenset({f"u{n}"})) for n in (1, 2)]
    (met,) = meet([coming("msg", "u1", "u2")], there)
    assert (survivors([met]), [each.id for each in met.absorbed]) == ([1], [2])


def test_it_knows_an_older_snapshot() -> None:
    """Fewer records than are stored change nothing; as many, more or others do; so does a reading anew."""
    stored = known(1, "m", transcript=True, records=frozenset({"a", "b"}))
    for records, stale in [
        (("a",), True),
        (("a", "b"), False),
        (("a", "b", "c"), False),
        (("c",), False),
        ((), True),
    ]:
        (met,) = meet([coming("m", *records)], [stored])
        assert met.stale is stale, records
    (met,) = meet([coming("m", "a")], [stored], exact=True)
    assert not met.stale
    (met,) = meet([coming("m", "a")], [msgspec.structs.replace(stored, elsewhere=True)], exact=True)
    assert met.stale


def test_it_does_not_call_a_split_message_an_older_snapshot() -> None:
    """A record that another message of the request claims does not speak against this one."""
    stored = known(1, "m", transcript=True, records=frozenset({"a", "b"}))
    met = meet([coming("m", "a"), coming("b")], [stored])
    assert (survivors(met), met[0].stale) == ([1, None], False)


def test_it_takes_words_in_order_and_of_one_role() -> None:
    """The k-th with the k-th; a role that differs is another message; blank words are none."""
    there = [
        known(1, "p1", "yes"),
        known(2, "p2", "yes"),
        known(3, "p3", "yes", role="assistant"),
        known(4, "p4", " "),
    ]
    came = [
        coming("u1", text="yes"),
        coming("u2", text=" yes\n"),
        coming("u3", text="yes"),
        coming("u4", text=" "),
    ]
    assert survivors(meet(came, there)) == [1, 2, None, None]


@given(st.lists(st.sampled_from("ab"), max_size=6), st.lists(st.sampled_from("ab"), max_size=6))
def test_it_meets_as_many_as_both_sides_have(mine: list[str], theirs: list[str]) -> None:
    """Of each text as many pairs as the smaller side has, none twice, in order."""
    there = [known(n, f"p{n}", text) for n, text in enumerate(theirs)]
    met = survivors(meet([coming(f"u{n}", text=text) for n, text in enumerate(mine)], there))
    for text in "ab":
        pairs = [id for id, said in zip(met, mine, strict=True) if said == text and id is not None]
        assert len(pairs) == min(mine.count(text), theirs.count(text))
        assert pairs == sorted(set(pairs))


@given(st.text(max_size=40))
def test_it_reads_words_alike_however_they_are_spaced(text: str) -> None:
    """White space around and between words does not count; normalising again changes nothing."""
    once = twins.normalised(text)
    assert twins.normalised(f"\n {once}\t") == once
    assert text_key("user", text) == text_key("user", f" {text}\r\n")


def test_it_reads_composed_and_decomposed_letters_alike() -> None:
    """An accent of its own and one within its letter are the same word."""
    assert text_key("user", "cafe\u0301") == text_key("user", "caf\u00e9")


def test_it_reads_a_long_text_of_tags_once() -> None:
    """A megabyte of tags that open and never close is looked at once, and stays the text that it is."""
    text = "<command-name>" * 75_000
    assert twins.normalised(text) == text


def test_it_leaves_what_was_told_apart_apart() -> None:
    """A message that has its own row takes none that only had its name before; it takes one that it names."""
    there = [
        known(2, "b", transcript=True, records=frozenset({"b"})),
        known(1, "a", transcript=True, records=frozenset({"a", "b"})),
    ]
    (met,) = meet([coming("b")], there)
    assert (survivors([met]), met.absorbed) == ([2], ())
    (met,) = meet([coming("b", "a")], there)
    assert [each.id for each in (met.survivor, *met.absorbed) if each] == [1, 2]


STORED = {
    "external_id": "m", "role": "assistant", "model": None, "source": "pi", "prompt_tokens": None, "completion_tokens": 5,
    "cache_read_tokens": None, "cache_write_tokens": None, "cost_usd": None, "duration_ms": None, "attrs": {"a": 1},
    "has_text": True, "has_parts": True,
}  # fmt: skip


def test_it_fills_what_is_unknown_alone() -> None:
    """Known fields are not said; attributes are added and not replaced."""
    write = MessageWrite(
        session_external_id="s", external_id="x", role="user", text="t", model="m1", completion_tokens=9, duration_ms=3,
        created_at=START, parts=(), attrs={"a": 2, "b": 3},
    )  # fmt: skip
    filled = filling.filled(write, STORED)
    assert filled == MessageWrite(
        session_external_id="s", external_id="m", role="assistant", model="m1", duration_ms=3, attrs={"b": 3}
    )


def test_it_says_nothing_of_a_message_by_one_of_its_calls() -> None:
    """How long one tool took is not how long the answer took."""
    call = Part("tool-call", b'{"toolName":"Read","args":{}}')
    write = MessageWrite(
        session_external_id="s", external_id="t", role="assistant", duration_ms=9, parts=(call,)
    )
    assert filling.filled(write, STORED) == MessageWrite(
        session_external_id="s", external_id="m", role="assistant"
    )


def test_it_yields_totals_to_the_transcript() -> None:
    """Tokens together, cost and duration each for itself; all other fields stay."""
    write = SessionWrite(external_id="s", title="T", cache_read_tokens=5, cost_usd=None, duration_ms=9)
    told = filling.told(SessionWrite(external_id="s", prompt_tokens=1))
    assert filling.yielding(write, told) == SessionWrite(external_id="s", title="T", duration_ms=9)
    assert filling.yielding(write, 0) == write
