"""Sessions within a range: what kind of work each was, and which took longest."""

from __future__ import annotations

from typing import Any

import polars as pl

from analytics.schema import TOKENS, Schema

SESSIONS: Schema = {
    "session_id": pl.Int64(),
    "messages": pl.Int64(),
    **TOKENS,
    "cost_nano_usd": pl.Int64(),  # of what has a price
    "unpriced_messages": pl.Int64(),
    "tool_calls": pl.Int64(),
    "tool_errors": pl.Int64(),
    "active_hours": pl.Int64(),  # UTC hours with a message
    "first_ms": pl.Int64(),  # of its messages, epoch milliseconds; null where it has none
    "last_ms": pl.Int64(),
}
"""Usage rows of a range summed by session, each session once."""

MARATHON_HOURS, MARATHON_MESSAGES = 6, 500
BUMPY_ERRORS, BUMPY_SHARE = 5, 0.2
QUICK_MESSAGES = 20
ARCHETYPES = ("chat", "marathon", "bumpy", "quick", "steady")


def archetype() -> pl.Expr:
    """What kind of work a session was: the first that fits, as docs/metrics.md defines them."""
    calls, errors, messages = pl.col("tool_calls"), pl.col("tool_errors"), pl.col("messages")
    marathon = (pl.col("active_hours") >= MARATHON_HOURS) | (messages >= MARATHON_MESSAGES)
    return (
        pl.when(calls == 0).then(pl.lit("chat"))
        .when(marathon).then(pl.lit("marathon"))
        .when((errors >= BUMPY_ERRORS) & (errors >= calls * BUMPY_SHARE)).then(pl.lit("bumpy"))
        .when(messages < QUICK_MESSAGES).then(pl.lit("quick"))
        .otherwise(pl.lit("steady"))
    )  # fmt: skip


def archetypes(sessions: pl.DataFrame) -> dict[str, int]:
    """How many sessions there are of each kind, every kind present. Sessions without a message are of none."""
    kinds = sessions.filter(pl.col("messages") > 0).select(archetype().alias("kind"))["kind"].to_list()
    return {kind: kinds.count(kind) for kind in ARCHETYPES}


def with_span(sessions: pl.DataFrame) -> pl.DataFrame:
    """With `total_tokens` and `span_ms`, the time between its first and its last message in the range (0 without one)."""
    span = pl.col("last_ms") - pl.col("first_ms")
    return sessions.with_columns(
        pl.sum_horizontal(*TOKENS).alias("total_tokens"), span.fill_null(0).alias("span_ms")
    )


def costliest(sessions: pl.DataFrame) -> pl.DataFrame:
    """With `archetype` (null without a message) and the columns of `with_span`, the costliest first."""
    kind = pl.when(pl.col("messages") > 0).then(archetype()).alias("archetype")
    falling = ["cost_nano_usd", "total_tokens", "messages"]
    return (
        with_span(sessions).with_columns(kind)
        .sort(*falling, "session_id", descending=[True, True, True, False])
    )  # fmt: skip


def longest(sessions: pl.DataFrame) -> dict[str, Any] | None:
    """The session with the most time between its first and its last message, of several the one with more messages."""
    ordered = with_span(sessions.filter(pl.col("messages") > 0)).sort(
        "span_ms", "messages", "session_id", descending=[True, True, False]
    )
    return next(ordered.head(1).iter_rows(named=True), None)
