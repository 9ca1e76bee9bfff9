"""Answers of the API as frames. A frame has its columns whether or not it has rows; none holds a text that somebody wrote.

Rule: times are UTC, what is not known is null. `days` and `hours` keep the API's names, as exported files have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

Json = Mapping[str, Any]

TIME = pl.Datetime("ms", "UTC")
TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")

DAYS = {
    "day": pl.Date(),
    **dict.fromkeys(("source", "provider", "model", "project"), pl.String()),
    **dict.fromkeys(("sessions", "messages", "inputTokens", "cacheReadTokens", "cacheWriteTokens"), pl.Int64()),
    **dict.fromkeys(("outputTokens", "totalTokens"), pl.Int64()),
    "costUsd": pl.Float64(),
    **dict.fromkeys(("unpricedMessages", "durationMsP50", "durationMsP95"), pl.Int64()),
    **dict.fromkeys(("toolCalls", "toolErrors"), pl.Int64()),
}  # fmt: skip
"""Rows of GET /api/usage/daily by source, provider, model and project; docs/metrics.md defines them."""

HOURS = {
    "weekday": pl.Int64(),  # 1 Monday
    "hour": pl.Int64(),  # 0 to 23, of the zone that was asked for
    "messages": pl.Int64(),
    "totalTokens": pl.Int64(),
    "costUsd": pl.Float64(),
}

SESSIONS = {
    "session": pl.String(),
    "source": pl.String(),
    "model": pl.String(),
    "project": pl.String(),  # its name, or its path where it has none
    "kind": pl.String(),
    "started_at": TIME,
    "updated_at": TIME,
    "messages": pl.Int64(),
    **dict.fromkeys(TOKENS, pl.Int64()),
    "cost_usd": pl.Float64(),
    "duration_ms": pl.Int64(),
}

MESSAGES = {
    "session": pl.String(),
    "message": pl.String(),
    "seq": pl.Int64(),
    "role": pl.String(),
    "model": pl.String(),
    "at": TIME,
    "duration_ms": pl.Int64(),
    **dict.fromkeys(TOKENS, pl.Int64()),
    "cost_usd": pl.Float64(),
    "tool_calls": pl.Int64(),
    "tool_errors": pl.Int64(),
    "characters": pl.Int64(),  # of its text
}

CALLS = {
    "session": pl.String(),
    "source": pl.String(),
    "project": pl.String(),
    "model": pl.String(),  # of the message that calls, or of its session
    "tool": pl.String(),
    "seq": pl.Int64(),  # of the message that calls
    "at": TIME,
    "duration_ms": pl.Int64(),  # to the message that has the result; null without one
    "failed": pl.Boolean(),  # what the result says of itself; null without one
}

NEIGHBOURS = {
    "session": pl.String(),
    "other": pl.String(),
    "rank": pl.Int64(),  # 1: the nearest
    "score": pl.Float64(),
}


def frame(rows: Iterable[Json], schema: Mapping[str, Any]) -> pl.DataFrame:
    """Rows in this form: what they lack is null, what else they have is left out."""
    return pl.DataFrame(
        [{name: row.get(name) for name in schema} for row in rows], schema=dict(schema), orient="row"
    )


def session_row(told: Json) -> Json:
    """A session of the API as a row of `SESSIONS`."""
    return {
        **{name: told.get(name) for name in ("source", "model", "kind")},
        "session": told["id"],
        "project": project(told),
        "started_at": told["createdAt"],
        "updated_at": told["updatedAt"],
        "messages": told["messageCount"],
        **tokens(told),
        "cost_usd": told["cost"] if told["costKnown"] else None,
        "duration_ms": told.get("durationMs"),
    }


def message_rows(session: Json, messages: Iterable[Json]) -> Iterator[Json]:
    """Rows of `MESSAGES`."""
    for told in messages:
        contents = [(part["type"], part["content"]) for part in told["parts"]]
        failed = [kind == "tool-result" and bool(content.get("isError")) for kind, content in contents]
        yield {
            "session": session["id"],
            "message": told["id"],
            **{name: told.get(name) for name in ("seq", "role", "model")},
            "at": told["createdAt"],
            "duration_ms": told.get("durationMs"),
            **tokens(told),
            "cost_usd": told["cost"] if told["costKnown"] else None,
            "tool_calls": sum(kind == "tool-call" for kind, _ in contents),
            "tool_errors": sum(failed),
            "characters": len(told.get("textContent") or ""),
        }


def call_rows(session: Json, messages: Iterable[Json]) -> list[dict[str, Any]]:
    """Rows of `CALLS`, in their order. A result belongs to the call with its id; without ids, to none."""
    made: list[dict[str, Any]] = []
    open_calls: dict[str, dict[str, Any]] = {}
    for told in messages:
        for part in told["parts"]:
            content = part["content"]
            if part["type"] == "tool-call":
                call = {
                    "session": session["id"],
                    "source": session["source"],
                    "project": project(session),
                    "model": told.get("model") or session.get("model"),
                    "tool": content.get("toolName"),
                    "seq": told["seq"],
                    "at": told["createdAt"],
                }
                made.append(call)
                open_calls[content.get("toolCallId") or ""] = call
            elif part["type"] == "tool-result" and (id := content.get("toolCallId")) in open_calls:
                asked = open_calls.pop(id)
                asked["failed"] = bool(content.get("isError"))
                asked["duration_ms"] = max(0, told["createdAt"] - asked["at"])
    return made


def neighbour_rows(session: str, found: Iterable[Json]) -> Iterator[Json]:
    """Rows of `NEIGHBOURS`."""
    for rank, hit in enumerate(found, 1):
        yield {"session": session, "other": hit["id"], "rank": rank, "score": hit["score"]}


def project(session: Json) -> str | None:
    return session.get("projectName") or session.get("projectPath")


def tokens(told: Json) -> Json:
    names = ("promptTokens", "cacheReadTokens", "cacheWriteTokens", "completionTokens")
    return {ours: told[name] for ours, name in zip(TOKENS, names, strict=True)}
