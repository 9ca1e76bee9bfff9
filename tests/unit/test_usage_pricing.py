"""What tokens cost: by the table at a date and length, by a file, by rates; and what nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl
import pytest

from analytics import usage
from analytics.pricing.book import Book
from analytics.pricing.costs import costs
from analytics.pricing.litellm import LiteLLM
from analytics.pricing.rates import Rate
from analytics.schema import RECORDS
from service.jobs.price_file import PriceFile

AT = datetime(2026, 1, 10, tzinfo=UTC)
OLD = datetime(2025, 5, 1, tzinfo=UTC)


def priced(*, book: Book | None = None, at: datetime = AT, **told: Any) -> tuple[float | None, str, str]:
    """USD, source and version of one row."""
    row = {
        "occurred_at": at, "service": "llm", "model": "claude-sonnet-4-5", "provider": "anthropic", "tier": "",
        "input_tokens": 0, "cache_read_tokens": 0, "cache_write_tokens": 0, "cache_write_1h_tokens": 0, "output_tokens": 0,
        "reported_nano_usd": None, "estimated": False,
    } | told  # fmt: skip
    frame = pl.DataFrame(
        [row], schema_overrides={"reported_nano_usd": pl.Int64, "occurred_at": pl.Datetime("us", "UTC")}
    )
    (found,) = costs(frame.lazy(), book or Book()).collect().iter_rows(named=True)
    nano = found["cost_nano_usd"]
    return None if nano is None else nano / 1e9, found["cost_source"], found["price_version"]


def usd(**told: Any) -> float | None:
    return priced(**told)[0]


def test_it_prices_four_kinds_of_tokens_apart() -> None:
    """Sonnet 4.5: 3, 0.30, 3.75 and 15 dollars a million; a write for an hour costs twice the input."""
    million = 1_000_000
    assert usd(output_tokens=million) == 15
    assert usd(input_tokens=100_000, cache_read_tokens=100_000) == pytest.approx(0.33)
    assert usd(cache_write_tokens=100_000) == 0.375
    assert usd(cache_write_tokens=100_000, cache_write_1h_tokens=100_000) == 0.6
    assert usd(cache_write_tokens=100_000, cache_write_1h_tokens=60_000) == 0.36 + 0.15


def test_it_prices_a_long_request_whole_by_the_dearer_step() -> None:
    """At 200,000 tokens of input, cached ones with them, the base; one more, and every token costs the step's price."""
    assert usd(input_tokens=200_000, output_tokens=1000) == 0.615
    assert usd(input_tokens=200_001, output_tokens=1000) == pytest.approx(1.222506)
    assert usd(input_tokens=1, cache_read_tokens=200_000) == pytest.approx(0.120006)


def test_it_prices_by_the_date_and_the_tier() -> None:
    """o3 cost 10 dollars a million in May 2025 and 2 later; a batch costs half."""
    assert usd(model="o3", provider="openai", at=OLD, input_tokens=1000) == 0.01
    assert usd(model="o3", provider="openai", input_tokens=1000) == 0.002
    assert usd(tier="batch/standard", at=datetime(2026, 11, 1, tzinfo=UTC), output_tokens=1000) == 0.0075


@pytest.mark.parametrize("model", ["nobody-knows-this", "", "unknown", "claude" * 100, "*", "a/b/c"])
def test_it_leaves_what_nobody_knows_unknown(model: str) -> None:
    """Null and never 0; a row that used nothing has no cost to know."""
    assert priced(model=model, provider="", input_tokens=5) == (None, "unknown", "")
    assert priced(model=model, provider="") == (None, "none", "")


def test_it_finds_a_model_under_other_names() -> None:
    """A mark like [1m], the maker before a slash, a provider that the table does not know."""
    for name, provider in (
        ("claude-sonnet-4-5[1m]", "anthropic"),
        ("anthropic/claude-sonnet-4-5", ""),
        ("claude-sonnet-4-5", "my-proxy"),
    ):
        assert usd(model=name, provider=provider, output_tokens=1000) == 0.015


def test_it_believes_what_was_reported_and_says_what_was_estimated() -> None:
    """A reported cost stands, 0 too; a count that is a guess makes a cost that is one."""
    assert priced(reported_nano_usd=5, input_tokens=1000) == (5e-9, "reported", "")
    assert priced(reported_nano_usd=0, input_tokens=1000) == (0, "reported", "")
    assert priced(estimated=True, input_tokens=1000)[1] == "estimated"


