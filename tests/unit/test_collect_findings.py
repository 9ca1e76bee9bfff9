"""What goes out of one transcript and when: raw lines, positions and counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from collecting import SESSION, Store, file_of, said

from service.collect import batches, findings, reader
from service.importers.wire import FileLine, ImportLine, SessionLine


def snapshot(number: int, size: int = 0) -> bytes:
    """A line that is in no session."""
    record = {"type": "file-history-snapshot", "messageId": str(number), "snapshot": {"text": "x" * size}}
    return json.dumps(record).encode() + b"\n"


def result_of_agent(agent: str) -> bytes:
    """A session calls a sub-agent, and hears of it."""
    call, result = json.loads(said(2)), json.loads(said(3))
    task = {"description": "Look", "prompt": "Look.", "subagent_type": "explorer"}
    call["type"] = "assistant"
    use = {"type": "tool_use", "id": "t1", "name": "Task", "input": task}
    call["message"] = {"id": "msg_1", "role": "assistant", "content": [use]}
    result["message"]["content"] = [{"type": "tool_result", "tool_use_id": "t1", "content": "Done."}]
    result["toolUseResult"] = {"agentId": agent, "prompt": "Look.", "status": "completed"}
    return b"".join(json.dumps(record).encode() + b"\n" for record in (call, result))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches and what is held of 2,000 bytes."""
    monkeypatch.setattr(reader, "MOST_BYTES", 2000)
    monkeypatch.setattr(batches, "MOST_BYTES", 2000)
    monkeypatch.setattr(findings, "HELD_BYTES", 2000)


def rollout(count: int, size: int) -> bytes:
    """Of Codex: answers of a size."""
    at = "2026-06-17T10:07:00Z"
    lines: list[dict[str, Any]] = [{"type": "session_meta", "payload": {"id": SESSION}}]
    for number in range(count):
        content = [{"type": "output_text", "text": f"{number} " + "x" * size}]
        answer = {"type": "message", "role": "assistant", "content": content}
        lines.append({"type": "response_item", "payload": answer})
    return b"".join(json.dumps({"timestamp": at, **line}).encode() + b"\n" for line in lines)


@pytest.mark.usefixtures("small")
def test_it_sends_a_large_document_in_pieces(tmp_path: Path) -> None:
    """A document is many requests, none much larger than two batches and a line; its position is in the last."""
    file = tmp_path / f"rollout-2026-06-17T12-06-46-{SESSION}.jsonl.zst"
    file.write_bytes(zstandard.compress(rollout(200, 500)))
    store, bodies = Store(), []

    def post(body: bytes, restore: bool) -> dict[str, Any]:
        bodies.append(body)
        return store(body, restore)

    assert store.read(file, post=post).messages == 200
    assert len(bodies) > 10
    assert max(map(len, bodies)) < 3 * 2000 + 1000
    lines = [msgspec.json.decode(line, type=ImportLine) for body in bodies for line in body.splitlines()]
    assert [isinstance(line, FileLine) for line in lines] == [False] * (len(lines) - 1) + [True]
    assert store.raw_text(file_of(store).stream) == rollout(200, 500)


@pytest.mark.usefixtures("small")
def test_it_holds_little_of_a_log_without_a_session(tmp_path: Path) -> None:
    """Its raw lines are lost, and counted; the position goes on with it, and nothing is read twice."""
    file, store = tmp_path / f"{SESSION}.jsonl", Store()
    file.write_bytes(b"".join(snapshot(number, 100) for number in range(100)))
    first = store.read(file)
    position = file_of(store)
    assert (first.lines, position.lines, position.offset) == (100, 100, file.stat().st_size)
    assert (store.sessions, store.raw) == ({}, {})
    with file.open("ab") as out:
        out.write(snapshot(100) + said(1))
    again = store.read(file)
    assert (again.lines, again.messages, file_of(store).lines) == (2, 1, 102)
    assert sum(file_of(store).left_out.values()) == 101
    assert store.raw_text(file_of(store).stream) == snapshot(100) + said(1)


def test_it_waits_with_the_few_lines_before_a_session(tmp_path: Path) -> None:
    """What little stands in a log before its session begins is read again with it, and kept."""
    file, store = tmp_path / f"{SESSION}.jsonl", Store()
    file.write_bytes(snapshot(1))
    store.read(file)
    assert file_of(store).offset == 0
    file.write_bytes(snapshot(1) + said(1))
    store.read(file)
    assert store.raw_text(file_of(store).stream) == snapshot(1) + said(1)
    assert file_of(store).lines == 2


def test_it_counts_no_session_that_is_only_announced(tmp_path: Path) -> None:
    """A session that another one's transcript tells of is none of its own: not in the summary, nor in the position."""
    parent, store = tmp_path / f"{SESSION}.jsonl", Store()
    parent.write_bytes(said(1) + result_of_agent("a1"))
    lines: list[ImportLine] = []

    def post(body: bytes, restore: bool) -> dict[str, Any]:
        lines.extend(msgspec.json.decode(line, type=ImportLine) for line in body.splitlines())
        return store(body, restore)

    told = store.read(parent, post=post)
    assert [line.external_id for line in lines if isinstance(line, SessionLine) and line.announced] == [
        f"{SESSION}:agent-a1"
    ]
    assert (told.sessions, told.new_sessions, file_of(store).sessions) == (1, 1, 1)
    assert store.sessions.keys() == {SESSION}
