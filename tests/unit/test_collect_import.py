"""Importing files that grow, are cut, are rewritten and are copied, into a store in memory."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from collecting import Store, all_said, file_of, rewrite, said

from service.collect import batches, reading
from service.collect.find import Finder, given
from service.collect.importing import Import
from service.errors import Unauthorized


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A transcript of ten prompts."""
    file = tmp_path / "session.jsonl"
    file.write_bytes(all_said(range(10)))
    return file


def prompts(numbers: range) -> list[str]:
    return [f"prompt {number}" for number in numbers]


def test_it_brings_everything_once(log: Path) -> None:
    """All messages and raw lines arrive; a second run sends nothing at all."""
    store = Store()
    first = store.read(log)
    assert (first.messages, first.new_messages, first.files["new"]) == (10, 10, 1)
    assert store.texts() == prompts(range(10))
    assert store.raw_text(file_of(store).stream) == log.read_bytes()
    lines = store.lines
    again = store.read(log)
    assert (again.messages, again.files["unchanged"], store.lines) == (0, 1, lines)


def test_it_goes_on_where_a_log_grew(log: Path) -> None:
    """What was added is read and counted, and what was there is not sent again."""
    store = Store()
    store.read(log)
    stream = file_of(store).stream
    with log.open("ab") as file:
        file.write(all_said(range(10, 13)))
    grown = store.read(log)
    assert (grown.messages, grown.new_messages, grown.changed_messages) == (3, 3, 0)
    assert grown.files == {"changed": 1}
    assert store.requests[-1] == 3
    assert (file_of(store).stream, file_of(store).messages, file_of(store).lines) == (stream, 13, 13)
    assert store.raw_text(stream) == log.read_bytes()


def test_it_waits_for_the_end_of_a_line(log: Path) -> None:
    """A half-written last line is not read before it is whole; then it is, once."""
    store, line = Store(), said(10)
    with log.open("ab") as file:
        file.write(line[:40])
    assert store.read(log).messages == 10
    assert store.read(log).files == {"unchanged": 1}
    with log.open("ab") as file:
        file.write(line[40:])
    assert store.read(log).messages == 1
    assert store.raw_text(file_of(store).stream) == log.read_bytes()


def test_it_reads_a_last_record_without_a_newline_once(log: Path) -> None:
    """Tools that leave no newline behind their last record lose nothing, and nothing is doubled when they go on."""
    store = Store()
    with log.open("ab") as file:
        file.write(said(10).rstrip(b"\n"))
    assert store.read(log).messages == 11
    assert store.read(log).files == {"unchanged": 1}
    with log.open("ab") as file:
        file.write(b"\n" + said(11).rstrip(b"\n"))
    grown = store.read(log)
    assert (grown.messages, grown.new_messages) == (1, 1)
    assert store.raw_text(file_of(store).stream) == log.read_bytes() + b"\n"


@pytest.mark.parametrize("size", [0, 1, 40])
def test_it_reads_a_file_without_a_whole_line(tmp_path: Path, size: int) -> None:
    """An empty file, and one whose first line is not whole, bring nothing and are read from their start later."""
    store, file = Store(), tmp_path / "session.jsonl"
    file.write_bytes(said(1)[:size])
    format = [str(file)]
    first = _read_as_claude(store, format)
    assert (first, store.messages) == (0, {})
    rewrite(file, said(1))
    _read_as_claude(store, format)
    assert store.texts() == ["prompt 1"]
    other = Store()
    other.read(file)
    assert file_of(other).stream == file_of(store).stream


def _read_as_claude(store: Store, paths: list[str]) -> int:
    run = Import("machine", dict(store.files), post=store)
    with run:
        run.read(list(Finder(run.unreadable).at(given(paths, "claude-code", run.unreadable))))
    return sum(of.messages for of in run.summary.sources.values())


def test_it_reads_a_truncated_log_again(log: Path) -> None:
    """A file that became shorter is a new stream; its messages are known already."""
    store = Store()
    store.read(log)
    stream = file_of(store).stream
    rewrite(log, all_said(range(4)))
    again = store.read(log)
    assert (again.messages, again.new_messages) == (4, 0)
    assert file_of(store).stream != stream
    assert (file_of(store).messages, len(store.messages)) == (4, 10)


def test_it_reads_a_log_that_was_rewritten_in_place(log: Path) -> None:
    """A file as long as before with other bytes is read anew, under a stream of its own."""
    store = Store()
    store.read(log)
    stream = file_of(store).stream
    rewrite(log, all_said(range(9)) + said(9, "PROMPT 9"))
    assert store.read(log).changed_messages == 1
    assert file_of(store).stream != stream
    assert store.raw_text(stream) != store.raw_text(file_of(store).stream) == log.read_bytes()


