"""What was told, as usage rows: one a message, one for what totals tell beyond messages, one a record. Pure.

Rule: token counts come out disjoint. Clients of OpenAI's convention count cached tokens inside the input; where a
message may be of such a client (`cached_inside`), its model is not Anthropic's, and the input is large enough to hold
them, they are taken out of it.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from analytics import residuals, schema
from analytics.pricing.book import RATES, Book
from analytics.pricing.costs import TOO_DEAR, costs
from analytics.pricing.rates import LLM, METRICS
from analytics.pricing.table import provider_of

_DISJOINT = ("anthropic", "aws", "google-vertex")
NONE = pl.DataFrame(schema=schema.ROWS)
"""Said at once where there is nothing: most hours have no records and most sessions no totals, and Polars takes some
milliseconds for no rows, too."""
_PLAIN = {"service": pl.lit(LLM), "metric": pl.lit(""), "quantity": pl.lit(0.0)}


def of_messages(messages: pl.DataFrame, book: Book) -> pl.DataFrame:
    if messages.is_empty():
        return NONE
    told = with_provider(messages).lazy().with_columns(**_PLAIN, kind=pl.lit("m"))
    cached = pl.col("cache_read_tokens") + pl.col("cache_write_tokens")
    inside = (
        pl.col("cached_inside")
        & ~pl.col("provider").is_in(_DISJOINT)
        & ~pl.col("model").str.contains("claude")
        & (cached <= pl.col("input_tokens"))
    )
    counted = told.with_columns(
        occurred_at=at(),
        input_tokens=pl.when(inside).then(pl.col("input_tokens") - cached).otherwise("input_tokens"),
    )
    return shaped(costs(counted, book))


def of_totals(totals: pl.DataFrame, book: Book) -> pl.DataFrame:
    """What totals tell beyond messages; how it divides into kinds of tokens is a guess, and so is its price."""
    if totals.is_empty():
        return NONE
    beyond = residuals.beyond_messages(with_provider(totals))
    told = beyond.lazy().with_columns(
        **_PLAIN,
        kind=pl.lit("s"),
        id=pl.col("session_id"),
        occurred_at=at(),
        reported_nano_usd=pl.col("cost_nano_usd"),
        estimated=pl.lit(True),
        tier=pl.lit(""),
        cache_write_1h_tokens=pl.lit(0, pl.Int64),
    )
    return shaped(costs(told.drop("cost_nano_usd"), book))


def of_records(records: pl.DataFrame, book: Book) -> pl.DataFrame:
    """Tokens count as tokens, whoever served them; all else costs what was reported, or its rate, or nobody knows."""
    if records.is_empty():
        return NONE
    tokens = {
        name: pl.when(pl.col("metric") == name).then("whole")
        for name in schema.TOKENS
        if name != "cache_write_tokens"
    }
    written = pl.col("metric").is_in(["cache_write_tokens", "cache_write_1h_tokens"])
    whole = pl.col("quantity").cast(pl.Float64).round().cast(pl.Int64)
    told = (
        with_provider(records)
        .with_columns(
            occurred_at=at(),
            whole=whole,
            rated=rated(records, book),
        )
        .with_columns(
            by_rate=pl.col("reported_nano_usd").is_null() & pl.col("rated").is_not_null(),
            reported_nano_usd=pl.coalesce("reported_nano_usd", "rated"),
        )
        .lazy()
        .with_columns(
            **{name: tokens[name].otherwise(0) for name in tokens},
            cache_write_tokens=pl.when(written).then("whole").otherwise(0),
            cache_write_1h_tokens=pl.when(pl.col("metric") == "cache_write_1h_tokens")
            .then("whole")
            .otherwise(0),
            kind=pl.lit("r"),
            quantity=pl.col("quantity").cast(pl.Float64),
            estimated=pl.lit(False),
            tier=pl.lit(""),
        )
    )
    unknown = (pl.col("cost_source") == "none") & (pl.col("quantity") > 0)
    by_rate = pl.col("by_rate") & pl.col("cost_nano_usd").is_not_null()  # what is beyond belief has no cost
    priced = costs(told, book).with_columns(
        cost_source=pl.when(by_rate)
        .then(pl.lit("computed"))
        .when(unknown)
        .then(pl.lit("unknown"))
        .otherwise("cost_source"),
        price_version=pl.when(by_rate).then(pl.lit(RATES)).otherwise("price_version"),
    )
    return shaped(priced)


def rated(records: pl.DataFrame, book: Book) -> pl.Series:
    """What an operator's rates make of each record, in nano-dollars; null where there is none, and for tokens: their
    card holds the rates."""
    asked = records.select("service", "metric", "model", "quantity", when=at()).iter_rows()
    found = (
        None
        if metric in METRICS or (usd := book.rate(service, metric, model, when)) is None
        else min(round(usd * Decimal(quantity) * 10**9), TOO_DEAR)
        for service, metric, model, quantity, when in asked
    )
    return pl.Series("rated", list(found), dtype=pl.Int64)


def with_provider(told: pl.DataFrame) -> pl.DataFrame:
    """With who served each model, where only the model tells."""
    pairs = told.select("model", "provider").unique()
    served = [provider_of(model, provider) for model, provider in pairs.iter_rows()]
    known = pairs.with_columns(served=pl.Series("served", served, dtype=pl.String))
    return (
        told.join(known, on=["model", "provider"], how="left", maintain_order="left")
        .with_columns(provider="served")
        .drop("served")
    )


def at() -> pl.Expr:
    return pl.from_epoch("at_us", time_unit="us").dt.replace_time_zone("UTC")


def shaped(priced: pl.LazyFrame) -> pl.DataFrame:
    """In the form of `schema.ROWS`; what a row does not tell is null, 0 or counted."""
    told = priced.collect_schema().names()
    absent = {
        "copy_key": pl.lit(None), "copied": pl.lit(False), "counted": pl.lit(True), "duration_ms": pl.lit(None),
        "tool_calls": pl.lit(0), "tool_errors": pl.lit(0),
    }  # fmt: skip
    filled = priced.with_columns(**{name: value for name, value in absent.items() if name not in told})
    return filled.select(pl.col(name).cast(type) for name, type in schema.ROWS.items()).collect()
