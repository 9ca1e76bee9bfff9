"""One session for people: markdown to read, CSV for a table. Both of the same messages in the same order."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from service.exports.formats.common import iso

FENCE = re.compile(r"`{3,}")
UNSAFE = re.compile(r"[^A-Za-z0-9]+")
HEADINGS = {"user": "User", "assistant": "Assistant", "system": "System", "tool": "Tool"}
CSV_COLUMNS = (
    "seq", "id", "externalId", "role", "createdAt", "model", "promptTokens", "completionTokens", "cacheReadTokens",
    "cacheWriteTokens", "cost", "durationMs", "tools", "textContent", "parts",
)  # fmt: skip

Json = Mapping[str, Any]
"""A session or message as the API shows it."""


def file_stem(session: Json) -> str:
    """
    >>> file_stem({"title": "Fix: the loop!"}), file_stem({})
    ('Fix-the-loop', 'session')
    """
    return UNSAFE.sub("-", session.get("title", "")).strip("-")[:80] or "session"


def markdown(session: Json, messages: Sequence[Json]) -> str:
    """A heading a message; calls and results fenced, so that nothing in them is read as markdown."""
    facts = [
        ("Project", session.get("projectPath") or session.get("projectName")),
        ("Source", session["source"]),
        ("Model", session.get("model")),
        ("Date", iso(session["createdAt"])),
        ("Tokens", f"{session['totalTokens']:,}" if session["totalTokens"] else None),
        ("Cost", f"${session['cost']:.4f}" if session["costKnown"] else None),
    ]
    head = "\n".join(f"- **{name}**: {value}" for name, value in facts if value)
    title = " ".join(session.get("title", "Untitled").split())
    said = "\n\n".join(section for message in messages if (section := section_of(message)))
    return f"# {title}\n\n{head}\n\n---\n\n{said}\n"


def section_of(message: Json) -> str:
    """ "" where a message says nothing."""
    blocks = list(blocks_of(message))
    heading = HEADINGS.get(message["role"], message["role"].title())
    return "\n\n".join([f"## {heading}", *blocks]) if blocks else ""


def blocks_of(message: Json) -> Iterator[str]:
    told = message.get("textContent", "")
    if told:
        yield told
    for part in message["parts"]:
        content = part["content"]
        if part["type"] == "text" and content.strip() not in told:
            yield content
        elif part["type"] == "tool-call":
            yield f"**{content.get('toolName', 'tool')}**\n\n" + fenced(content.get("args"), "json")
        elif part["type"] == "tool-result":
            yield fenced(content.get("result"), "")


def fenced(value: Any, language: str) -> str:
    """
    >>> print(fenced("a ``` b", ""))
    ````
    a ``` b
    ````
    """
    text = (
        value
        if isinstance(value, str)
        else msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    )
    ticks = "`" * (max([2, *(len(found) for found in FENCE.findall(text))]) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def table(messages: Sequence[Json]) -> str:
    """CSV (RFC 4180), a message a row."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(CSV_COLUMNS)
    for message in messages:
        tools = [
            part["content"].get("toolName", "") for part in message["parts"] if part["type"] == "tool-call"
        ]
        row = {**message, "createdAt": iso(message["createdAt"]), "tools": " ".join(tools)}
        row["parts"] = msgspec.json.encode(message["parts"]).decode() if message["parts"] else ""
        rows.writerow([row.get(name, "") for name in CSV_COLUMNS])
    return out.getvalue()