def test_it_reads_a_rotated_log(log: Path, tmp_path: Path) -> None:
    """Another file under the same name is read whole; the old one under its new name brings nothing new."""
    store = Store()
    store.read(log)
    log.rename(tmp_path / "session.1.jsonl")
    log.write_bytes(all_said(range(20, 26)))
    both = store.read(tmp_path)
    assert (both.new_messages, both.changed_messages) == (6, 0)
    assert len(store.messages) == 16


def test_it_knows_a_copy_wherever_it_lies(log: Path, tmp_path: Path) -> None:
    """A copy in another folder or under another name has the same stream: nothing is new, and no line is kept twice."""
    store = Store()
    store.read(log)
    copy = tmp_path / "elsewhere" / log.name
    copy.parent.mkdir()
    for path in (copy, tmp_path / "renamed.jsonl"):
        shutil.copy(log, path)
        assert store.read(path).new_messages == 0
    assert len({file.stream for file in store.files.values()}) == 1
    assert len(store.raw) == 10


def test_it_keeps_files_apart_that_begin_alike(log: Path, tmp_path: Path) -> None:
    """Two files with one first line, as forks of a session have, are two streams, each with all its lines."""
    fork = tmp_path / "0b0e7a52-3c1f-4d21-9a53-00000000000f.jsonl"
    fork.write_bytes(said(0) + all_said(range(50, 55)))
    store = Store()
    store.read(log, fork)
    for file in (log, fork):
        assert store.raw_text(store.files[str(file)].stream) == file.read_bytes()


def test_it_keeps_files_apart_that_are_named_alike(tmp_path: Path) -> None:
    """Other sessions under the same name, in folders of the same name, are streams of their own: log and document."""
    opening = {"role": "system", "content": "You are helpful."}
    store = Store()
    for place in ("a", "b"):
        folder = tmp_path / place / "logs"
        folder.mkdir(parents=True)
        talk = [{"role": "user", "content": f"question {place}"}, {"role": "assistant", "content": "answer"}]
        (folder / "chat.json").write_text(json.dumps({"messages": talk}))
        (folder / "chat.jsonl").write_text("".join(json.dumps(one) + "\n" for one in [opening, *talk]))
        store.read(folder / "chat.json", folder / "chat.jsonl", format="chat")
    assert len({file.stream for file in store.files.values()}) == 4
    for path, file in store.files.items():
        assert store.raw_text(file.stream).rstrip() == Path(path).read_bytes().rstrip()


def test_it_reads_a_touched_file_without_sending_it(log: Path) -> None:
    """A newer time alone brings a new position and no message."""
    store = Store()
    store.read(log)
    os.utime(log, (1_900_000_000, 1_900_000_000))
    assert store.read(log).messages == 0
    assert store.requests[-1] == 0
    assert store.read(log).files == {"unchanged": 1}


def test_it_reads_all_again_when_asked(log: Path) -> None:
    """Anew, the same stream is sent from its beginning, and changes nothing."""
    store = Store()
    store.read(log)
    stream = file_of(store).stream
    again = store.read(log, anew=True)
    assert (again.messages, again.new_messages, again.changed_messages) == (10, 0, 0)
    assert file_of(store).stream == stream


def test_it_goes_on_after_a_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut after any request, the next run brings the rest: every message and raw line once, and the counts right."""
    monkeypatch.setattr("service.collect.reader.MOST_MESSAGES", 10)
    monkeypatch.setattr(batches, "MOST_MESSAGES", 10)
    log = tmp_path / "session.jsonl"
    rubbish = b'{"type": "file-history-snapshot", "messageId": "m", "snapshot": {}}\n'
    log.write_bytes(b"".join(said(number) + rubbish for number in range(300)))
    whole = Store()
    whole.read(log)
    assert len(whole.requests) > 5
    for cut in range(1, len(whole.requests)):
        store = Store()
        with pytest.raises(Unauthorized):
            store.read(log, post=_cut_after(store, cut))
        assert len(store.messages) < 300 or cut == len(whole.requests) - 1
        assert store.read(log).messages < 300
        assert (store.messages, store.raw) == (whole.messages, whole.raw)
        assert _counts(store) == _counts(whole)


def _counts(store: Store) -> tuple[int, int, dict[str, int]]:
    file = file_of(store)
    return file.messages, file.lines, file.left_out


def _cut_after(store: Store, requests: int) -> Any:
    def post(body: bytes, restore: bool) -> dict[str, Any]:
        if len(store.requests) >= requests:
            raise Unauthorized("cut")
        return store(body, restore)

    return post


def test_it_leaves_out_a_line_that_is_too_long(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted with its reason; the lines around it are kept."""
    monkeypatch.setattr(reading.lines, "__kwdefaults__", {"piece": 64, "longest": 1000})
    log.write_bytes(said(1) + said(2, "x" * 5000) + said(3))
    store = Store()
    told = store.read(log)
    assert (told.messages, told.left_out) == (2, {"longer than 32 MB": 1})
    assert file_of(store).lines == 3


