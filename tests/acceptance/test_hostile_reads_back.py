"""What a write was told to be stored reads back equal, whatever stood in it; and its neighbours are stored."""

from __future__ import annotations

import itertools
import json
import math
from decimal import Decimal
from typing import Any

import httpx
from hostile_json import anything, numbers, repaired, texts
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

MOST = 10**15
count = itertools.count()
quick = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)  # fmt: skip

optional_text = st.none() | texts | texts.map(lambda text: text * 200)
tokens = st.none() | st.integers(0, MOST) | st.floats(0, MOST) | numbers
session_fields = st.fixed_dictionaries(
    {"externalId": texts},
    optional={
        "title": optional_text, "projectPath": optional_text, "projectName": texts, "model": texts, "provider": texts,
        "status": texts, "promptTokens": tokens, "completionTokens": tokens, "cacheReadTokens": tokens,
        "cacheWriteTokens": tokens, "durationMs": tokens, "cost": st.none() | st.floats(0, 10**9) | numbers,
        "createdAt": st.none() | st.integers(1, 253_402_300_799_999) | numbers | texts, "attrs": anything, "unknown": anything,
    },
)  # fmt: skip
text_part = st.builds(lambda text: {"type": "text", "content": text}, texts)
call_part = st.builds(
    lambda name, args: {"type": "tool-call", "content": {"toolCallId": "c", "toolName": name, "args": args}}, texts, anything
)  # fmt: skip
odd_part = st.builds(
    lambda type, content: {"type": type, "content": content},
    st.sampled_from(
        ["text", "reasoning", "thinking", "tool-call", "tool-result", "tool_use", "image", "file", "?"]
    ),
    anything,
)
message_fields = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "unknown"])},
    optional={
        "textContent": optional_text, "model": texts, "promptTokens": tokens, "completionTokens": tokens, "cost": tokens,
        "durationMs": tokens, "parts": st.none() | st.lists(text_part | call_part | odd_part, max_size=4) | anything,
        "attrs": anything,
    },
)  # fmt: skip


def unique(text: str) -> str:
    """An id that no other example has, with hostile code points in it."""
    return f"{next(count)} {text}"


def said(text: Any) -> str | None:
    """A text as it reads back; None where it says nothing."""
    kept = repaired(text) if isinstance(text, str) else None
    return kept if kept and kept.strip() else None


def whole(number: Any) -> int:
    """Tokens or milliseconds as they read back."""
    return 0 if number is None else round(number)


def posted(api: httpx.Client, path: str, body: Any) -> bool:
    """Whether it was stored; else it was refused in a sentence."""
    answer = api.post(path, content=json.dumps(body))
    assert answer.status_code in (200, 400), answer.text
    return answer.status_code == 200 or answer.json()["error"] is None


def opened(api: httpx.Client, external_id: str) -> dict[str, Any]:
    answer = api.get("/api/sessions/get", params={"id": external_id})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@quick
@given(fields=session_fields)
def test_it_reads_back_the_session_that_it_stored(api: httpx.Client, fields: dict[str, Any]) -> None:
    """Texts repaired and otherwise as they were, counts whole, costs to six places; or 400 and nothing is there."""
    fields = fields | {"externalId": unique(fields["externalId"])}
    external_id = repaired(fields["externalId"])
    if not posted(api, "/sync/session", fields):
        assert api.get("/api/sessions/get", params={"id": external_id}).status_code == 404
        return
    read = opened(api, external_id)["session"]
    assert read["externalId"] == external_id
    for name in ("title", "projectPath", "projectName", "model", "provider", "status"):
        assert read.get(name) == said(fields.get(name)), name
    for name in ("promptTokens", "completionTokens", "cacheReadTokens", "cacheWriteTokens"):
        assert read[name] == whole(fields.get(name)), name
    assert read.get("durationMs", 0) == whole(fields.get("durationMs"))
    assert math.isclose(read["cost"], fields.get("cost") or 0, abs_tol=1e-6)
    assert read["costKnown"] == (Decimal(str(fields.get("cost") or 0)) >= Decimal("0.5e-10"))


