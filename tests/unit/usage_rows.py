"""Usage rows in a line each, and their facts as the rollup makes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from analytics import rollup, schema

ABSENT: dict[str, Any] = {
    "source": "pi", "provider": "", "model": "", "project": "", "user_id": 1, "service": "llm", "metric": "", "session_id": 1,
    "messages": 1, "input_tokens": 0, "cache_read_tokens": 0, "cache_write_tokens": 0, "output_tokens": 0, "quantity": 0.0,
    "cost_nano_usd": None, "unpriced": 0, "duration_ms": None, "tool_calls": 0, "tool_errors": 0,
}  # fmt: skip

Row = dict[str, Any]


def row(at: str | datetime, **told: Any) -> Row:
    """A message at a moment (ISO, UTC where it says nothing) with what is told of it."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return {"occurred_at": moment if moment.tzinfo else moment.replace(tzinfo=UTC), **ABSENT, **told}


def facts(rows: Sequence[Row], *, every: str = "1h") -> pl.DataFrame:
    """Their facts by the hour; by the quarter as in hours that a midnight cuts."""
    return rollup.facts(pl.DataFrame(list(rows), schema=schema.USAGE_ROWS).lazy(), every=every).collect()


def told(frame: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a frame by some of its columns."""
    return frame.select(columns).rows()
