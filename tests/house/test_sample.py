"""The bundled sample is what its script writes, and is fit to be sent to /sync."""

from __future__ import annotations

import itertools

import msgspec

from service import sample
from service.api.sync.wire import read_batch
from service.sample import write

NOW_MS = 1_800_000_000_000
DAY_MS = 24 * 60 * 60 * 1000


def test_it_is_what_the_script_writes() -> None:
    """`python -m service.sample.write` reproduces the checked-in file byte for byte; it is below 400 kB."""
    assert sample.FILE.read_bytes() == write.text().encode()
    assert sample.FILE.stat().st_size < 400_000


def test_it_is_taken_by_sync_without_an_error() -> None:
    """Every session and message reads as a body of /sync/batch, and nothing of it is refused."""
    sessions, messages = zip(*sample.read(NOW_MS), strict=True)
    batch = read_batch(
        msgspec.json.encode({"sessions": sessions, "messages": list(itertools.chain(*messages))})
    )
    assert batch.errors == []
    assert len(batch.sessions) == len(sessions) >= 30


def test_it_tells_of_the_last_six_weeks() -> None:
    """The oldest session began six weeks before it is loaded, the newest ended today; within a session time goes on."""
    entries = list(sample.read(NOW_MS))
    began = [session["createdAt"] for session, _ in entries]
    assert began == sorted(began)
    assert 40 * DAY_MS < NOW_MS - began[0] <= 42 * DAY_MS
    for session, messages in entries:
        times = [message["createdAt"] for message in messages]
        assert times == sorted(set(times))
        assert session["createdAt"] == times[0]
        assert times[-1] < NOW_MS
    assert NOW_MS - times[-1] < DAY_MS


def test_it_shows_what_sessions_can_hold() -> None:
    """Several tools, models and projects; calls with results, failures, reasoning, a sub-agent, a thread and a run."""
    entries = list(sample.read(NOW_MS))
    sessions = [session for session, _ in entries]
    parts = [part for _, messages in entries for message in messages for part in message["parts"]]
    results = [part["content"] for part in parts if part["type"] == "tool-result"]
    calls = [part["content"] for part in parts if part["type"] == "tool-call"]
    assert len({session["source"] for session in sessions}) >= 6
    assert len({session["model"] for session in sessions}) >= 6
    assert 6 <= len({session["projectPath"] for session in sessions}) <= 8
    assert {session["kind"] for session in sessions} == {"agent", "thread", "run"}
    assert {part["type"] for part in parts} == {"text", "reasoning", "tool-call", "tool-result"}
    assert [call["toolCallId"] for call in calls] == [result["toolCallId"] for result in results]
    assert sum(result["isError"] for result in results) >= 20
    ids = [session["externalId"] for session in sessions]
    assert all(session.get("parentExternalId", ids[0]) in ids for session in sessions)
    assert any("parentExternalId" in session for session in sessions)


def test_it_adds_up() -> None:
    """A session's tokens and cost are the sums of its messages'; ids are unique."""
    ids: list[str] = []
    for session, messages in sample.read(NOW_MS):
        for name in (*write.COUNTS, "cost"):
            assert round(sum(message.get(name, 0) for message in messages), 6) == session.get(name, 0)
        ids += [session["externalId"], *(message["externalId"] for message in messages)]
    assert len(ids) == len(set(ids))
