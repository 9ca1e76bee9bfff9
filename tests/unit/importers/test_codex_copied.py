"""History of another session at the beginning of a fork's or a sub-agent's rollout: kept, marked, not counted."""

from __future__ import annotations

from typing import Any

import pytest
from codex_records import (
    OLD_TURN,
    OTHER,
    OWN,
    OWN_TURN,
    PATH,
    answered,
    asked,
    event,
    meta,
    rollout,
    tokens,
    turn,
)
from feeding import feed, lines_of, messages, reasons, sessions, unaccounted

from service.importers.codex import FORMAT

SPAWNED = {"subagent": {"thread_spawn": {"parent_thread_id": OTHER, "depth": 1, "agent_role": "reviewer"}}}


def history(turn_id: str | None) -> list[dict[str, Any]]:
    """What the other session did: two answers, 30 tokens."""
    return [
        event("task_started", turn_id=turn_id),
        turn(turn_id=turn_id),
        *asked("Count"),
        *answered("Nine"),
        tokens(10, 10),
        tokens(30, 20),
    ]


def own_work() -> list[dict[str, Any]]:
    return [*asked("Again"), *answered("Ten"), tokens(37, 7)]


@pytest.mark.parametrize("head", [meta(forked_from_id=OTHER), meta(source=SPAWNED, forked_from_id=OTHER)])
@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("step_ms", [0, 2000])
def test_it_counts_only_its_own_turns(head: dict[str, Any], again: bool, step_ms: int) -> None:
    """By the ids of turns, with and without the other's meta record, whatever times the repeated lines bear."""
    copy = [meta(OTHER)] if again else []
    data = rollout(
        head, *copy, *history(OLD_TURN), event("task_started", turn_id=OWN_TURN), *own_work(), step_ms=step_ms
    )
    found = feed(FORMAT, data, PATH)
    session = sessions(found)[OWN]
    assert (session.prompt_tokens, session.completion_tokens) == (7, 1)
    marks = [(write.text, (write.attrs or {}).get("copiedFrom")) for write in messages(found).values()]
    assert marks == [("Count", OTHER), ("Nine", OTHER), ("Again", None), ("Ten", None)]
    assert unaccounted(found, lines_of(data)) == []


def test_it_ends_the_copy_at_a_pause_where_turns_have_no_ids() -> None:
    """Older forks: the history is written in one go, the first own turn comes later."""
    written = [
        {**record, "timestamp": "2026-06-17T10:07:00.200Z"} for record in [meta(OTHER), *history(None)]
    ]
    later = [{**record, "timestamp": "2026-06-17T10:07:09.000Z"} for record in own_work()]
    found = feed(FORMAT, rollout(meta(), *written, *later), PATH)
    assert sessions(found)[OWN].prompt_tokens == 7
    assert [bool((write.attrs or {}).get("copiedFrom")) for write in messages(found).values()] == [
        True,
        True,
        False,
        False,
    ]


def test_it_counts_a_sub_agent_that_repeats_nothing() -> None:
    """A sub-agent that began empty is its parent's child, and all its work counts."""
    data = rollout(meta(source=SPAWNED), event("task_started", turn_id=OWN_TURN), turn(), *own_work())
    found = feed(FORMAT, data, PATH)
    session = sessions(found)[OWN]
    assert (session.parent_external_id, session.prompt_tokens) == (OTHER, 7)
    assert (session.attrs or {})["entrypoint"] == "subagent"
    assert not any((write.attrs or {}).get("copiedFrom") for write in messages(found).values())


def test_it_says_why_repeated_records_are_left_out() -> None:
    """The other's meta record and its token counts are told apart from the file's own."""
    found = feed(FORMAT, rollout(meta(forked_from_id=OTHER), meta(OTHER), *history(OLD_TURN)), PATH)
    assert list(reasons(found).values()) == [
        "session record of copied history",
        "start or end of a turn",
        "token count of copied history",
        "token count of copied history",
    ]


def test_it_stays_itself_when_its_first_line_is_broken() -> None:
    """The file's name says whose it is, so that the next meta record is known to be another session's."""
    data = b'{"timestamp":"2026-\n' + rollout(meta(OTHER), *history(OLD_TURN))
    found = feed(FORMAT, data, PATH)
    assert {session for session, _ in messages(found)} == {OWN}
    assert sessions(found)[OWN].prompt_tokens is None


def test_it_takes_a_later_meta_record_of_its_own() -> None:
    """A session that was taken up again tells its version anew; nothing of it is a copy."""
    data = rollout(meta(), *own_work(), meta(cli_version="0.150.0"), *answered("More"), tokens(40, 3))
    session = sessions(feed(FORMAT, data, PATH))[OWN]
    assert (session.prompt_tokens, (session.attrs or {})["cliVersion"]) == (10, "0.150.0")
