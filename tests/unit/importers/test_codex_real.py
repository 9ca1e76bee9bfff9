"""The account of real Codex rollouts: nothing lost, nothing twice, byte for byte, and the tokens of an oracle."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from feeding import SHARED, feed, feed_in_halves, lines_of, messages, reasons, sessions, unaccounted

from service.importers.codex import FORMAT
from service.importers.model import Found, FoundMessage
from service.model.message import MessageWrite

ROLLOUTS = sorted(SHARED.glob("codex-home/sessions/**/*.jsonl"))
ORACLE = SHARED / "oracle" / "ccusage-20.0.24-codex-daily.json"

pytestmark = pytest.mark.skipif(not ROLLOUTS, reason="the real transcripts are not beside the project")


@pytest.fixture(scope="module", params=ROLLOUTS, ids=lambda path: path.stem[-12:])
def rollout(request: pytest.FixtureRequest) -> tuple[Path, bytes, list[Found]]:
    path: Path = request.param
    data = path.read_bytes()
    return path, data, feed(FORMAT, data, str(path))


def test_it_accounts_for_every_line(rollout: tuple[Path, bytes, list[Found]]) -> None:
    """Every line is in a message, in the session's fields, or left out for a reason that is known by name."""
    _, data, found = rollout
    assert unaccounted(found, lines_of(data)) == []
    assert not [reason for reason in reasons(found).values() if reason.startswith("unknown")]


def test_it_keeps_arguments_and_outputs_byte_for_byte(rollout: tuple[Path, bytes, list[Found]]) -> None:
    """The JSON text of each argument and each output stands in exactly one part, under its call."""
    _, data, found = rollout
    told: Counter[tuple[str, str, bytes]] = Counter()
    for payload in _items(data):
        id = _value(payload.get("call_id"))
        for member, kind in (
            ("arguments", "args"),
            ("input", "args"),
            ("output", "result"),
            ("tools", "result"),
        ):
            if member in payload:
                told[id, kind, bytes(payload[member])] += 1
    kept: Counter[tuple[str, str, bytes]] = Counter()
    for part in (part for write in messages(found).values() for part in write.parts or ()):
        if part.type in ("tool-call", "tool-result"):
            content = msgspec.json.decode(part.content, type=dict[str, msgspec.Raw])
            name = "args" if part.type == "tool-call" else "result"
            if _value(content.get("toolName")) != "web_search":
                kept[_value(content["toolCallId"]), name, bytes(content[name])] += 1
    assert kept == told


def test_it_has_every_text_once(rollout: tuple[Path, bytes, list[Found]]) -> None:
    """The texts of the conversation, by role, are those of the items: no second message for a text's event."""
    _, data, found = rollout
    roles = {"user", "assistant", "developer"}
    told = Counter(
        "\n\n".join(block["text"] for block in msgspec.json.decode(payload["content"]))
        for payload in _items(data)
        if _value(payload.get("role")) in roles
    )
    own = {"compacted", "turn_aborted", "instructions"}
    kept = Counter(
        write.text
        for write in messages(found).values()
        if write.text and (write.attrs or {}).get("event") not in own
    )
    assert kept == told


def test_it_has_all_that_events_said(rollout: tuple[Path, bytes, list[Found]]) -> None:
    """What a person was shown or wrote stands in a message."""
    _, data, found = rollout
    kept = {write.text for write in messages(found).values()}
    for line in lines_of(data):
        payload = msgspec.json.decode(line.data)["payload"]
        if payload.get("type") in ("user_message", "agent_message"):
            assert payload["message"] in kept


def test_it_keeps_the_order(rollout: tuple[Path, bytes, list[Found]]) -> None:
    """Messages come in the order of their first lines, and their times never go back."""
    _, _, found = rollout
    written = [item for item in found if isinstance(item, FoundMessage)]
    firsts = [item.lines[0] for item in written]
    times = [item.write.created_at for item in written]
    assert firsts == sorted(firsts)
    assert all(time is not None for time in times)
    assert times == sorted(times, key=lambda time: time or 0)


def test_it_finds_the_same_in_two_readings(rollout: tuple[Path, bytes, list[Found]]) -> None:
    """Wherever the file ended at first, reading on gives the messages and the session of the whole."""
    path, data, found = rollout
    whole, whole_session = messages(found), sessions(found)
    ends = [line.offset + len(line.data) + 1 for line in lines_of(data)]
    for cut in [*ends[1 : len(ends) : max(1, len(ends) // 12)], len(data) // 2, len(data) - 3]:
        halves = feed_in_halves(FORMAT, data, cut, str(path))
        assert messages(halves) == whole
        assert sessions(halves) == whole_session


def test_it_counts_what_the_oracle_counts() -> None:
    """Tokens by day and model are the oracle's, exactly."""
    used: dict[tuple[str, str], Counter[str]] = {}
    for write in _all_messages():
        if write.prompt_tokens or write.completion_tokens:
            day = used.setdefault((str(write.created_at)[:10], write.model or ""), Counter())
            day["inputTokens"] += write.prompt_tokens or 0
            day["cacheReadTokens"] += write.cache_read_tokens or 0
            day["outputTokens"] += write.completion_tokens or 0
            day["reasoningOutputTokens"] += (write.attrs or {})["usage"]["reasoning_output_tokens"]
    days = msgspec.json.decode(ORACLE.read_bytes())["daily"]
    names = ("inputTokens", "cacheReadTokens", "outputTokens", "reasoningOutputTokens")
    told = {
        (day["date"], model): {name: counts[name] for name in names}
        for day in days
        for model, counts in day["models"].items()
    }
    assert {key: dict(counts) for key, counts in used.items()} == told


def test_it_adds_the_messages_up_to_the_session() -> None:
    """A session's counts are the sums over its messages."""
    for path in ROLLOUTS:
        found = feed(FORMAT, path.read_bytes(), str(path))
        (session,) = sessions(found).values()
        writes = messages(found).values()
        assert session.prompt_tokens == sum(write.prompt_tokens or 0 for write in writes)
        assert session.completion_tokens == sum(write.completion_tokens or 0 for write in writes)
        assert session.cache_read_tokens == sum(write.cache_read_tokens or 0 for write in writes)


def test_it_knows_the_session_of_each_file() -> None:
    """A file is the session that its name says, in the folder where it was worked."""
    for path in ROLLOUTS:
        ((id, session),) = sessions(feed(FORMAT, path.read_bytes(), str(path))).items()
        assert path.stem.endswith(id)
        assert (session.project_path or "").endswith("/" + (session.project_name or "?"))
        assert (session.provider, session.model is None, session.created_at is None) == (
            "openai",
            False,
            False,
        )
        assert (session.attrs or {})["cliVersion"]


def _all_messages() -> list[MessageWrite]:
    return [
        write for path in ROLLOUTS for write in messages(feed(FORMAT, path.read_bytes(), str(path))).values()
    ]


def _items(data: bytes) -> list[dict[str, msgspec.Raw]]:
    """The payloads of the response items, members as JSON text."""
    tops = [msgspec.json.decode(line.data, type=dict[str, msgspec.Raw]) for line in lines_of(data)]
    return [
        msgspec.json.decode(top["payload"], type=dict[str, msgspec.Raw])
        for top in tops
        if _value(top["type"]) == "response_item"
    ]


def _value(raw: msgspec.Raw | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)
