"""What the totals of a session tell beyond its messages. Pure.

Rule: totals are absolute; one that falls corrects those before it. Messages' counts are taken from the earliest increases first, so that what is left
stands at the latest ones, and shrinks as messages bring their own. A client may count cached tokens inside its
input and its messages beside it: the kinds of input are compared as one, and what is left is plain input where the
totals do not say that it was cached.
"""

from __future__ import annotations

import polars as pl

from analytics.schema import TOKENS

_INPUT = ("input_tokens", "cache_read_tokens", "cache_write_tokens")


def beyond_messages(totals: pl.DataFrame) -> pl.DataFrame:
    """`schema.TOTALS` to the rows in which something is left: what was used at that time, and what it cost.

    The cost is what the client told beyond its messages' (null where it told none, or where messages account for all
    tokens and have a price of their own).
    """
    ordered = totals.sort("session_id", "at_us").with_columns(
        pl.col(name).fill_null(0).cum_min(reverse=True).over("session_id")
        for name in (*TOKENS, "cost_nano_usd")
    )
    whole = _beyond(_sum(""), _sum("known_"))
    read = pl.min_horizontal(_beyond_known("cache_read_tokens"), whole)
    written = pl.min_horizontal(_beyond_known("cache_write_tokens"), whole - read)
    unaccounted = ordered.with_columns(
        cache_read_tokens=read,
        cache_write_tokens=written,
        input_tokens=(whole - read - written).cum_max().over("session_id"),
        output_tokens=_beyond_known("output_tokens"),
    )
    increases = unaccounted.with_columns(
        *(_increase(name) for name in TOKENS), cost_nano_usd=_increase_of_cost()
    )
    tokens_left = pl.sum_horizontal(*TOKENS) > 0
    no_known_cost = pl.col("known_cost_nano_usd").fill_null(0) == 0
    return increases.with_columns(
        cost_nano_usd=pl.when((pl.col("cost_nano_usd") > 0) & (tokens_left | no_known_cost)).then(
            "cost_nano_usd"
        )
    ).filter(tokens_left | (pl.col("cost_nano_usd") > 0))


def _sum(prefix: str) -> pl.Expr:
    return pl.sum_horizontal(*(prefix + name for name in _INPUT))


def _beyond_known(name: str) -> pl.Expr:
    return _beyond(pl.col(name), pl.col(f"known_{name}"))


def _beyond(told: pl.Expr, known: pl.Expr) -> pl.Expr:
    return pl.max_horizontal(told - known, 0)


def _increase(name: str) -> pl.Expr:
    return pl.max_horizontal(pl.col(name) - pl.col(name).shift(1, fill_value=0).over("session_id"), 0)


def _increase_of_cost() -> pl.Expr:
    beyond = pl.max_horizontal(
        pl.col("cost_nano_usd").fill_null(0) - pl.col("known_cost_nano_usd").fill_null(0), 0
    )
    return beyond - beyond.shift(1, fill_value=0).over("session_id")
