"""Copies that lag behind: the event of a message comes only after the next message's item, from one end to the other."""

from __future__ import annotations

import msgspec
import pytest
from codex_records import OLD_TURN, PATH, answered, call_id, event, message, meta, output, rollout, turn
from feeding import feed, feed_in_halves, lines_of, messages, sessions, unaccounted
from hypothesis import given, settings
from hypothesis import strategies as st
from test_codex_properties import _ROLLOUTS

from service.importers.codex import FORMAT, window
from service.importers.model import Place


def lagging(count: int) -> bytes:
    """So many questions; the event of each stands behind the item of the next."""
    records = []
    for number in range(count):
        records.append(message("user", f"Coin {number}"))
        if number:
            records.append(event("user_message", message=f"Coin {number - 1}"))
    return rollout(meta(), turn(), *records)


def test_it_goes_on_near_the_end_where_copies_lag() -> None:
    """A later reading starts within the last few hundred messages, although none ends before the next begins; and what
    it has to remember stays small."""
    data = lagging(2_000)
    parser = FORMAT.open(Place(PATH))
    lines, behind = lines_of(data), 0
    for number, line in enumerate(lines):
        list(parser.feed(line))
        start = parser.resume(line.offset + 1).offset
        assert number % 100 or len(msgspec.json.encode(parser.resume(line.offset + 1).state)) < 16_000
        behind = max(behind, sum(known.offset > start for known in lines[max(0, number - 3_000) : number]))
    assert behind < 700


def test_it_finds_lagging_copies_once() -> None:
    """Where the reading is cut between two copies, the second is known for what it is: no message is told twice."""
    data = lagging(2_000)
    found = feed(FORMAT, data, PATH)
    assert [write.text for write in messages(found).values()] == [f"Coin {number}" for number in range(2_000)]
    assert unaccounted(found, lines_of(data)) == []


def test_it_finds_the_same_in_two_readings_where_copies_lag() -> None:
    """Read to a line and on from there, at lines about a cut and far from it, it is what it is at once."""
    data = lagging(800)
    whole, ends = feed(FORMAT, data, PATH), [line.offset for line in lines_of(data)]
    for place in (100, *range(630, 660), 900, *range(1_270, 1_300), 1_590):
        halves = feed_in_halves(FORMAT, data, ends[place], PATH)
        assert messages(halves) == messages(whole)
        assert sessions(halves) == sessions(whole)


def test_it_takes_words_said_again_for_a_message_of_their_own() -> None:
    """What still waits for its copy at a cut waits for it no longer than a message in the window does."""
    data = lagging(400) + rollout(
        *(record for number in range(80) for record in answered(f"Till {number}")),
        *(event("user_message", message=f"Coin {number}") for number in range(400)),
    )
    said = [write.text for write in messages(feed(FORMAT, data, PATH)).values()]
    assert [said.count(f"Coin {number}") for number in range(398)] == [2] * 398


def test_it_names_an_output_that_stands_twice_the_same_from_any_beginning() -> None:
    """The second is a message of its own, also where the first was closed before a later reading began."""
    done = event("task_complete", turn_id=OLD_TURN)
    data = rollout(
        meta(), output(call_id(1), "ok"), message("assistant", "Done."), output(call_id(1), "ok"), done
    )
    whole = messages(feed(FORMAT, data, PATH))
    assert len(whole) == 3
    for line in lines_of(data):
        assert messages(feed_in_halves(FORMAT, data, line.offset, PATH)) == whole
    assert messages(feed_in_halves(FORMAT, data, len(data), PATH)) == whole


@given(_ROLLOUTS, st.integers(0, 4), st.integers(1, 3), st.data())
@settings(max_examples=300, deadline=None)
def test_it_agrees_wherever_it_is_cut(data: bytes, closed: int, opened: int, draw: st.DataObject) -> None:
    """However soon a cut is forced: two readings find what one finds, a beginning what the whole has, and every line
    has one place."""
    cut = draw.draw(st.integers(0, len(data)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "MOST_CLOSED", closed)
        patch.setattr(window, "MOST_OPEN", opened)
        whole, halves = feed(FORMAT, data, PATH), feed_in_halves(FORMAT, data, cut, PATH)
        early = messages(feed(FORMAT, data[:cut], PATH))
    assert messages(halves) == messages(whole)
    assert sessions(halves) == sessions(whole)
    assert [id for id in messages(whole) if id in early] == list(early)
    assert unaccounted(whole, lines_of(data)) == []