def test_it_reads_a_document_whole_when_it_changed(tmp_path: Path) -> None:
    """A document is sent whole each time, and its raw bytes replace those before."""
    store, file = Store(), tmp_path / "chats" / "session-1.json"
    file.parent.mkdir()
    document: dict[str, Any] = {"sessionId": "g1", "projectHash": "h", "startTime": "2026-05-01T10:00:00Z"}
    document["messages"] = [_gemini(1)]
    file.write_text(json.dumps(document))
    assert store.read(file).messages == 1
    assert store.read(file).files == {"unchanged": 1}
    document["messages"].append(_gemini(2))
    rewrite(file, json.dumps(document).encode())
    assert store.read(file).new_messages == 1
    assert [data for key, data in store.raw.items()] == [json.dumps(document).encode()]


def _gemini(number: int) -> dict[str, Any]:
    at = f"2026-05-01T10:00:{number:02}Z"
    return {"id": f"m{number}", "type": "user", "timestamp": at, "content": f"prompt {number}"}


def test_it_tells_what_it_cannot_read_and_goes_on(tmp_path: Path, log: Path) -> None:
    """A file that vanished between looking and reading is told with its reason."""
    store = Store()
    gone = tmp_path / "gone.jsonl"
    gone.write_bytes(said(1))
    run = Import("machine", {}, post=store)
    found = list(Finder(run.unreadable).at(given([str(tmp_path)], None, run.unreadable)))
    gone.unlink()
    with run:
        run.read(found)
    assert run.summary.unreadable == {str(gone): "no such file or directory"}
    assert len(store.messages) == 10


def test_it_sends_nothing_in_a_trial(log: Path) -> None:
    """Without a service all is read and counted."""
    told = Store().read(log, post=None)
    assert (told.messages, told.sessions, told.files) == (10, 1, {"new": 1})


def test_it_keeps_the_sessions_of_a_file_apart(tmp_path: Path) -> None:
    """Raw lines go with the session that their message is in; the file tells how many there are."""
    log = tmp_path / ".aider.chat.history.md"
    runs = [f"\n# aider chat started at 2026-05-0{day} 10:00:00\n\n#### fix it\n\nDone.\n" for day in (1, 2)]
    log.write_text("".join(runs))
    store = Store()
    store.read(log)
    assert (len(store.sessions), file_of(store).sessions) == (2, 2)
    first, second = store.sessions
    border = len(runs[0])
    assert all(offset < border for session, _, offset in store.raw if session == first)
    assert {offset > border for session, _, offset in store.raw if session == second} == {True}


def undated(number: int, timestamp: str | None = "soon") -> bytes:
    record = json.loads(said(number)) | {"timestamp": timestamp}
    return json.dumps(record).encode() + b"\n"


def test_it_dates_the_head_of_a_file_by_what_comes_next(tmp_path: Path) -> None:
    """Records with a bad or no time take the next good one of their session, and stand before it."""
    file, store = tmp_path / "session.jsonl", Store()
    file.write_bytes(undated(0) + undated(1, None) + all_said(range(2, 4)))
    store.read(file)
    messages = list(store.messages.values())
    assert store.texts() == prompts(range(4))
    assert [message.assumed_at for message in messages] == [messages[2].created_at] * 2 + [None] * 2
    assert [message.created_at is None for message in messages] == [True, True, False, False]


def test_it_dates_a_file_without_times_by_its_own(tmp_path: Path) -> None:
    """Where no record has a good time, the file's counts; more of it later is sent alone."""
    file, store = tmp_path / "session.jsonl", Store()
    file.write_bytes(undated(0) + undated(1))
    os.utime(file, (1_780_000_000, 1_780_000_000))
    store.read(file)
    assert [message.assumed_at for message in store.messages.values()] == [1_780_000_000_000] * 2
    with file.open("ab") as log:
        log.write(said(2))
    assert store.read(file).new_messages == 1
    assert store.texts() == prompts(range(3))