@quick
@given(fields=message_fields, id=texts)
@example(fields={"role": "user", "parts": [{"caf\u00e9": None}]}, id="")
def test_it_reads_back_the_message_that_it_stored(api: httpx.Client, fields: dict[str, Any], id: str) -> None:
    """Text, counts and plain parts as they were; sent again as they read back they change nothing."""
    sent = {"sessionExternalId": unique(""), "externalId": unique(id), **fields}
    if not posted(api, "/sync/message", sent):
        return
    etag = api.get("/api/sessions/get", params={"id": sent["sessionExternalId"]}).headers["etag"]
    (read,) = opened(api, sent["sessionExternalId"])["messages"]
    assert (read["externalId"], read["role"]) == (repaired(sent["externalId"]), sent["role"])
    assert (read.get("textContent"), read.get("model")) == (
        said(fields.get("textContent")),
        said(fields.get("model")),
    )
    assert read["promptTokens"] == whole(fields.get("promptTokens"))
    plain = [part for part in fields.get("parts") or [] if part in read["parts"]] if is_list(fields) else []
    assert [part for part in read["parts"] if part in plain] == plain
    again = {name: read[name] for name in ("externalId", "role", "textContent", "parts") if read.get(name)}
    assert posted(api, "/sync/message", {**again, "sessionExternalId": sent["sessionExternalId"]})
    (same,) = opened(api, sent["sessionExternalId"])["messages"]
    assert same == read
    assert api.get("/api/sessions/get", params={"id": sent["sessionExternalId"]}).headers["etag"] == etag


def is_list(fields: dict[str, Any]) -> bool:
    return isinstance(fields.get("parts"), list)


@quick
@given(
    odd=st.lists(anything | message_fields.map(lambda fields: {**fields, "externalId": "odd"}), max_size=3)
)
def test_it_stores_the_neighbours_of_whatever_stands_in_a_batch(api: httpx.Client, odd: list[Any]) -> None:
    """Between any JSON at all, good sessions and messages are stored; what was not is told."""
    session = unique("")
    good = [
        {"sessionExternalId": session, "externalId": f"good {n}", "role": "user", "textContent": f"text {n}"}
        for n in range(len(odd) + 1)
    ]
    mixed = [item for pair in zip(good, odd, strict=False) for item in pair] + good[-1:]
    answer = api.post(
        "/sync/batch", content=json.dumps({"messages": mixed, "sessions": [*odd, {"externalId": session}]})
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["sessions"] + told["messages"] + len(told["errors"]) == len(mixed) + len(odd) + 1
    read = [
        message["textContent"]
        for message in opened(api, session)["messages"]
        if "good" in message["externalId"]
    ]
    assert read == [f"text {n}" for n in range(len(good))]


@quick
@given(odd=st.lists(anything | message_fields, max_size=3))
def test_it_stores_the_neighbours_of_whatever_stands_in_an_import(api: httpx.Client, odd: list[Any]) -> None:
    """The same for the lines of /api/import, of which each stands alone."""
    session = unique("")
    lines: list[Any] = [{"type": "session", "externalId": session, "source": "pi", "title": "Good"}]
    for n, item in enumerate([*odd, {"type": "cat"}]):
        typed = {"type": "message", "source": "pi", "sessionExternalId": session, "externalId": unique("odd")}
        lines.append({**typed, **item} if isinstance(item, dict) else item)
        lines.append({**typed, "externalId": f"good {n}", "role": "user", "textContent": f"text {n}"})
    answer = api.post("/api/import", content=b"\n".join(json.dumps(line).encode() for line in lines))
    assert answer.status_code == 200, answer.text
    read = [message for message in opened(api, session)["messages"] if "good" in message["externalId"]]
    assert {message["textContent"] for message in read} == {f"text {n}" for n in range(len(odd) + 1)}
    assert opened(api, session)["session"]["title"] == "Good"
