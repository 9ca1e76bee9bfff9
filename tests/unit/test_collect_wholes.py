"""Logs that are read whole: Droid's with its settings, and Codex' packed ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import zstandard
from collecting import Store

from service.collect.find import Finder, given
from service.collect.model import Transcript
from service.collect.stores import wholes

ROLLOUT = "rollout-2026-06-17T12-06-46-019ed50c-2fb3-7002-a384-360bea6e7f04.jsonl"


def droid(folder: Path) -> Path:
    """A session of Droid with its settings beside it."""
    folder.mkdir(parents=True)
    message = {"role": "user", "content": [{"type": "text", "text": "Run the tests."}]}
    records = [
        {"type": "session_start", "id": "d1", "title": "Tests", "cwd": "/src/shop"},
        {"type": "message", "id": "m1", "timestamp": "2026-03-01T09:00:00Z", "message": message},
    ]
    log = folder / "d1.jsonl"
    log.write_bytes(b"".join(json.dumps(record).encode() + b"\n" for record in records))
    usage = {"inputTokens": 73, "outputTokens": 47}
    (folder / "d1.settings.json").write_text(json.dumps({"model": "opus", "tokenUsage": usage}, indent=2))
    return log


def rollout() -> bytes:
    meta = {"id": "019ed50c-2fb3-7002-a384-360bea6e7f04", "cwd": "/src/shop"}
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Pack it."}]}
    records = [
        {"timestamp": "2026-06-17T10:07:00Z", "type": "session_meta", "payload": meta},
        {"timestamp": "2026-06-17T10:07:01Z", "type": "response_item", "payload": said},
    ]
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def found(*paths: Path) -> list[Transcript]:
    return list(Finder({}.__setitem__).at(given(map(str, paths), None, {}.__setitem__)))


def test_it_reads_droids_settings_with_the_log(tmp_path: Path) -> None:
    """The session has the counts that its settings tell, and again they bring nothing."""
    droid(tmp_path / "sessions")
    store = Store()
    assert store.read(tmp_path).messages == 1
    (session,) = store.sessions.values()
    assert (session.prompt_tokens, session.completion_tokens, session.model) == (73, 47, "opus")
    assert store.read(tmp_path).files == {"unchanged": 1}


def test_it_reads_droid_again_when_the_settings_changed(tmp_path: Path) -> None:
    """The settings alone changed: the session has the new counts."""
    log = droid(tmp_path / "sessions")
    store = Store()
    store.read(tmp_path)
    settings = log.with_name("d1.settings.json")
    settings.write_text(json.dumps({"tokenUsage": {"inputTokens": 90, "outputTokens": 60}}))
    os.utime(settings, (2_000_000_000, 2_000_000_000))
    assert store.read(tmp_path).files == {"changed": 1}
    assert store.sessions["d1"].prompt_tokens == 90


def test_it_reads_a_packed_rollout(tmp_path: Path) -> None:
    """What Codex packed is read as what it was, by its place and by name."""
    (tmp_path / f"{ROLLOUT}.zst").write_bytes(zstandard.compress(rollout()))
    store = Store()
    assert store.read(tmp_path).messages == 1
    assert store.texts() == ["Pack it."]
    plain = Store()
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / ROLLOUT).write_bytes(rollout())
    plain.read(tmp_path / "plain")
    assert plain.sessions.keys() == store.sessions.keys()
    assert plain.messages.keys() == store.messages.keys()


def test_it_keeps_a_rollout_once_that_was_packed(tmp_path: Path) -> None:
    """Packed, it takes the place of what it was: the same stream, and each raw line once."""
    plain, store = tmp_path / ROLLOUT, Store()
    plain.write_bytes(rollout())
    store.read(plain)
    kept = dict(store.raw)
    plain.unlink()
    packed = tmp_path / f"{ROLLOUT}.zst"
    packed.write_bytes(zstandard.compress(rollout()))
    assert store.read(packed).new_messages == 0
    assert store.raw == kept
    assert store.files[str(packed)].stream == store.files[str(plain)].stream


@pytest.mark.parametrize("size", [20, 21, 40, 400])
def test_it_passes_over_a_packed_line_that_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A line above the limit is None as a whole, wherever it stands, and the lines around it are kept."""
    monkeypatch.setattr(wholes, "LONGEST_BYTES", 20)
    file = tmp_path / f"{ROLLOUT}.zst"
    file.write_bytes(zstandard.compress(b"a\n" + b"x" * size + b"\n" + b"b" * 19 + b"\n" + b"y" * size))
    (one,) = found(file)
    assert one.lines is not None
    assert list(one.lines()) == [b"a", None, b"b" * 19, None]


def test_it_prefers_the_plain_copy_of_a_packed_rollout(tmp_path: Path) -> None:
    """While both lie there, one is read."""
    (tmp_path / ROLLOUT).write_bytes(rollout())
    (tmp_path / f"{ROLLOUT}.zst").write_bytes(zstandard.compress(rollout()))
    assert [one.path for one in found(tmp_path)] == [str(tmp_path / ROLLOUT)]


def test_it_tells_of_a_torn_packed_rollout(tmp_path: Path) -> None:
    """A packed file that ends too early, or is none, is told, and its neighbours are read."""
    other = ROLLOUT.replace("7f04", "7f05")
    (tmp_path / f"{ROLLOUT}.zst").write_bytes(b"\x28\xb5\x2f\xfd\x04" + b"\xff" * 40)
    (tmp_path / other).write_bytes(rollout())
    store = Store()
    store.read(tmp_path)
    assert store.texts() == ["Pack it."]
    assert store.unreadable == {str(tmp_path / f"{ROLLOUT}.zst"): "it is no zstd file, or torn"}


def test_it_finds_sub_agents_before_their_session(tmp_path: Path) -> None:
    """A session tells the titles of its sub-agents, which are there by then."""
    for name in ("0a.jsonl", "agent-1.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"type":"user","sessionId":"s","uuid":"u"}\n')
    assert [Path(one.path).name for one in found(tmp_path)] == ["agent-1.jsonl", "0a.jsonl", "b.jsonl"]
