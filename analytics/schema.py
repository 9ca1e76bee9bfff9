"""The frames that analytics takes and gives: each column's name, type and meaning.

Rule: money is integer nano-dollars (1e-9 USD), times are UTC, a text that is unknown is empty, a user who is unknown
is 0. Token counts are disjoint: input tokens are those that were neither read from a cache nor written to one.

    usage rows   one a message, one for what a session's totals tell beyond its messages, one a record
    facts        usage rows summed by UTC hour and `DIMENSIONS`; sessions and durations stay one by one
    tool facts   tool calls summed by UTC hour, source, project, user and tool
"""

from __future__ import annotations

import polars as pl

Schema = dict[str, pl.DataType]

TIME = pl.Datetime("us", "UTC")

DIMENSIONS: Schema = {
    "source": pl.String(),  # the wire's name: claude-code, codex-cli, ...; empty for a record without a session
    "provider": pl.String(),  # who served the model: anthropic, openai, ...
    "model": pl.String(),
    "project": pl.String(),  # its name, or its path where it has none
    "user_id": pl.Int64(),
    "service": pl.String(),  # `llm` for messages and totals; else the record's
    "metric": pl.String(),  # the record's; empty for messages and totals
}

TOKENS: Schema = {
    "input_tokens": pl.Int64(),
    "cache_read_tokens": pl.Int64(),
    "cache_write_tokens": pl.Int64(),
    "output_tokens": pl.Int64(),
}

USAGE_ROWS: Schema = {
    "occurred_at": pl.Datetime("us", "UTC"),
    **DIMENSIONS,
    "session_id": pl.Int64(),  # null: a record of no session
    "messages": pl.Int64(),  # 1 for a message; 0 for totals and records
    **TOKENS,
    "quantity": pl.Float64(),  # of a record's metric
    "cost_nano_usd": pl.Int64(),  # null: unknown, or nothing to pay for
    "unpriced": pl.Int64(),  # 1: it used something, and nobody knows what that cost
    "duration_ms": pl.Int64(),  # null: unknown
    "tool_calls": pl.Int64(),
    "tool_errors": pl.Int64(),
}

SUMS: Schema = {
    "messages": pl.Int64(),
    **TOKENS,
    "quantity": pl.Float64(),
    "cost_nano_usd": pl.Int64(),  # of what has a price
    "priced_messages": pl.Int64(),  # rows (messages, totals, records) whose cost is known
    "unpriced_messages": pl.Int64(),  # rows that used something for an unknown cost
    "tool_calls": pl.Int64(),
    "tool_errors": pl.Int64(),
}

FACTS: Schema = {
    "hour": pl.Datetime("us", "UTC"),  # its beginning; of a zone with a half-hour, see `rollup.facts`
    **DIMENSIONS,
    **SUMS,
    "session_ids": pl.List(pl.Int64()),  # those active, each once, ascending
    "durations_ms": pl.List(pl.Int64()),  # of the messages that have one, ascending
}

MESSAGES: Schema = {
    "at_us": pl.Int64(),  # microseconds since 1970, as all times that come from a table here
    "id": pl.Int64(),
    "session_id": pl.Int64(),
    "user_id": pl.Int64(),
    "source": pl.String(),
    "provider": pl.String(),  # as the session tells it
    "model": pl.String(),  # the message's, or the session's where the message has tokens and names none
    "project": pl.String(),
    "cached_inside": pl.Boolean(),  # it may be of a client that counts cached tokens inside its input
    **TOKENS,
    "cache_write_1h_tokens": pl.Int64(),  # of cache_write_tokens
    "tier": pl.String(),  # <service tier>/<speed>
    "reported_nano_usd": pl.Int64(),
    "estimated": pl.Boolean(),
    "duration_ms": pl.Int64(),
    "tool_calls": pl.Int64(),
    "tool_errors": pl.Int64(),
    "copy_key": pl.Int64(),  # two messages with the same one are one answer that stands in two sessions
    "copied": pl.Boolean(),  # it says itself that it is a copy
    "counted": pl.Boolean(),  # false: it says that it repeats what another session used
}

TOTALS: Schema = {
    "at_us": pl.Int64(),  # when a client told the totals of a session; ascending in each session
    **{name: MESSAGES[name] for name in ("session_id", "user_id", "source", "provider", "model", "project")},
    **TOKENS,  # as told by then
    "cost_nano_usd": pl.Int64(),
    **{f"known_{name}": TOKENS[name] for name in TOKENS},  # what all of the session's messages account for
    "known_cost_nano_usd": pl.Int64(),
}

RECORDS: Schema = {
    "at_us": pl.Int64(),
    "id": pl.Int64(),
    **{name: MESSAGES[name] for name in ("session_id", "user_id", "source", "provider", "model", "project")},
    "service": pl.String(),
    "metric": pl.String(),
    "quantity": pl.String(),  # a decimal number: it is multiplied by money
    "reported_nano_usd": pl.Int64(),
}

ROWS: Schema = {
    # usage rows as they are stored: which message, session or record, where the cost is from, what is a copy
    "occurred_at": pl.Datetime("us", "UTC"),
    "kind": pl.String(),  # m, s, r
    "id": pl.Int64(),
    "session_id": pl.Int64(),
    **DIMENSIONS,
    "copy_key": pl.Int64(),
    "copied": pl.Boolean(),
    "counted": pl.Boolean(),
    **TOKENS,
    "quantity": pl.Float64(),
    "cost_nano_usd": pl.Int64(),
    "cost_source": pl.String(),
    "price_version": pl.String(),
    "duration_ms": pl.Int64(),
    "tool_calls": pl.Int64(),
    "tool_errors": pl.Int64(),
}

TOOL_CALLS: Schema = {
    "at_us": pl.Int64(),
    "source": pl.String(),
    "project": pl.String(),
    "user_id": pl.Int64(),
    "session_id": pl.Int64(),
    "tool": pl.String(),
    "calls": pl.Int64(),  # 1: a call; 0: a result, at its own time
    "errors": pl.Int64(),
    "duration_ms": pl.Int64(),  # of a result: since its call
}

TOOL_FACTS: Schema = {
    "hour": pl.Datetime("us", "UTC"),
    "source": pl.String(),
    "project": pl.String(),
    "user_id": pl.Int64(),
    "tool": pl.String(),
    "calls": pl.Int64(),
    "errors": pl.Int64(),  # results that say that the call failed
    "session_ids": pl.List(pl.Int64()),
    "durations_ms": pl.List(pl.Int64()),  # from a call to its result, where both have a time
}
