"""What each workspace of the tenants' test has, by sync and by import; and the questions that are asked of /api/import."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from service.model import zstd

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TABLES = (
    "message_records", "message_lines", "raw_chunks", "import_files", "usage_records", "usage_rates", "message_tags",
    "label_history", "saved_searches",
)  # fmt: skip


def batch(session: str, word: str) -> dict[str, Any]:
    """A session with two messages, all of whose words are `word` or `hello`."""
    call = {"type": "tool-call", "content": {"toolName": word, "args": {"path": word}}}
    facts = {
        "title": f"{word} hello",
        "projectName": word,
        "projectPath": f"/{word}",
        "model": word,
        "provider": word,
        "source": word,
    }
    return {
        "sessions": [{"externalId": session, "promptTokens": 7, "cost": 0.5, "createdAt": ms(0), **facts}],
        "messages": [
            {
                "sessionExternalId": session, "externalId": f"{session}-{n}", "role": "user", "source": word, "model": word,
                "textContent": f"hello {word} {n}", "createdAt": ms(n), "parts": [call],
            }
            for n in range(2)
        ],
    }  # fmt: skip


def ms(minutes: int) -> int:
    return int((NOW + timedelta(minutes=minutes)).timestamp() * 1000)


def lines(session: str, message: str, word: str, *, source: str | None = None) -> list[dict[str, Any]]:
    """A session with a message that says nothing, its raw line and its file's position; all names are `word`."""
    named = {"source": source or word}
    raw = base64.b64encode(zstd.packed(b"x")).decode()
    return [
        {"type": "session", "externalId": session, **named},
        {
            "type": "message", "sessionExternalId": session, "externalId": message, "role": "user",
            "records": [f"{message}-record"], "stream": "ab", "lines": [0], **named,
        },
        {
            "type": "raw", "sessionExternalId": session, "format": "pi", "stream": "ab", "path": f"/{word}", "offsets": [0],
            "sizes": [1], "zstd": raw, **named,
        },
        {
            "type": "file", "machine": word, "path": f"/{word}", "format": "pi", "stream": "ab", "inode": 1, "size": 1,
            "mtimeMs": 1, "offset": 1, "tailSha256": "ff", "resumeOffset": 0, **named,
        },
    ]  # fmt: skip


def mine() -> list[dict[str, Any]]:
    sent = lines("{s}", "{m}", "x", source="pi")
    sent[0]["title"], sent[1]["textContent"] = "Mine", "x"
    return sent


def record(key: str, session: str, word: str) -> dict[str, Any]:
    """What a service says that it used."""
    return {
        "idempotencyKey": key, "service": word, "metric": word, "quantity": 1, "model": word, "occurredAt": ms(0),
        "sessionExternalId": session,
    }  # fmt: skip


def ndjson(items: list[dict[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(item).encode() for item in items)


def told(text: str) -> list[Any]:
    """What the events of a stream say; nothing when it is none."""
    return [json.loads(line.removeprefix("data: ")) for line in text.split("\n") if line.startswith("data: ")]
