"""Our own export, read back line by line: whole, in halves, and damaged."""

from __future__ import annotations

import json
from decimal import Decimal

from feeding import feed, feed_in_halves, lines_of, messages, reasons, sessions, unaccounted

from service.importers.formats import FORMATS

FORMAT = FORMATS["backscroll"]
LINES = [
    {"type": "session", "backscroll": 1, "externalId": "s", "source": "pi", "title": "T", "kind": "run", "createdAt": 1000,
     "promptTokens": 5, "completionTokens": 0, "cost": 0.25, "costKnown": True, "evalReady": True},
    {"type": "message", "externalId": "m", "role": "assistant", "textContent": "a", "createdAt": 2000, "cost": 0.0,
     "costKnown": False, "parts": [{"type": "tool-call", "content": {"toolCallId": "t", "toolName": "X", "args": {"n": 1.0}}}]},
    {"type": "session", "backscroll": 1, "externalId": "s2", "source": "codex-cli"},
    {"type": "message", "externalId": "m", "role": "user", "textContent": "b"},
]  # fmt: skip
DATA = b"".join(json.dumps(line).encode() + b"\n" for line in LINES)


def test_it_reads_sessions_and_messages() -> None:
    """Each message is of the session above it, with that session's source; unknown counts and costs stay unknown."""
    found = feed(FORMAT, DATA)
    told = sessions(found)["s"]
    assert (told.source, told.title, told.kind, told.prompt_tokens, told.completion_tokens, told.cost_usd) == (
        "pi", "T", "run", 5, None, Decimal("0.25")
    )  # fmt: skip
    said = messages(found)
    assert [(write.session_external_id, write.source, write.text) for write in said.values()] == [
        ("s", "pi", "a"),
        ("s2", "codex-cli", "b"),
    ]
    (part,) = said["s", "m"].parts or ()
    assert part.content == b'{"toolCallId":"t","toolName":"X","args":{"n":1.0}}'
    assert said["s", "m"].cost_usd is None
    assert unaccounted(found, lines_of(DATA)) == []


def test_it_goes_on_where_it_stopped() -> None:
    """A file that ended between two lines, or within one, gives the same when it is read on."""
    for cut in range(0, len(DATA), 37):
        assert messages(feed_in_halves(FORMAT, DATA, cut)) == messages(feed(FORMAT, DATA))


def test_it_leaves_out_what_is_neither() -> None:
    """A message before any session, another object, a broken line: counted with a reason."""
    data = b'{"type":"message","externalId":"m","role":"user"}\n{"type":"x"}\n{"type"\n[1]\n'
    assert list(reasons(feed(FORMAT, data)).values()) == [
        "a message before its session", "neither a session nor a message", "not valid JSON", "not a JSON object"
    ]  # fmt: skip
