"""The account of real transcripts: nothing lost, nothing twice, byte for byte, and the tokens of an oracle."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from feeding import SHARED, feed, feed_in_halves, lines_of, messages, sessions, unaccounted
from msgspec import Raw

from service.importers.claude_code import FORMAT
from service.importers.model import Found, FoundMessage
from service.model.message import MessageWrite, Part

FILES = [path for path in sorted(SHARED.glob("claude-home/projects/**/*.jsonl")) if path.stat().st_size]
ORACLE = SHARED / "oracle" / "ccusage-20.0.24-claude-daily.json"

pytestmark = pytest.mark.skipif(not FILES, reason="the real transcripts are not beside the project")

Transcript = tuple[Path, bytes, list[Found]]


@pytest.fixture(scope="module")
def transcripts() -> list[Transcript]:
    return [(path, path.read_bytes(), feed(FORMAT, path.read_bytes(), str(path))) for path in FILES]


def test_it_gives_every_line_one_place(transcripts: list[Transcript]) -> None:
    """Each line is in a message, in a session's fields, or left out with a reason; never in two of them."""
    assert {path.name: unaccounted(found, lines_of(data)) for path, data, found in transcripts} == {
        path.name: [] for path in FILES
    }


def test_it_keeps_calls_and_results_byte_for_byte(transcripts: list[Transcript]) -> None:
    """Every tool's arguments and every result stand in the part with its id, as the transcript spells them."""
    checked = 0
    for path, data, found in transcripts:
        kept = Counter(_spelled_part(part) for write in _writes(found) for part in write.parts or ())
        for block in _blocks(data):
            told = _spelled_block(block)
            assert told is None or kept[told] > 0, path.name
            checked += told is not None
    assert checked > 3_000


def test_it_keeps_every_text_in_a_message(transcripts: list[Transcript]) -> None:
    """Each text that a person, the model or a notice says stands in some message of its file."""
    checked = 0
    for path, data, found in transcripts:
        said = "\n\n".join(write.text or "" for write in _writes(found))
        for text in _texts(data):
            assert text in said, path.name
            checked += 1
    assert checked > 1_000


def test_it_leads_from_each_id_to_one_message(transcripts: list[Transcript]) -> None:
    """Rows, answers and calls can be found again by their ids, each in one message of its session."""
    for _, data, found in transcripts:
        ids = Counter(
            (item.write.session_external_id, id)
            for item in found
            if isinstance(item, FoundMessage)
            for id in item.records
        )
        assert set(ids.values()) == {1} or not ids
        assert {id for _, id in ids} >= set(_ids(data))


def test_it_keeps_the_order_of_the_transcript(transcripts: list[Transcript]) -> None:
    """Messages come by their first lines, and their times never run backwards within a session."""
    for path, _, found in transcripts:
        firsts = [item.lines[0] for item in found if isinstance(item, FoundMessage)]
        assert firsts == sorted(firsts), path.name
        times: dict[str, list[Any]] = {}
        for write in _writes(found):
            times.setdefault(write.session_external_id, []).append(write.created_at)
        assert all(told == sorted(told) for told in times.values()), path.name


def test_it_finds_by_reading_on_what_it_finds_at_once(transcripts: list[Transcript]) -> None:
    """Cut anywhere and read on later, a file gives the same messages and sessions."""
    places = random.Random(7)
    for path, data, found in transcripts:
        for _ in range(2):
            halves = feed_in_halves(FORMAT, data, places.randrange(len(data)), str(path))
            assert messages(halves) == messages(found), path.name
            assert sessions(halves) == sessions(found), path.name


def test_it_counts_each_days_tokens_as_ccusage_does(transcripts: list[Transcript]) -> None:
    """Input, output, cache writes and cache reads of all messages add up to the oracle's, day by day."""
    ours: dict[str, Counter[str]] = {}
    for write in (write for _, _, found in transcripts for write in _writes(found)):
        if write.role != "assistant" or write.created_at is None:
            continue
        day = str((write.attrs or {}).get("timestamp") or write.created_at.isoformat())[:10]
        ours.setdefault(day, Counter()).update(
            inputTokens=write.prompt_tokens or 0,
            outputTokens=write.completion_tokens or 0,
            cacheCreationTokens=write.cache_write_tokens or 0,
            cacheReadTokens=write.cache_read_tokens or 0,
        )
    oracle = msgspec.json.decode(ORACLE.read_bytes())["daily"]
    names = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")
    assert ours == {row["date"]: Counter({name: row[name] for name in names}) for row in oracle}


def _writes(found: list[Found]) -> list[MessageWrite]:
    return list(messages(found).values())


def _rows(data: bytes) -> Iterator[tuple[dict[str, Any], dict[str, Any], Raw | None]]:
    """Each row with a message, those of sub-agents in progress records too: the row, its message, its content."""
    for line in lines_of(data):
        values, members = msgspec.json.decode(line.data), msgspec.json.decode(line.data, type=dict[str, Raw])
        if values["type"] == "progress" and isinstance(values["data"].get("message"), dict):
            inner = msgspec.json.decode(members["data"], type=dict[str, Raw])["message"]
            values, members = msgspec.json.decode(inner), msgspec.json.decode(inner, type=dict[str, Raw])
        if values["type"] in ("user", "assistant"):
            message = msgspec.json.decode(members["message"], type=dict[str, Raw])
            yield values, values["message"], message.get("content")


def _blocks(data: bytes) -> Iterator[dict[str, Raw]]:
    for _, message, content in _rows(data):
        if content is not None and isinstance(message["content"], list):
            yield from msgspec.json.decode(content, type=list[dict[str, Raw]])


def _texts(data: bytes) -> Iterator[str]:
    for _, message, _ in _rows(data):
        if isinstance(message["content"], str):
            yield message["content"]
        else:
            yield from (block["text"] for block in message["content"] if block["type"] == "text")
    for line in lines_of(data):
        values = msgspec.json.decode(line.data)
        if values["type"] == "system" and isinstance(values.get("content"), str):
            yield values["content"]


def _ids(data: bytes) -> Iterator[str]:
    for row, message, _ in _rows(data):
        yield row["uuid"]
        if row["type"] == "assistant":
            yield message["id"]
            yield from (block["id"] for block in message["content"] if block["type"] == "tool_use")


def _spelled_part(part: Part) -> tuple[bytes, bytes] | None:
    """The id and the very bytes of a call's arguments or of a result."""
    if part.type not in ("tool-call", "tool-result"):
        return None
    members = msgspec.json.decode(part.content, type=dict[str, Raw])
    return bytes(members["toolCallId"]), bytes(members["args" if part.type == "tool-call" else "result"])


def _spelled_block(block: dict[str, Raw]) -> tuple[bytes, bytes] | None:
    names = {b'"tool_use"': ("id", "input"), b'"tool_result"': ("tool_use_id", "content")}
    if (found := names.get(bytes(block["type"]))) is None or found[1] not in block:
        return None
    return bytes(block[found[0]]), msgspec.json.format(bytes(block[found[1]]), indent=-1)
