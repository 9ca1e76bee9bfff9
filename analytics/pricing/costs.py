"""Cards applied to usage: nano-dollars a row, exact, with where the figure is from.

Rule: a cost that was reported stands; else it is computed from the card that held in its quarter of an hour, and
estimated where the counts are; nothing known of the model is unknown (null). What used nothing costs nothing and has
no source. Prices are whole pico-dollars a token, so the sum is exact and is rounded once, to nano-dollars.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from analytics.pricing.book import Book
from analytics.pricing.cards import Card, Prices

TOO_DEAR = 10**15 + 1
"""Nano-dollars: a row of more than a million dollars is a mistake, and its cost unknown. So sums of thousands fit."""
_MOST_TOKENS = 4 * 10**9
"""Of a row that is priced, likewise."""
_EXACT = pl.Int64()
_KEYS = ["service", "model", "provider", "tier", "period"]
_PERIOD = "15m"
"""Prices change at most so often: some providers are cheaper at night."""


def costs(rows: pl.LazyFrame, book: Book) -> pl.LazyFrame:
    """`rows` with `cost_nano_usd`, `cost_source`, `price_version`.

    Takes: occurred_at, service, model, provider, tier, input_tokens, cache_read_tokens, cache_write_tokens,
    cache_write_1h_tokens (of which), output_tokens, reported_nano_usd, estimated.
    """
    whole_input = pl.sum_horizontal("input_tokens", "cache_read_tokens", "cache_write_tokens")
    tokens = whole_input + pl.col("output_tokens")
    keyed = rows.with_columns(
        period=pl.col("occurred_at").dt.truncate(_PERIOD),
        whole_input=whole_input,
        used=(tokens > 0) | (pl.col("reported_nano_usd") >= TOO_DEAR).fill_null(False),
        reported_nano_usd=pl.when(pl.col("reported_nano_usd") < TOO_DEAR).then("reported_nano_usd"),
    ).with_row_index("row")
    asked = keyed.filter(pl.col("used") & pl.col("reported_nano_usd").is_null()).select(_KEYS).unique()
    priced = (
        keyed.filter(pl.col("used") & tokens.is_between(1, _MOST_TOKENS))
        .join(cards(asked.collect(), book).lazy(), on=_KEYS, how="inner")
        .filter((pl.col("whole_input") > pl.col("above")) & (pl.col("whole_input") <= pl.col("upto")))
        .filter(_pico_usd(pl.Float64()) < TOO_DEAR * 1000)
        .select("row", "price_version", computed=_pico_usd() // 1000 + ((_pico_usd() % 1000) >= 500))
    )
    reported, computed = pl.col("reported_nano_usd").is_not_null(), pl.col("computed").is_not_null()
    return (
        keyed.join(priced, on="row", how="left")
        .with_columns(
            cost_nano_usd=pl.coalesce("reported_nano_usd", "computed"),
            cost_source=pl.when(reported)
            .then(pl.lit("reported"))
            .when(computed & pl.col("estimated"))
            .then(pl.lit("estimated"))
            .when(computed)
            .then(pl.lit("computed"))
            .when("used")
            .then(pl.lit("unknown"))
            .otherwise(pl.lit("none")),
            price_version=pl.when(reported).then(pl.lit("")).otherwise(pl.col("price_version").fill_null("")),
        )
        .drop("row", "period", "whole_input", "used", "computed")
    )


def _pico_usd(type: pl.DataType = _EXACT) -> pl.Expr:
    """Of a row and a step of its card. Prices that somebody mistyped make more than 64 bits hold: as a float first."""
    written_1h = pl.min_horizontal("cache_write_1h_tokens", "cache_write_tokens")
    return (
        pl.col("input_tokens") * pl.col("input").cast(type)
        + pl.col("cache_read_tokens") * pl.col("cache_read").cast(type)
        + (pl.col("cache_write_tokens") - written_1h) * pl.col("cache_write").cast(type)
        + written_1h * pl.col("cache_write_1h").cast(type)
        + pl.col("output_tokens") * pl.col("output").cast(type)
    )


def cards(asked: pl.DataFrame, book: Book) -> pl.DataFrame:
    """The steps of the cards of each (service, model, provider, tier, period); none where there is no price."""
    found = [
        (*key, *step)
        for key in asked.iter_rows()
        if (card := book.card(key[1], key[2], key[4], tier=key[3], service=key[0]))
        for step in _steps(card)
    ]
    schema = {name: asked.schema[name] for name in _KEYS} | {
        "above": pl.Int64(), "upto": pl.Int64(), **dict.fromkeys(Prices._fields, pl.Int64()), "price_version": pl.String(),
    }  # fmt: skip
    return pl.DataFrame(found, schema=schema, orient="row")


def _steps(card: Card) -> Iterable[tuple[int | str, ...]]:
    ends = [above for above, _ in card.steps[1:]] + [2**62]
    return [
        (above, end, *prices, card.version) for (above, prices), end in zip(card.steps, ends, strict=True)
    ]
