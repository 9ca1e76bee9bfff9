"""How agents call tools: failures, retries, edits, latency, and how sure each figure is. Pure.

Rule: a figure never stands without its interval. Shares have Wilson's (Wilson 1927; Brown, Cai and DasGupta 2001), as if
calls were independent. Calls of one session are not, so percentiles have a bootstrap over whole sessions (Davison and
Hinkley 1997, 3.8), which is wider and more honest. Both are 95 %.

`calls` is a frame with session, tool, seq, at, duration_ms (null without a result) and failed (null without a result).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import polars as pl
from numpy.typing import NDArray

Z95 = 1.959964
DRAWS = 400
EDITING = (
    "edit",
    "multiedit",
    "write",
    "notebookedit",
    "apply_patch",
    "str_replace",
    "create",
    "patch",
    "replace",
    "write_file",
    "edit_file",
    "create_file",
    "delete_file",
    "search_replace",
    "str_replace_editor",
    "str_replace_based_edit_tool",
)
"""Names of tools that change files, in small letters."""


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The interval of a share.

    >>> [round(end, 3) for end in wilson(5, 10)], wilson(0, 0)
    ([0.237, 0.763], (0.0, 1.0))
    """
    if whole == 0:
        return 0.0, 1.0
    share, z2 = part / whole, Z95 * Z95
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z95 / (1 + z2 / whole) * sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole))
    return max(0.0, middle - half), min(1.0, middle + half)


def with_retries(calls: pl.DataFrame) -> pl.DataFrame:
    """With `retry`: the next call of the same tool in the session, right after one of that tool that failed; and `edit`."""
    ordered = calls.sort("session", "seq", maintain_order=True)
    before = pl.col("failed").shift(1).over("session", "tool")
    return ordered.with_columns(
        before.fill_null(False).alias("retry"),
        pl.col("tool").fill_null("").str.to_lowercase().is_in(EDITING).alias("edit"),
    )


def shares(calls: pl.DataFrame, by: Sequence[str], what: str = "failed") -> pl.DataFrame:
    """A row for each combination of `by`: `calls` with a known `what`, `part` of them, `share`, `low`, `high`, the most calls first."""
    known = calls.filter(pl.col(what).is_not_null())
    rows = known.group_by(list(by)).agg(
        pl.len().cast(pl.Int64).alias("calls"), pl.col(what).sum().cast(pl.Int64).alias("part")
    )
    return with_wilson(rows).sort("calls", *by, descending=[True] + [False] * len(by))


def with_wilson(rows: pl.DataFrame, part: str = "part", whole: str = "calls") -> pl.DataFrame:
    """Rows with `share` (null of nothing), `low` and `high`."""
    ends = [wilson(*pair) for pair in rows.select(part, whole).iter_rows()]
    return rows.with_columns(
        pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole)).alias("share"),
        pl.Series("low", [low for low, _ in ends], dtype=pl.Float64),
        pl.Series("high", [high for _, high in ends], dtype=pl.Float64),
    )


def latency(
    calls: pl.DataFrame, by: Sequence[str], *, quantiles: Sequence[float] = (0.5, 0.95)
) -> pl.DataFrame:
    """A row for each combination of `by` and each quantile: `calls` with a time, `sessions`, `quantile`, `ms`, `low`, `high`."""
    timed = calls.drop_nulls("duration_ms")
    rows = []
    for key, group in timed.group_by(list(by), maintain_order=True):
        by_session = [part["duration_ms"].to_numpy() for part in group.partition_by("session")]
        for quantile in quantiles:
            low, high = bootstrap(by_session, quantile)
            whole = float(np.quantile(np.concatenate(by_session), quantile))
            told = dict(zip(by, key, strict=True))
            rows.append(
                told | {"calls": group.height, "sessions": len(by_session), "quantile": quantile, "ms": whole, "low": low, "high": high}
            )  # fmt: skip
    figures = {
        "calls": pl.Int64,
        "sessions": pl.Int64,
        **dict.fromkeys(("quantile", "ms", "low", "high"), pl.Float64),
    }
    frame = pl.DataFrame(rows, schema={**{name: timed.schema[name] for name in by}, **figures}, orient="row")
    return frame.sort("quantile", "calls", *by, descending=[False, True] + [False] * len(by))


def bootstrap(
    by_session: Sequence[NDArray[np.int64]], quantile: float, *, seed: int = 7
) -> tuple[float, float]:
    """The interval of a quantile, from sessions drawn again. One session tells nothing of others: its range is given.

    >>> bootstrap([np.array([5, 5]), np.array([5])], 0.5)
    (5.0, 5.0)
    """
    if len(by_session) == 1:
        return float(by_session[0].min()), float(by_session[0].max())
    chance = np.random.default_rng(seed)
    drawn = chance.integers(len(by_session), size=(DRAWS, len(by_session)))
    found = [np.quantile(np.concatenate([by_session[n] for n in draw]), quantile) for draw in drawn]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def apart(rows: pl.DataFrame) -> list[tuple[dict[str, object], dict[str, object]]]:
    """Pairs of rows whose intervals do not meet, the higher share first: what can be told apart."""
    told = rows.to_dicts()
    return [(high, low) for high in told for low in told if high["low"] > low["high"]]