def test_it_prefers_rates_to_a_file_and_a_file_to_the_table() -> None:
    """A rate replaces its own metric only, from its date on, and one for a model goes before one for all."""
    prices = {
        "claude-sonnet-4-5": {
            "input_cost_per_token": 1e-6,
            "output_cost_per_token": 2e-6,
            "input_cost_per_token_above_200k_tokens": 5e-6,
        }
    }
    file = LiteLLM(msgspec.json.encode(prices))
    assert priced(book=Book((), file), input_tokens=1000) == (0.001, "computed", file.version)
    assert usd(book=Book((), file), input_tokens=300_000) == 1.5
    assert usd(book=Book((), file), cache_read_tokens=1000) == 0.001
    rates = [
        Rate("llm", "input_tokens", "", AT - timedelta(days=1), Decimal("0.5")),
        Rate("llm", "input_tokens", "claude-sonnet-4-5", AT - timedelta(days=2), Decimal("0.25")),
        Rate("llm", "input_tokens", "claude-sonnet-4-5", AT + timedelta(days=2), Decimal(9)),
    ]
    book = Book(rates, file)
    assert priced(book=book, input_tokens=2, output_tokens=1) == (0.500002, "computed", "rates")
    assert usd(book=book, at=OLD, input_tokens=1000) == 0.001
    assert usd(book=book, model="nobody-knows-this", provider="", input_tokens=1) is None


def test_it_knows_no_cost_beyond_belief() -> None:
    """A rate that makes a row dearer than a million dollars is a mistake: unknown, and never a sum that ran over."""
    for each in (Decimal(1_000_000), Decimal("0.5")):
        book = Book([Rate("llm", "input_tokens", "", OLD, each)])
        assert priced(book=book, input_tokens=4_000_000_000) == (None, "unknown", "")
        assert priced(book=book, input_tokens=1) == (float(each), "computed", "rates")
    row = (0, 1, None, 0, "", "", "", "", "box", "seconds", "1000000000000", None)
    box = Rate("box", "seconds", "", OLD - timedelta(days=36_500), Decimal(1))
    (found,) = usage.of_records(pl.DataFrame([row], schema=RECORDS, orient="row"), Book([box])).to_dicts()
    assert (found["cost_nano_usd"], found["cost_source"], found["price_version"]) == (None, "unknown", "")


def test_it_refuses_a_file_that_tells_no_prices() -> None:
    """An unusable file is an error; a model in it whose fields are no prices is left out."""
    for text in (b"[]", b"{", b"\xff"):
        with pytest.raises(ValueError, match=r"object|Expecting|codec"):
            LiteLLM(text)
    assert (
        LiteLLM(b'{"a": {"input_cost_per_token": "x"}, "b": 5, "c": {"mode": "chat"}}').card("a", "") is None
    )


def test_it_keeps_the_last_good_price_file(tmp_path: Any) -> None:
    """A file that becomes unreadable is told once, and its prices stay; a changed one is read again."""
    path = tmp_path / "prices.json"
    reader = PriceFile(str(path))
    assert reader.read() is None
    path.write_text('{"m": {"input_cost_per_token": 1e-6}}')
    first = reader.read()
    assert first is not None
    assert reader.read() is first
    path.write_text("no json at all")
    assert reader.read() is first
    path.write_text('{"m": {"input_cost_per_token": 2e-6}, "n": {}}')
    second = reader.read()
    assert second is not None
    assert second.version != first.version


def test_it_counts_a_records_tokens_as_tokens() -> None:
    """Whoever served them; with a model they have a price, and other metrics only by a rate."""
    rows = [
        (0, 1, None, 0, "", "", "gpt-5", "", "openai", "input_tokens", "1000", None),
        (0, 2, None, 0, "", "", "", "", "box", "seconds", "0.3", None),
        (0, 3, None, 0, "", "", "", "", "box", "seconds", "0", None),
        (0, 4, None, 0, "", "", "", "", "box", "gigabytes", "2.5", 7),
    ]
    frame = pl.DataFrame(rows, schema=RECORDS, orient="row")
    rates = [Rate("box", "seconds", "", datetime(1970, 1, 1, tzinfo=UTC), Decimal("0.1"))]
    found = usage.of_records(frame, Book(rates)).sort("id")
    assert found["input_tokens"].to_list() == [1000, 0, 0, 0]
    assert found["cost_nano_usd"].to_list() == [1_250_000, 30_000_000, 0, 7]
    assert found["cost_source"].to_list() == ["computed", "computed", "computed", "reported"]
